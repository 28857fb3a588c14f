//! The normal and position maps that condition the diffusion model.

use glam::Vec3;
use hunyuan_paint_mesh::{Camera, CanonicalMesh, vertex_normals};
use hunyuan_paint_raster::interpolate_at;
use image::RgbImage;
use rayon::prelude::*;

use crate::{
    BakeError, ReliableDepth, check,
    drawn_view::{DrawnView, depth_bounds, normalize_depth},
};

/// Normal and position map of one camera; square, the top row first.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionMaps {
    /// Smooth normals in canonical space; −1…1 is mapped to 0…255. The background is white.
    pub normal: RgbImage,
    /// Positions p in canonical space, as `0.5 − p / 1.15`; 0…1 is mapped to 0…255. The background
    /// is white.
    pub position: RgbImage,
}

/// A mesh prepared for rendering condition maps from any number of cameras.
#[derive(Clone, Debug)]
pub struct ViewRenderer<'a> {
    mesh: &'a CanonicalMesh,
    /// See [`condition_attributes`].
    attributes: Vec<[f32; 6]>,
}

impl<'a> ViewRenderer<'a> {
    /// Computes the vertex attributes that all views share.
    ///
    /// # Errors
    /// If the mesh is empty or inconsistent.
    pub fn new(mesh: &'a CanonicalMesh) -> Result<Self, BakeError> {
        check::mesh(mesh)?;
        Ok(Self { mesh, attributes: condition_attributes(mesh) })
    }

    /// Renders the condition maps and the reliable depth of a view, `resolution` pixels a side.
    ///
    /// # Errors
    /// If the resolution is not 1 to [`Size::LIMIT`](hunyuan_paint_raster::Size::LIMIT).
    pub fn render(
        &self,
        camera: &Camera,
        resolution: u32,
    ) -> Result<(ConditionMaps, ReliableDepth), BakeError> {
        let view = DrawnView::new(self.mesh, camera, check::size("condition map", resolution, resolution)?)?;
        Ok((self.condition_maps(&view, resolution), ReliableDepth::of(&view, self.mesh)))
    }

    fn condition_maps(&self, view: &DrawnView, resolution: u32) -> ConditionMaps {
        let mut normal = RgbImage::new(resolution, resolution);
        let mut position = RgbImage::new(resolution, resolution);
        let width = resolution as usize;
        let rows = normal.par_chunks_mut(3 * width).zip(position.par_chunks_mut(3 * width)).enumerate();
        rows.for_each(|(row, (normal, position))| {
            // Uses the widest vector instructions of the processor; no operations are fused.
            pulp::Arch::new().dispatch(
                #[inline(always)]
                || {
                    let pixels = (row * width..).zip(normal.as_chunks_mut().0.iter_mut());
                    for ((pixel, normal), position) in pixels.zip(position.as_chunks_mut().0) {
                        (*normal, *position) = self.bytes_at(view, pixel);
                    }
                },
            );
        });
        ConditionMaps { normal, position }
    }

    /// Returns the bytes of the normal and the position map at a pixel.
    #[inline(always)]
    fn bytes_at(&self, view: &DrawnView, pixel: usize) -> ([u8; 3], [u8; 3]) {
        match interpolate_at(&self.attributes, &self.mesh.faces, &view.visibility, pixel) {
            Some([x, y, z, nx, ny, nz]) => {
                ([nx, ny, nz].map(|n| to_byte((n + 1.0) * 0.5)), [x, y, z].map(to_byte))
            }
            None => ([255; 3], [255; 3]),
        }
    }
}

/// Renders the condition maps of a view, `resolution` pixels a side.
///
/// # Errors
/// If the mesh is empty or inconsistent, or the resolution is not 1 to
/// [`Size::LIMIT`](hunyuan_paint_raster::Size::LIMIT).
pub fn render_condition_maps(
    mesh: &CanonicalMesh,
    camera: &Camera,
    resolution: u32,
) -> Result<ConditionMaps, BakeError> {
    let renderer = ViewRenderer::new(mesh)?;
    let view = DrawnView::new(mesh, camera, check::size("condition map", resolution, resolution)?)?;
    Ok(renderer.condition_maps(&view, resolution))
}

/// Renders a normalized depth map, `resolution` pixels a side, row by row: 1 at the nearest visible
/// point, 0 at the farthest one and on the background.
///
/// # Errors
/// If the mesh is empty or inconsistent, or the resolution is not 1 to
/// [`Size::LIMIT`](hunyuan_paint_raster::Size::LIMIT).
pub fn render_depth_map(
    mesh: &CanonicalMesh,
    camera: &Camera,
    resolution: u32,
) -> Result<Vec<f32>, BakeError> {
    check::mesh(mesh)?;
    let size = check::size("depth map", resolution, resolution)?;
    let mut depth = DrawnView::new(mesh, camera, size)?.z_view(mesh);
    let bounds = depth_bounds(&depth);
    depth.par_iter_mut().for_each(|z| *z = normalize_depth(*z, bounds));
    Ok(depth)
}

/// Returns for each vertex its color in the position map (`0.5 − p / 1.15`) and its normal.
pub(crate) fn condition_attributes(mesh: &CanonicalMesh) -> Vec<[f32; 6]> {
    let normals = vertex_normals(&mesh.positions, &mesh.faces);
    let attributes = |(position, normal): (&Vec3, &Vec3)| {
        let [x, y, z] = position.to_array().map(|p| 0.5 - p / CanonicalMesh::DIAMETER);
        [x, y, z, normal.x, normal.y, normal.z]
    };
    mesh.positions.iter().zip(&normals).map(attributes).collect()
}

/// Maps 0…1 to 0…255, rounding toward zero. Values outside are clamped.
pub(crate) fn to_byte(value: f32) -> u8 {
    (value * 255.0) as u8
}
