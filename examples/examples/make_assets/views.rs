//! Renders the mesh without any light.

use std::error::Error;

use glam::{Vec2, Vec3, Vec4};
use hunyuan_paint::{
    mesh::{Camera, CanonicalMesh, Mesh},
    raster::{NO_FACE, RasterError, RasterOptions, Size, View, interpolate, rasterize},
};
use image::RgbImage;
use rayon::prelude::*;

use crate::{
    photo::{subpixels, to_byte},
    robot,
};

/// Renders the mesh from each camera in the robot's own colors on white, `side` pixels a side, on the pixel grid of
/// [`render_condition_maps`](hunyuan_paint::bake::render_condition_maps).
pub(crate) fn unlit_views(
    positions: &[Vec3],
    faces: &[[u32; 3]],
    cameras: &[Camera],
    side: u32,
) -> Result<Vec<RgbImage>, Box<dyn Error>> {
    // `CanonicalMesh` requires UVs, which the cameras do not use.
    let uvs = Some(vec![Vec2::ZERO; positions.len()]);
    let mesh = Mesh { positions: positions.to_vec(), faces: faces.to_vec(), uvs, ..Mesh::default() };
    let positions_paint = CanonicalMesh::new(&mesh)?.positions;
    let view = |camera: &Camera| {
        let clip_from_world = camera.clip_from_view() * camera.view_from_world();
        let positions_clip: Vec<Vec4> =
            positions_paint.iter().map(|p| clip_from_world * p.extend(1.0)).collect();
        Ok(unlit_view(positions, &positions_clip, faces, side)?)
    };
    cameras.iter().map(view).collect()
}

/// Renders the mean of one image per subpixel offset.
fn unlit_view(
    positions: &[Vec3],
    positions_clip: &[Vec4],
    faces: &[[u32; 3]],
    side: u32,
) -> Result<RgbImage, RasterError> {
    let attributes: Vec<[f32; 3]> = positions.iter().map(|p| p.to_array()).collect();
    let size = Size::square(side);
    // NDC spans from the first pixel's center to the last one's.
    let ndc_per_pixel = 2.0 / (side - 1) as f32;
    let mut sums = vec![Vec3::ZERO; size.pixel_count()];
    let mut count = 0.0;
    for offset in subpixels() {
        let shift = (offset * ndc_per_pixel).extend(0.0).extend(0.0);
        let shifted: Vec<Vec4> = positions_clip.iter().map(|&p| p - shift * p.w).collect();
        let visibility = rasterize(&View::new(&shifted, size), faces, RasterOptions::default())?;
        let pixels = interpolate(&attributes, faces, &visibility)?;
        let samples = visibility.face_index.par_iter().zip(pixels);
        sums.par_iter_mut().zip(samples).for_each(|(sum, (face, position))| {
            *sum += if *face == NO_FACE { Vec3::ONE } else { robot::color(position.into()) };
        });
        count += 1.0;
    }
    let bytes = sums.into_iter().flat_map(|sum| (sum / count).to_array().map(to_byte)).collect();
    Ok(RgbImage::from_raw(side, side, bytes).unwrap_or_default())
}
