//! Everything that can be wrong with the input, and with a GPU.

use crate::DepthKey;

/// Why a mesh cannot be rasterized.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RasterError {
    /// The image has no pixels, or too many.
    #[error("image size: expected 1 to {limit} pixels a side, found {width}x{height}")]
    Size {
        /// The width asked for, in pixels.
        width: u32,
        /// The height asked for, in pixels.
        height: u32,
        /// The largest side allowed.
        limit: u32,
    },
    /// A face names a vertex that does not exist.
    #[error("face {face} names vertex {vertex}, but there are {vertex_count} vertices")]
    VertexOutOfRange {
        /// The face, counted from 0.
        face: usize,
        /// The vertex that it names.
        vertex: u32,
        /// How many vertices there are.
        vertex_count: usize,
    },
    /// A pixel of the visibility buffer names a face that does not exist.
    #[error("pixel {pixel} shows face {face}, but there are {face_count} faces")]
    FaceOutOfRange {
        /// The pixel, counted row by row from 0.
        pixel: usize,
        /// The face that it names.
        face: u32,
        /// How many faces there are.
        face_count: usize,
    },
    /// There are more faces than a pixel's key can tell apart.
    #[error("expected at most {limit} faces, found {found}")]
    TooManyFaces {
        /// The largest number of faces allowed.
        limit: usize,
        /// The number of faces given.
        found: usize,
    },
    /// A buffer has another number of values than there are pixels, or vertices.
    #[error("{buffer}: expected {expected} values, found {found}")]
    BufferLength {
        /// Which buffer.
        buffer: &'static str,
        /// How many there should be.
        expected: usize,
        /// The number of values.
        found: usize,
    },
    /// There is no GPU, or it cannot be opened.
    #[error("no GPU: {reason}")]
    NoGpu {
        /// What the system says.
        reason: String,
    },
    /// A mesh, or a mesh's attributes, belong to another device or another mesh.
    #[error("the {resource} were uploaded for another {owner}")]
    Foreign {
        /// What does not belong.
        resource: &'static str,
        /// What it should belong to.
        owner: &'static str,
    },
    /// The GPU lacks what a depth key needs.
    #[error("the GPU has no 64-bit atomic minimum, which the depth key {depth_key:?} needs")]
    UnsupportedDepthKey {
        /// The key asked for.
        depth_key: DepthKey,
    },
    /// A row of pixels needs more than the GPU can bind at once.
    #[error("a row of pixels needs {found} bytes, but the GPU binds at most {limit} at once")]
    RowTooLarge {
        /// The bytes of one row.
        found: u64,
        /// The largest buffer, in bytes.
        limit: u64,
    },
    /// The GPU failed.
    #[error("the GPU failed while {operation}: {reason}")]
    Gpu {
        /// What it was asked to do.
        operation: &'static str,
        /// What it says.
        reason: String,
    },
}
