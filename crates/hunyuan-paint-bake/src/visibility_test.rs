//! Tests whether a camera sees a point of the surface.

use glam::{DMat4, Vec3, Vec4};
use hunyuan_paint_mesh::Camera;
use hunyuan_paint_raster::Size;

use crate::{BakeOptions, ReliableDepth};

/// Maximum distance along the normal between a point and the surface that the view shows at its
/// pixel, for the point to be visible. In pixels of the view.
const DEPTH_TOLERANCE_PIXELS: f64 = 1.25;

/// Normals with a squared length below this have no direction.
const NORMAL_SQUARED_MIN: f32 = 1e-12;

/// A point of the surface, in canonical space.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SurfacePoint {
    position: Vec3,
    /// The normal, which points inward, of any length.
    normal: Vec3,
    normal_squared: f32,
}

impl SurfacePoint {
    /// Makes a point of a position and a normal; `None` if the normal has no direction.
    #[inline(always)]
    pub(crate) fn new([x, y, z, nx, ny, nz]: [f32; 6]) -> Option<Self> {
        let normal_squared = nx * nx + ny * ny + nz * nz;
        (normal_squared >= NORMAL_SQUARED_MIN).then_some(Self {
            position: Vec3::new(x, y, z),
            normal: Vec3::new(nx, ny, nz),
            normal_squared,
        })
    }
}

/// A visible point in a view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct VisibleSample {
    /// Cosine of the angle between the surface's normal and the camera's axis.
    pub(crate) cosine: f32,
    /// Column and row in the view; pixel centers lie at whole numbers.
    pub(crate) pixel: [f32; 2],
}

/// The projection of canonical space onto a view, with the thresholds of the visibility test.
#[derive(Clone, Debug)]
pub(crate) struct ViewProjection {
    /// The first, second and last row of the matrix from canonical space to clip space.
    pub(crate) clip_rows: [Vec4; 3],
    /// The third row of the matrix from canonical space to view space.
    pub(crate) z_row: Vec4,
    /// Number of pixels between NDC −1 and 1, along each axis.
    pub(crate) span: [f32; 2],
    /// [`DEPTH_TOLERANCE_PIXELS`] where w is 1, in units of canonical space.
    pub(crate) tolerance: f32,
    /// Square of the minimum cosine of the view angle.
    pub(crate) cosine_squared_min: f32,
}

impl ViewProjection {
    pub(crate) fn new(camera: &Camera, view_size: Size, options: &BakeOptions) -> Self {
        let view_from_world = camera.view_from_world().as_dmat4();
        let clip_from_world: DMat4 = camera.clip_from_view().as_dmat4() * view_from_world;
        Self {
            clip_rows: [0, 1, 3].map(|row| clip_from_world.row(row).as_vec4()),
            z_row: view_from_world.row(2).as_vec4(),
            span: [view_size.width, view_size.height].map(|pixels| (pixels - 1) as f32),
            tolerance: (DEPTH_TOLERANCE_PIXELS * pixel_side(camera, view_size)) as f32,
            cosine_squared_min: options.cosine_min() * options.cosine_min(),
        }
    }
}

/// A camera and the reliable depth of its view.
pub(crate) struct VisibilityTest<'a> {
    projection: ViewProjection,
    depth: &'a ReliableDepth,
}

impl<'a> VisibilityTest<'a> {
    pub(crate) fn new(camera: &Camera, depth: &'a ReliableDepth, options: &BakeOptions) -> Self {
        Self { projection: ViewProjection::new(camera, depth.size, options), depth }
    }

    /// Returns where the view shows a point, and the cosine of the view angle; `None` if the point
    /// is not visible.
    #[inline(always)]
    pub(crate) fn sample_at(&self, point: &SurfacePoint) -> Option<VisibleSample> {
        let SurfacePoint { position, normal, normal_squared } = *point;

        // 1. The view angle. Normals in canonical space point inward, so the normal of a face that
        // is turned toward the camera points away from it, along the view direction −z.
        let [x, y, z, _] = self.projection.z_row.to_array();
        let along_view = -(x * normal.x + y * normal.y + z * normal.z);
        let cosine_squared = along_view * along_view / normal_squared;
        if !(along_view > 0.0 && cosine_squared >= self.projection.cosine_squared_min) {
            return None;
        }
        let cosine = cosine_squared.sqrt();

        // 2. The pixel.
        let [clip_x, clip_y, clip_w] = self.projection.clip_rows.map(|row| multiply_row(row, position));
        // False if w is NaN.
        let is_in_front = clip_w > 0.0;
        if !is_in_front {
            return None;
        }
        let view_x = (clip_x / clip_w * 0.5 + 0.5) * self.projection.span[0];
        let view_y = (clip_y / clip_w * 0.5 + 0.5) * self.projection.span[1];
        let Size { width, height } = self.depth.size;
        let (column, row) = nearest(view_x, width).zip(nearest(view_y, height))?;

        // 3. The depth. The comparison is false where the depth is NaN, that is, not reliable.
        let gap = (multiply_row(self.projection.z_row, position)
            - self.depth.z_view[row * width as usize + column])
            .abs();
        (gap * cosine <= self.projection.tolerance * clip_w)
            .then_some(VisibleSample { cosine, pixel: [view_x, view_y] })
    }
}

/// Returns the side of a pixel where w is 1, along the coarser of the two axes, in units of
/// canonical space.
pub(crate) fn pixel_side(camera: &Camera, size: Size) -> f64 {
    let clip_from_view = camera.clip_from_view().as_dmat4();
    let side = |axis: usize, pixels: u32| {
        2.0 / (clip_from_view.col(axis)[axis] * f64::from(pixels.saturating_sub(1).max(1)))
    };
    side(0, size.width).max(side(1, size.height))
}

/// Multiplies a row of a matrix by a point, whose fourth coordinate is 1.
#[inline(always)]
fn multiply_row(row: Vec4, point: Vec3) -> f32 {
    row.x * point.x + row.y * point.y + row.z * point.z + row.w
}

/// Returns the index of the pixel whose center is nearest along an axis; `None` outside the image.
#[inline(always)]
fn nearest(coordinate: f32, pixel_count: u32) -> Option<usize> {
    let shifted = coordinate + 0.5;
    // The cast truncates. The comparison is false for NaN.
    (shifted >= 0.0 && shifted < pixel_count as f32).then_some(shifted as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_faces_grazing_angles_and_occluded_points_are_not_visible() {
        // The camera lies on the +y axis and sees a wall at y = 0.2. Normals point inward.
        let camera = Camera::orthographic(0.0, 0.0);
        let size = Size::square(65);
        let wall = ReliableDepth { z_view: vec![0.2 - Camera::DISTANCE; 65 * 65], size };
        let options = BakeOptions::default();
        let visibility = VisibilityTest::new(&camera, &wall, &options);
        let sample = |y: f32, normal: [f32; 3]| {
            let [nx, ny, nz] = normal;
            SurfacePoint::new([0.0, y, 0.0, nx, ny, nz]).and_then(|point| visibility.sample_at(&point))
        };
        let found = sample(0.2, [0.0, -2.0, 0.0]);
        assert!(found.is_some_and(|found| (found.cosine - 1.0).abs() < 1e-6), "{found:?}");
        assert!(found.is_some_and(|found| found.pixel.iter().all(|c| (c - 32.0).abs() < 1e-3)), "{found:?}");
        assert_eq!(sample(0.1, [0.0, -1.0, 0.0]), None, "behind the wall");
        assert_eq!(sample(0.2, [0.0, 1.0, 0.0]), None, "back face");
        assert_eq!(sample(0.2, [1.0, -0.2, 0.0]), None, "grazing angle");
        assert_eq!(sample(0.2, [0.0; 3]), None, "normal of length 0");
        let unreliable = ReliableDepth { z_view: vec![f32::NAN; 65 * 65], size };
        let visibility = VisibilityTest::new(&camera, &unreliable, &options);
        let point = SurfacePoint::new([0.0, 0.2, 0.0, 0.0, -1.0, 0.0]);
        assert_eq!(point.and_then(|point| visibility.sample_at(&point)), None, "no reliable depth");
    }

    #[test]
    fn pixels_outside_the_image_are_not_found() {
        assert_eq!(
            [-0.6, -0.5, 0.4, 0.5, 3.4, 3.5].map(|x| nearest(x, 4)),
            [None, Some(0), Some(0), Some(1), Some(3), None]
        );
        assert_eq!([f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(|x| nearest(x, 4)), [None; 3]);
    }
}
