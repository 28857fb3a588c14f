//! Everything that can go wrong between views and texture.

use hunyuan_paint_image::ImageError;
use hunyuan_paint_raster::RasterError;

/// Why nothing can be rendered or baked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BakeError {
    /// There is nothing to project.
    #[error("expected at least one view, found none")]
    NoViews,
    /// The mesh has no triangles.
    #[error("the mesh has no faces")]
    NoFaces,
    /// The mesh has not exactly one UV per vertex.
    #[error("expected one UV for each of {vertex_count} vertices, found {uv_count}")]
    UvCount {
        /// How many vertices there are.
        vertex_count: usize,
        /// How many UVs there are.
        uv_count: usize,
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
    /// A position or a UV is NaN or infinite.
    #[error("{attribute} of vertex {vertex} is not finite")]
    NotFinite {
        /// Which attribute.
        attribute: &'static str,
        /// The vertex, counted from 0.
        vertex: usize,
    },
    /// An image or the texture has no pixels, or too many.
    #[error("{what}: expected 1 to {limit} pixels a side, found {width}x{height}")]
    Size {
        /// What has that size.
        what: &'static str,
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
        /// The largest side allowed.
        limit: u32,
    },
    /// Two textures that belong together differ in size.
    #[error("{what}: expected {expected} texels a side, found {found}")]
    TextureSize {
        /// Which of the two.
        what: &'static str,
        /// The side that the other has.
        expected: u32,
        /// Its own side.
        found: u32,
    },
    /// A texture's buffer has another number of values than the texture has texels.
    #[error("{buffer}: expected {expected} values, found {found}")]
    BufferLength {
        /// Which buffer.
        buffer: &'static str,
        /// The number of texels.
        expected: usize,
        /// The number of values.
        found: usize,
    },
    /// A view's weight is negative, infinite or NaN.
    #[error("weight of view {view}: expected a finite number of at least 0, found {found}")]
    Weight {
        /// The view, counted from 0.
        view: usize,
        /// Its weight.
        found: f32,
    },
    /// An option lies outside its range.
    #[error("option {option}: expected {expected}, found {found}")]
    Option {
        /// The field of `BakeOptions`.
        option: &'static str,
        /// The values it may have.
        expected: &'static str,
        /// The value it has.
        found: f32,
    },
    /// No view sees any texel well enough, so there is no color to fill the texture from.
    #[error("none of {view_count} views paints any texel")]
    NothingPainted {
        /// How many views there are.
        view_count: usize,
    },
    /// The GPU cannot bind what it would need at once; the CPU can do the same.
    #[error("{buffer}: {found} bytes are needed, but the GPU binds at most {limit} at once")]
    TooLargeForGpu {
        /// What is too large.
        buffer: &'static str,
        /// Its bytes.
        found: u64,
        /// The largest buffer, in bytes.
        limit: u64,
    },
    /// The progress callback asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The rasterizer refused its input.
    #[error("rasterizing failed")]
    Raster {
        /// Why.
        #[from]
        source: RasterError,
    },
    /// The inpainting refused its input.
    #[error("inpainting failed")]
    Image {
        /// Why.
        #[from]
        source: ImageError,
    },
}
