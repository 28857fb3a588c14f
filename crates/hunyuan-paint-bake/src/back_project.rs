//! Scatters the pixels of a view into a texture.

use glam::Vec3;
use hunyuan_paint_mesh::{Camera, CanonicalMesh, vertex_normals};
use hunyuan_paint_raster::interpolate_at;
use image::RgbImage;
use rayon::prelude::*;

use crate::{
    BakeError, BakeOptions, check,
    drawn_view::DrawnView,
    reliable_depth::{depth_edges, drop_unreliable},
    splat::{Sample, splat},
};

/// Colors and cosines of one view, in a square texture. One value per texel, row by row; v
/// increases downward.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectedView {
    /// Colors from 0 to 1; black at texels that the view does not cover.
    pub texture: Vec<[f32; 3]>,
    /// Cosine, 0 to 1, of the angle between the surface's normal and the direction to the camera
    /// plane. It is 0 at texels that the view does not cover, and where the angle exceeds
    /// [`BakeOptions::view_angle_max_degrees`].
    pub cosine: Vec<f32>,
    /// Projected edges of the depth map, 0 to 1. Always 0, because pixels at edges are left out.
    pub boundary: Vec<f32>,
    /// Texels along each side.
    pub texture_size: u32,
}

/// Scatters the pixels of a view into a texture, as the original does
/// ([`Transfer::Reference`](crate::Transfer::Reference)). Sums are in the original's order.
///
/// Pixels near the object's outline, or near an edge in the depth map, are left out: there the
/// image may show another part of the object than the mesh does. (The margin is 1 pixel for every
/// 256 of the view's longer side.) Each other pixel adds to the four texels around its UV, with
/// bilinear weights. UVs are clamped to 0…1.
///
/// # Errors
/// If the mesh is empty or inconsistent, the view or the texture is not 1 to
/// [`Size::LIMIT`](hunyuan_paint_raster::Size::LIMIT) pixels a side, or an option is out of range.
pub fn back_project(
    mesh: &CanonicalMesh,
    camera: &Camera,
    view: &RgbImage,
    texture_size: u32,
    options: &BakeOptions,
) -> Result<ProjectedView, BakeError> {
    check::mesh(mesh)?;
    options.validate()?;
    check::size("texture", texture_size, texture_size)?;
    let size = check::size("view", view.width(), view.height())?;

    // 1. Draw the mesh.
    let drawn = DrawnView::new(mesh, camera, size)?;
    let normals_view = vertex_normals(&drawn.positions_view, &mesh.faces);
    let attributes: Vec<[f32; 5]> = (mesh.uvs.iter().zip(&normals_view))
        .map(|(uv, normal)| [uv.x, uv.y, normal.x, normal.y, normal.z])
        .collect();

    // 2. Drop unreliable pixels.
    let mut z_view = drawn.z_view(mesh);
    let edges = depth_edges(&z_view, size, 0.0);
    drop_unreliable(&mut z_view, &edges, size);

    // 3. Scatter the remaining ones.
    let texel_scale = (texture_size - 1) as f32;
    let cosine_min = options.cosine_min();
    let pixel_at = |((pixel, z), color): ((usize, &f32), &[u8; 3])| {
        if z.is_nan() {
            return None;
        }
        let [u, v, nx, ny, nz] = interpolate_at(&attributes, &mesh.faces, &drawn.visibility, pixel)?;
        // With a perspective camera inside the mesh, UVs may be infinite or NaN.
        if !u.is_finite() || !v.is_finite() {
            return None;
        }
        let cosine = cosine_to_camera(Vec3::new(nx, ny, nz));
        let [r, g, b] = color.map(|byte| f32::from(byte) / 255.0);
        Some(Sample {
            texel: [u, v].map(|coordinate| coordinate.clamp(0.0, 1.0) * texel_scale),
            value: [r, g, b, if cosine >= cosine_min { cosine } else { 0.0 }],
        })
    };
    let pixels = z_view.par_iter().enumerate().zip(view.as_chunks::<3>().0).filter_map(pixel_at);
    let samples: Vec<Sample> = pixels.collect();
    let texels = splat(&samples, texture_size as usize);
    let (texture, cosine): (Vec<[f32; 3]>, Vec<f32>) =
        texels.par_iter().map(|&[r, g, b, cosine]| ([r, g, b], cosine)).unzip();
    let boundary = vec![0.0; cosine.len()];
    Ok(ProjectedView { texture, cosine, boundary, texture_size })
}

/// Returns the cosine of the angle between a view-space normal of any length and (0, 0, −1), the
/// direction that the camera looks in. The sign is right because the normals of a mesh in canonical
/// space point inward. The fused steps make the cosine equal to the original's, bit for bit.
fn cosine_to_camera(Vec3 { x, y, z }: Vec3) -> f32 {
    let length = z.mul_add(z, y.mul_add(y, x * x)).sqrt();
    -z / length.max(1e-8)
}
