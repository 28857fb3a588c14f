//! The errors: invalid input, and failures of a GPU.

use crate::DepthKey;

/// The reason why a mesh was not rasterized.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RasterError {
    /// The image has no pixels, or too many.
    #[error("image size: expected 1 to {limit} pixels a side, found {width}x{height}")]
    Size {
        /// The requested width, in pixels.
        width: u32,
        /// The requested height, in pixels.
        height: u32,
        /// The largest width or height allowed, in pixels.
        limit: u32,
    },
    /// A face refers to a vertex that does not exist.
    #[error("face {face} names vertex {vertex}, but there are {vertex_count} vertices")]
    VertexOutOfRange {
        /// The face, counted from 0.
        face: usize,
        /// The index of the missing vertex.
        vertex: u32,
        /// The number of vertices.
        vertex_count: usize,
    },
    /// A pixel of the visibility buffer refers to a face that does not exist.
    #[error("pixel {pixel} shows face {face}, but there are {face_count} faces")]
    FaceOutOfRange {
        /// The pixel, counted row by row from 0.
        pixel: usize,
        /// The index of the missing face.
        face: u32,
        /// The number of faces.
        face_count: usize,
    },
    /// The mesh has more faces than a depth key can distinguish.
    #[error("expected at most {limit} faces, found {found}")]
    TooManyFaces {
        /// The largest number of faces allowed.
        limit: usize,
        /// The number of faces given.
        found: usize,
    },
    /// The number of values in a buffer differs from the number of pixels or vertices.
    #[error("{buffer}: expected {expected} values, found {found}")]
    BufferLength {
        /// The name of the buffer.
        buffer: &'static str,
        /// The expected number of values.
        expected: usize,
        /// The number of values in the buffer.
        found: usize,
    },
    /// The system has no GPU, or the GPU cannot be opened.
    #[error("no GPU: {reason}")]
    NoGpu {
        /// The message of wgpu.
        reason: String,
    },
    /// A mesh was uploaded to another device, or attributes were uploaded for another mesh.
    #[error("the {resource} were uploaded for another {owner}")]
    Foreign {
        /// The resource: `faces` or `attributes`.
        resource: &'static str,
        /// The owner that differs: `device` or `mesh`.
        owner: &'static str,
    },
    /// The GPU does not support the requested depth key.
    #[error("the depth key {depth_key:?} needs 64-bit atomic minimum, which the GPU does not support")]
    UnsupportedDepthKey {
        /// The requested depth key.
        depth_key: DepthKey,
    },
    /// A single row of pixels needs a larger buffer than the GPU can bind.
    #[error(
        "image width: expected rows of at most {limit} bytes, the largest buffer of the GPU, found {found}"
    )]
    RowTooLarge {
        /// The size of one row, in bytes.
        found: u64,
        /// The size of the largest buffer that can be bound, in bytes.
        limit: u64,
    },
    /// An operation of the GPU failed.
    #[error("the GPU failed while {operation}: {reason}")]
    Gpu {
        /// The operation, such as `drawing`.
        operation: &'static str,
        /// The cause, usually a message of wgpu.
        reason: String,
    },
}
