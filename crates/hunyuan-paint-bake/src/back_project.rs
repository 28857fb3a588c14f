//! From a view of the object to a texture.

use glam::Vec3;
use hunyuan_paint_mesh::{Camera, CanonicalMesh, vertex_normals};
use hunyuan_paint_raster::interpolate_at;
use image::RgbImage;
use rayon::prelude::*;

use crate::{
    BakeError, BakeOptions, Transfer, check, ordered_splat,
    reliable_depth::{depth_edges, drop_unreliable},
    splat::{COSINE_ONE, Mean, Sample, splat, weight_bits},
    view::View,
};

/// What one view knows of the texture. Square, one value per texel, v down the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectedView {
    /// Colors from 0 to 1; zeros where the view sees nothing.
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
/// A pixel adds to the four texels around its UV, with bilinear weights; UVs outside 0 to 1 are clamped. With
/// [`Transfer::Reference`] sums are made of floats in the original's order, else of integers.
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
    let pixel_at = |((pixel, z), color): ((usize, &f32), &[u8; 3])| {
        if z.is_nan() {
            return None;
        }
        let [u, v, nx, ny, nz] = interpolate_at(&attributes, &mesh.faces, &seen.visibility, pixel)?;
        // Not finite where a perspective camera stands inside the mesh.
        let is_somewhere = u.is_finite() && v.is_finite();
        let place = [u, v].map(|coordinate| coordinate.clamp(0.0, 1.0) * texel_scale);
        is_somewhere.then_some((place, *color, Vec3::new(nx, ny, nz)))
    };
    let pixels = z_view.par_iter().enumerate().zip(view.as_chunks::<3>().0).filter_map(pixel_at);
    let (texture, cosine): (Vec<[f32; 3]>, Vec<f32>) = if options.transfer == Transfer::Reference {
        let sample = |(texel, color, normal): ([f32; 2], [u8; 3], Vec3)| {
            let cosine = fused_cosine_to_camera(normal);
            let [r, g, b] = color.map(|byte| f32::from(byte) / 255.0);
            let cosine = if cosine >= cosine_min { cosine } else { 0.0 };
            ordered_splat::Sample { texel, value: [r, g, b, cosine] }
        };
        let samples: Vec<ordered_splat::Sample> = pixels.map(sample).collect();
        let texels = ordered_splat::splat(&samples, texture_size as usize);
        texels.par_iter().map(|&[r, g, b, cosine]| ([r, g, b], cosine)).unzip()
    } else {
        let weight_bits = weight_bits(size.pixel_count());
        let sample = |(place, color, normal): ([f32; 2], [u8; 3], Vec3)| {
            let cosine = quantized_cosine(cosine_to_camera(normal), cosine_min);
            Sample::new(place, color, cosine, texture_size, weight_bits)
        };
        let samples: Vec<Sample> = pixels.map(sample).collect();
        let texels = splat(&samples, texture_size as usize, weight_bits);
        texels.par_iter().map(|&Mean { color, cosine }| (color, cosine)).unzip()
    };
    let boundary = vec![0.0; cosine.len()];
    Ok(ProjectedView { texture, cosine, boundary, texture_size })
}

/// Cosine of the angle between a view-space normal of any length and (0, 0, −1), the axis that the camera
/// looks along: the faces of a mesh in canonical space wind so that their normals point inwards.
///
/// Each product, sum, root and quotient is rounded by itself, so that a GPU can do the same.
fn cosine_to_camera(Vec3 { x, y, z }: Vec3) -> f32 {
    let length = (x * x + y * y + z * z).sqrt();
    -z / length.max(1e-8)
}

/// The same with fused steps as the original has them, whose cosines are then met bit for bit.
fn fused_cosine_to_camera(Vec3 { x, y, z }: Vec3) -> f32 {
    let length = z.mul_add(z, y.mul_add(y, x * x)).sqrt();
    -z / length.max(1e-8)
}

/// A cosine of at least `cosine_min` in steps of 1 / [`COSINE_ONE`]; 0 for a lesser one.
fn quantized_cosine(cosine: f32, cosine_min: f32) -> u16 {
    if cosine >= cosine_min { (cosine * f32::from(COSINE_ONE) + 0.5) as u16 } else { 0 }
}
