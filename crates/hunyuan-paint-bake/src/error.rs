//! The error type of the crate.

use hunyuan_paint_image::ImageError;
use hunyuan_paint_raster::RasterError;

/// An error of rendering or baking.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BakeError {
    /// There are no views.
    #[error("expected at least one view, found none")]
    NoViews,
    /// The mesh has no triangles.
    #[error("mesh: expected at least one face, found none")]
    NoFaces,
    /// The mesh does not have exactly one UV per vertex.
    #[error("expected one UV for each of {vertex_count} vertices, found {uv_count}")]
    UvCount {
        /// Number of vertices.
        vertex_count: usize,
        /// Number of UVs.
        uv_count: usize,
    },
    /// The index of a face's vertex is out of range.
    #[error("face {face} names vertex {vertex}, but there are {vertex_count} vertices")]
    VertexOutOfRange {
        /// Index of the face.
        face: usize,
        /// Index of the vertex.
        vertex: u32,
        /// Number of vertices.
        vertex_count: usize,
    },
    /// A position or a UV is NaN or infinite.
    #[error("{attribute} of vertex {vertex} is not finite")]
    NotFinite {
        /// Name of the attribute.
        attribute: &'static str,
        /// Index of the vertex.
        vertex: usize,
    },
    /// The size of an image, a map or the texture is out of range.
    #[error("{what}: expected 1 to {limit} pixels a side, found {width}x{height}")]
    Size {
        /// Name of the image.
        what: &'static str,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Maximum side in pixels.
        limit: u32,
    },
    /// Two textures, or a texture and its charts, differ in size.
    #[error("{what}: expected {expected} texels a side, found {found}")]
    TextureSize {
        /// Name of the texture.
        what: &'static str,
        /// Expected side in texels.
        expected: u32,
        /// Side found, in texels.
        found: u32,
    },
    /// The length of a buffer does not match what it belongs to: the size of its image, or the
    /// number of views.
    #[error("{buffer}: expected {expected} values, found {found}")]
    BufferLength {
        /// Name of the buffer.
        buffer: &'static str,
        /// Expected number of values.
        expected: usize,
        /// Number of values found.
        found: usize,
    },
    /// A view's weight is negative, infinite or NaN.
    #[error("weight of view {view}: expected a finite number of at least 0, found {found}")]
    Weight {
        /// Index of the view.
        view: usize,
        /// Weight of the view.
        found: f32,
    },
    /// An option is out of range.
    #[error("option {option}: expected {expected}, found {found}")]
    Option {
        /// Name of the field of [`BakeOptions`](crate::BakeOptions) or
        /// [`AutomaticViews`](crate::AutomaticViews).
        option: &'static str,
        /// Allowed values.
        expected: &'static str,
        /// Value of the field.
        found: f32,
    },
    /// The views cover no texel, so there is no color to fill the texture from.
    #[error("none of {view_count} views covers any texel; check the cameras, the weights and the UVs")]
    NothingPainted {
        /// Number of views.
        view_count: usize,
    },
    /// A buffer exceeds the GPU's binding limit. The CPU can do the same work.
    #[error("{buffer}: expected at most {limit} bytes, which the GPU can bind, found {found}; use the CPU")]
    TooLargeForGpu {
        /// Name of the buffer.
        buffer: &'static str,
        /// Size of the buffer in bytes.
        found: u64,
        /// Maximum size of a bound buffer, in bytes.
        limit: u64,
    },
    /// The progress callback returned `Break`.
    #[error("cancelled")]
    Cancelled,
    /// The rasterizer failed.
    #[error("rasterizing failed")]
    Raster {
        /// The cause.
        #[from]
        source: RasterError,
    },
    /// Resizing or inpainting an image failed.
    #[error("resizing or inpainting an image failed")]
    Image {
        /// The cause.
        #[from]
        source: ImageError,
    },
}
