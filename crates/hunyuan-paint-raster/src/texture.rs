//! The rasterization of a texture: finds the face of every texel, and its place on that face.
//!
//! Texel (column, row) is sampled at its center, u = (column + 0.5) / resolution and v = 1 − (row +
//! 0.5) / resolution. Row 0 is the top of the texture, where v is 1. Coverage is watertight
//! ([`Coverage::FixedPoint`]): along a shared edge, each texel belongs to one face. Where faces
//! overlap, the one with the lowest index wins.
//!
//! The operations are those of the texture baker of stable-fast-3d, with two differences. That
//! baker samples texels at their corner, u = column / resolution and v = 1 − row / resolution; add
//! half a texel to u and subtract half a texel from v to get its results. Where faces overlap, it
//! takes the one that its search tree finds first.
//!
//! On a GPU, draw a [`View`] of [`clip_positions`] with [`OPTIONS`].

use glam::{Vec2, Vec4};

use crate::{Coverage, NO_FACE, RasterError, RasterOptions, Size, View, Viewport, VisibilityBuffer};

pub use crate::interpolate;

/// The options with which textures are drawn.
pub const OPTIONS: RasterOptions =
    RasterOptions { coverage: Coverage::FixedPoint, viewport: Viewport::ImageEdges, depth_key: None };

/// Returns the clip-space positions of texture coordinates, for a view of the whole texture.
pub fn clip_positions(uvs: &[Vec2]) -> Vec<Vec4> {
    uvs.iter().map(|uv| Vec4::new(2.0 * uv.x - 1.0, 1.0 - 2.0 * uv.y, 0.0, 1.0)).collect()
}

/// Finds the face of every texel of a square texture, and the barycentrics of the texel on it.
/// Faces may extend beyond the texture.
///
/// # Errors
/// Fails if the resolution is not 1 to [`Size::LIMIT`], or a face refers to a vertex without
/// texture coordinates.
pub fn rasterize(uvs: &[Vec2], faces: &[[u32; 3]], resolution: u32) -> Result<VisibilityBuffer, RasterError> {
    crate::rasterize(&View::new(&clip_positions(uvs), Size::square(resolution)), faces, OPTIONS)
}

/// Returns for each texel whether a face covers it.
pub fn mask(raster: &VisibilityBuffer) -> Vec<bool> {
    raster.face_index.iter().map(|&face| face != NO_FACE).collect()
}
