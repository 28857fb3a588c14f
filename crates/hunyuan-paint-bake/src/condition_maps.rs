//! The maps that tell the diffusion model what the object looks like.

use glam::Vec3;
use hunyuan_paint_mesh::{Camera, PaintMesh, vertex_normals};
use hunyuan_paint_raster::interpolate_at;
use image::RgbImage;
use rayon::prelude::*;

use crate::{
    BakeError, check,
    view::{View, normalize_depth},
};

/// Normal, position and depth of what a camera sees; square, rows from the top.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionMaps {
    /// Smooth normals in paint space, −1…1 as 0…255; white background.
    pub normal: RgbImage,
    /// Positions in paint space, `0.5 − p / 1.15` as 0…255; white background.
    pub position: RgbImage,
    /// One value per pixel: 1 at the nearest visible point, 0 at the farthest and on the background.
    pub depth: Vec<f32>,
}

/// Renders what the diffusion model is told about a view, `resolution` pixels a side.
///
/// # Errors
/// If the mesh is empty or inconsistent, or the resolution is not 1 to [`Size::LIMIT`](hunyuan_paint_raster::Size::LIMIT).
pub fn render_condition_maps(
    mesh: &PaintMesh,
    camera: &Camera,
    resolution: u32,
) -> Result<ConditionMaps, BakeError> {
    check::mesh(mesh)?;
    let size = check::size("condition map", resolution, resolution)?;
    let view = View::new(mesh, camera, size)?;

    let attributes = condition_attributes(mesh);
    let mut normal = RgbImage::new(resolution, resolution);
    let mut position = RgbImage::new(resolution, resolution);
    let pixels = normal.as_chunks_mut().0.par_iter_mut().zip(position.as_chunks_mut().0.par_iter_mut());
    pixels.enumerate().for_each(|(pixel, (normal, position))| {
        (*normal, *position) = match interpolate_at(&attributes, &mesh.faces, &view.visibility, pixel) {
            Some([x, y, z, nx, ny, nz]) => {
                ([nx, ny, nz].map(|n| to_byte((n + 1.0) * 0.5)), [x, y, z].map(to_byte))
            }
            None => ([255; 3], [255; 3]),
        };
    });
    Ok(ConditionMaps { normal, position, depth: normalize_depth(&view.z_view(mesh)) })
}

/// For each vertex the colour of its position, and its normal.
pub(crate) fn condition_attributes(mesh: &PaintMesh) -> Vec<[f32; 6]> {
    let normals = vertex_normals(&mesh.positions, &mesh.faces);
    let attributes = |(position, normal): (&Vec3, &Vec3)| {
        let [x, y, z] = position.to_array().map(|p| 0.5 - p / PaintMesh::DIAMETER);
        [x, y, z, normal.x, normal.y, normal.z]
    };
    mesh.positions.iter().zip(&normals).map(attributes).collect()
}

/// 0…1 as a byte, towards zero.
pub(crate) fn to_byte(value: f32) -> u8 {
    (value * 255.0) as u8
}
