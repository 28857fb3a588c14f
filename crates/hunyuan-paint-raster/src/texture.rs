//! The operations of a texture baker: which face does each texel belong to, and what is there?
//!
//! Texel (column, row) is sampled at its center, u = (column + 0.5) / resolution and
//! v = 1 − (row + 0.5) / resolution: row 0 is the top of the texture, where v is 1. A texel belongs to the lowest
//! of the faces that cover it, by the watertight rule ([`Coverage::FixedPoint`]), so that along a shared edge
//! each texel has one face.
//!
//! These are the operations of the texture baker of stable-fast-3d. That one samples texels at their corner,
//! u = column / resolution and v = 1 − row / resolution: adding half a texel to u, and taking it from v, gives
//! its places. It takes whichever face its search tree comes to first.
//!
//! On a GPU, draw a [`View`] of [`clip_positions`] with [`OPTIONS`].

use glam::{Vec2, Vec4};

use crate::{Coverage, NO_FACE, RasterError, RasterOptions, Size, View, Viewport, VisibilityBuffer};

pub use crate::interpolate;

/// How a texture is drawn.
pub const OPTIONS: RasterOptions =
    RasterOptions { coverage: Coverage::FixedPoint, viewport: Viewport::ImageEdges, depth_key: None };

/// Where texture coordinates lie in clip space, for a view of the whole texture.
pub fn clip_positions(uvs: &[Vec2]) -> Vec<Vec4> {
    uvs.iter().map(|uv| Vec4::new(2.0 * uv.x - 1.0, 1.0 - 2.0 * uv.y, 0.0, 1.0)).collect()
}

/// Finds the face of every texel of a square texture, and where on it the texel lies. Faces may reach out of the
/// texture.
///
/// # Errors
/// If the resolution is not 1 to [`Size::LIMIT`], or a face names a vertex that has no texture coordinates.
pub fn rasterize(uvs: &[Vec2], faces: &[[u32; 3]], resolution: u32) -> Result<VisibilityBuffer, RasterError> {
    crate::rasterize(&View::new(&clip_positions(uvs), Size::square(resolution)), faces, OPTIONS)
}

/// Whether each texel belongs to a face.
pub fn mask(raster: &VisibilityBuffer) -> Vec<bool> {
    raster.face_index.iter().map(|&face| face != NO_FACE).collect()
}
