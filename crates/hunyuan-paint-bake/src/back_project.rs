//! From a view of the object to a texture.

use glam::Vec3;
use hunyuan_paint_mesh::{Camera, PaintMesh, vertex_normals};
use hunyuan_paint_raster::interpolate_at;
use image::RgbImage;
use rayon::prelude::*;

use crate::{
    BakeError, BakeOptions, check,
    reliable_depth::{depth_edges, drop_unreliable},
    splat::{COSINE_ONE, Mean, Sample, splat, weight_bits},
    view::View,
};

/// What one view knows of the texture. Square, one value per texel, v down the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectedView {
    /// Colours from 0 to 1; zeros where the view sees nothing.
    pub texture: Vec<[f32; 3]>,
    /// Cosine of the angle between the surface's normal and the direction to the camera plane, 0 to 1; 0 where
    /// the view sees nothing, or too flatly.
    pub cosine: Vec<f32>,
    /// Edges in the depth map that were projected, 0 to 1: all 0, as edges are left out themselves.
    pub boundary: Vec<f32>,
    /// Texels along each side.
    pub texture_size: u32,
}

/// Puts the pixels of a view where the camera sees them in the texture.
///
/// Pixels near the object's outline, or near an edge in the depth map, are left out: there the image may
/// show another part of the object than the mesh does. (The margin is 1 pixel for every 256 of the view's
/// longer side.)
/// A pixel adds to the four texels around its UV, with bilinear weights; UVs outside 0 to 1 are clamped.
///
/// # Errors
/// If the mesh is empty or inconsistent, the view or the texture is not 1 to
/// [`Size::LIMIT`](hunyuan_paint_raster::Size::LIMIT) pixels a side, or an option is out of range.
pub fn back_project(
    mesh: &PaintMesh,
    camera: &Camera,
    view: &RgbImage,
    texture_size: u32,
    options: &BakeOptions,
) -> Result<ProjectedView, BakeError> {
    check::mesh(mesh)?;
    options.validate()?;
    check::size("texture", texture_size, texture_size)?;
    let size = check::size("view", view.width(), view.height())?;

    // 1. What each pixel sees.
    let seen = View::new(mesh, camera, size)?;
    let normals_view = vertex_normals(&seen.positions_view, &mesh.faces);
    let attributes: Vec<[f32; 5]> = (mesh.uvs.iter().zip(&normals_view))
        .map(|(uv, normal)| [uv.x, uv.y, normal.x, normal.y, normal.z])
        .collect();

    // 2. Which pixels can be relied on.
    let mut z_view = seen.z_view(mesh);
    let edges = depth_edges(&z_view, size, 0.0);
    drop_unreliable(&mut z_view, &edges, size);

    // 3. Those pixels, scattered into the texture.
    let texel_scale = (texture_size - 1) as f32;
    let cosine_min = options.cosine_min();
    let weight_bits = weight_bits(size.pixel_count());
    let sample = |((pixel, z), color): ((usize, &f32), &[u8; 3])| {
        if z.is_nan() {
            return None;
        }
        let [u, v, nx, ny, nz] = interpolate_at(&attributes, &mesh.faces, &seen.visibility, pixel)?;
        // Not finite where a perspective camera stands inside the mesh.
        (u.is_finite() && v.is_finite()).then(|| {
            let place = [u, v].map(|coordinate| coordinate.clamp(0.0, 1.0) * texel_scale);
            let cosine = quantized_cosine(cosine_to_camera(Vec3::new(nx, ny, nz)), cosine_min);
            Sample::new(place, *color, cosine, texture_size, weight_bits)
        })
    };
    let colors = view.as_chunks::<3>().0;
    let samples: Vec<Sample> = z_view.par_iter().enumerate().zip(colors).filter_map(sample).collect();

    let texels = splat(&samples, texture_size as usize, weight_bits);
    let (texture, cosine) = texels.par_iter().map(|&Mean { color, cosine }| (color, cosine)).unzip();
    Ok(ProjectedView { texture, cosine, boundary: vec![0.0; texels.len()], texture_size })
}

/// Cosine of the angle between a view-space normal of any length and (0, 0, −1), the axis that the camera
/// looks along: the faces of a mesh in paint space wind so that their normals point inwards.
///
/// Each product, sum, root and quotient is rounded by itself, so that a GPU can do the same. (The original's products
/// are fused with the sums.)
fn cosine_to_camera(Vec3 { x, y, z }: Vec3) -> f32 {
    let length = (x * x + y * y + z * z).sqrt();
    -z / length.max(1e-8)
}

/// A cosine of at least `cosine_min` in steps of 1 / [`COSINE_ONE`]; 0 for a lesser one.
fn quantized_cosine(cosine: f32, cosine_min: f32) -> u16 {
    if cosine >= cosine_min { (cosine * f32::from(COSINE_ONE) + 0.5) as u16 } else { 0 }
}
