//! The maps that tell the diffusion model what the object looks like.

use hunyuan_paint_mesh::{Camera, PaintMesh, vertex_normals};
use hunyuan_paint_raster::{NO_FACE, interpolate};
use image::RgbImage;
use rayon::prelude::*;

use crate::{
    BakeError, check,
    view::{View, normalized_depth},
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
    let View { positions_view, visibility } = View::new(mesh, camera, size)?;

    let normals = vertex_normals(&mesh.positions, &mesh.faces);
    let attributes: Vec<[f32; 7]> = (mesh.positions.iter().zip(&normals).zip(&positions_view))
        .map(|((position, normal), view)| {
            let [x, y, z] = position.to_array().map(|p| 0.5 - p / PaintMesh::DIAMETER);
            [x, y, z, normal.x, normal.y, normal.z, view.z]
        })
        .collect();
    let pixels = interpolate(&attributes, &mesh.faces, &visibility)?;

    let mut normal = RgbImage::new(resolution, resolution);
    let mut position = RgbImage::new(resolution, resolution);
    let bytes = normal.as_chunks_mut().0.par_iter_mut().zip(position.as_chunks_mut().0.par_iter_mut());
    visibility.face_index.par_iter().zip(&pixels).zip(bytes).for_each(
        |((face, pixel), (normal, position))| {
            let [x, y, z, nx, ny, nz, _] = *pixel;
            let visible = *face != NO_FACE;
            *normal = if visible { [nx, ny, nz].map(|n| to_byte((n + 1.0) * 0.5)) } else { [255; 3] };
            *position = if visible { [x, y, z].map(to_byte) } else { [255; 3] };
        },
    );
    let z_view: Vec<f32> = pixels.par_iter().map(|pixel| pixel[6]).collect();
    let depth = normalized_depth(&visibility.face_index, &z_view);
    Ok(ConditionMaps { normal, position, depth })
}

/// 0…1 as a byte, towards zero.
pub(crate) fn to_byte(value: f32) -> u8 {
    (value * 255.0) as u8
}
