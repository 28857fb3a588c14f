//! A mesh drawn from a camera.

use glam::{Mat4, Vec3, Vec4};
use hunyuan_paint_mesh::{Camera, CanonicalMesh};
use hunyuan_paint_raster::{
    self as raster, RasterOptions, Size, VisibilityBuffer, interpolate_at, rasterize,
};
use rayon::prelude::*;

use crate::BakeError;

/// A mesh drawn from a camera.
#[derive(Debug)]
pub(crate) struct DrawnView {
    /// The vertices in view space.
    pub(crate) positions_view: Vec<Vec3>,
    /// The face at each pixel.
    pub(crate) visibility: VisibilityBuffer,
}

impl DrawnView {
    pub(crate) fn new(mesh: &CanonicalMesh, camera: &Camera, size: Size) -> Result<Self, BakeError> {
        let (positions_view, positions_clip) = project(&mesh.positions, camera);
        let visibility =
            rasterize(&raster::View::new(&positions_clip, size), &mesh.faces, RasterOptions::default())?;
        Ok(Self { positions_view, visibility })
    }

    /// Returns the view-space z at each pixel. It is NaN on the background, and where it is not
    /// finite, which happens with a perspective camera inside the mesh.
    pub(crate) fn z_view(&self, mesh: &CanonicalMesh) -> Vec<f32> {
        let z: Vec<[f32; 1]> = self.positions_view.iter().map(|position| [position.z]).collect();
        let z_at = |pixel| match interpolate_at(&z, &mesh.faces, &self.visibility, pixel) {
            Some([z]) if z.is_finite() => z,
            _ => f32::NAN,
        };
        (0..self.visibility.face_index.len()).into_par_iter().with_min_len(1 << 14).map(z_at).collect()
    }
}

/// Transforms points from canonical space to view space and to clip space.
pub(crate) fn project(positions: &[Vec3], camera: &Camera) -> (Vec<Vec3>, Vec<Vec4>) {
    let (view_from_world, clip_from_view) = (camera.view_from_world(), camera.clip_from_view());
    let project = |position: &Vec3| {
        let view = transform(&view_from_world, position.extend(1.0));
        (view.truncate(), transform(&clip_from_view, view))
    };
    positions.par_iter().map(project).unzip()
}

/// Returns `matrix * vector` with the order of sums and the fused steps of the original's matrix
/// product. glam leaves both to the platform.
fn transform(matrix: &Mat4, vector: Vec4) -> Vec4 {
    let row = |i: usize| {
        let row = matrix.row(i);
        let sum = row.x * vector.x;
        row.w.mul_add(vector.w, row.z.mul_add(vector.z, row.y.mul_add(vector.y, sum)))
    };
    Vec4::new(row(0), row(1), row(2), row(3))
}

/// Returns the minimum and the maximum view-space z of the pixels that show a face.
pub(crate) fn depth_bounds(z_view: &[f32]) -> [f32; 2] {
    // `min` and `max` ignore NaN.
    let bounds_of = |z_view: &[f32]| {
        z_view.iter().fold([f32::INFINITY, f32::NEG_INFINITY], |[min, max], &z| [min.min(z), max.max(z)])
    };
    (z_view.par_chunks(1 << 14).map(bounds_of))
        .reduce(|| [f32::INFINITY, f32::NEG_INFINITY], |a, b| [a[0].min(b[0]), a[1].max(b[1])])
}

/// Maps view-space z to 0 (`min`, the farthest point) … 1 (`max`, the nearest point). Returns 0 on
/// the background (NaN), and if the bounds are equal.
#[inline]
pub(crate) fn normalize_depth(z: f32, [min, max]: [f32; 2]) -> f32 {
    let range = max - min;
    if z.is_nan() || range == 0.0 { 0.0 } else { (z - min) / range }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_spans_the_visible_range() {
        let normalize = |z_view: &[f32]| {
            let bounds = depth_bounds(z_view);
            z_view.iter().map(|&z| normalize_depth(z, bounds)).collect::<Vec<_>>()
        };
        assert_eq!(normalize(&[-2.0, f32::NAN, -1.0, -1.5]), [0.0, 0.0, 1.0, 0.5]);
        assert_eq!(normalize(&[-2.0, f32::NAN, -2.0]), [0.0; 3]);
        assert_eq!(normalize(&[f32::NAN; 3]), [0.0; 3]);
    }

    #[test]
    fn transform_is_the_matrix_product() {
        let matrix = Camera::orthographic(30.0, 20.0).view_from_world();
        let vector = Vec4::new(0.1, -0.2, 0.3, 1.0);
        assert!(transform(&matrix, vector).distance(matrix * vector) < 1e-6);
    }
}
