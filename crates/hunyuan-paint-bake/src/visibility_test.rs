//! Whether a camera sees a point of the surface.

use glam::{DMat4, Vec3, Vec4};
use hunyuan_paint_mesh::Camera;
use hunyuan_paint_raster::Size;

use crate::{BakeOptions, ReliableDepth};

/// How far in front of or behind a point the view may see the surface for the two to be one: across the surface, in
/// pixels of the view.
const DEPTH_TOLERANCE_PIXELS: f64 = 1.25;

/// Normals shorter than the square root of this have no direction.
const NORMAL_SQUARED_MIN: f32 = 1e-12;

/// A point of the surface, in canonical space.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SurfacePoint {
    position: Vec3,
    /// Of any length; it points inwards.
    normal: Vec3,
    normal_squared: f32,
}

impl SurfacePoint {
    /// `None` if the normal has no direction.
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

/// A point as a camera sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct VisibleSample {
    /// Cosine of the angle between the surface's normal and the camera's axis.
    pub(crate) cosine: f32,
    /// Column and row on the view; pixel centers lie at whole numbers.
    pub(crate) at: [f32; 2],
}

/// Where a camera sees what.
#[derive(Clone, Debug)]
pub(crate) struct ViewProjection {
    /// The first, second and last row of the matrix from canonical space to clip space.
    pub(crate) clip_rows: [Vec4; 3],
    /// The third row of the matrix from canonical space to view space.
    pub(crate) z_row: Vec4,
    /// Pixels between NDC −1 and 1.
    pub(crate) span: [f32; 2],
    /// How far apart along the surface's normal two points may be, where w is 1; units of canonical space.
    pub(crate) tolerance: f32,
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

/// A camera and what it sees.
pub(crate) struct VisibilityTest<'a> {
    projection: ViewProjection,
    depth: &'a ReliableDepth,
}

impl<'a> VisibilityTest<'a> {
    pub(crate) fn new(camera: &Camera, depth: &'a ReliableDepth, options: &BakeOptions) -> Self {
        Self { projection: ViewProjection::new(camera, depth.size, options), depth }
    }

    /// Where the view shows a point, and how squarely; `None` if it does not.
    #[inline(always)]
    pub(crate) fn sample_at(&self, point: &SurfacePoint) -> Option<VisibleSample> {
        let SurfacePoint { position, normal, normal_squared } = *point;

        // 1. How squarely. Normals of canonical space point inwards: away from the camera where it sees the face.
        let [x, y, z, _] = self.projection.z_row.to_array();
        let along = -(x * normal.x + y * normal.y + z * normal.z);
        let cosine_squared = along * along / normal_squared;
        if !(along > 0.0 && cosine_squared >= self.projection.cosine_squared_min) {
            return None;
        }
        let cosine = cosine_squared.sqrt();

        // 2. Where on the view.
        let [clip_x, clip_y, clip_w] = self.projection.clip_rows.map(|row| at(row, position));
        // Comparisons with what is not a number fail.
        let is_in_front = clip_w > 0.0;
        if !is_in_front {
            return None;
        }
        let view_x = (clip_x / clip_w * 0.5 + 0.5) * self.projection.span[0];
        let view_y = (clip_y / clip_w * 0.5 + 0.5) * self.projection.span[1];
        let Size { width, height } = self.depth.size;
        let (column, row) = nearest(view_x, width).zip(nearest(view_y, height))?;

        // 3. Whether it is this point that the view shows, and not one before it. NaN is not.
        let gap =
            (at(self.projection.z_row, position) - self.depth.z_view[row * width as usize + column]).abs();
        (gap * cosine <= self.projection.tolerance * clip_w)
            .then_some(VisibleSample { cosine, at: [view_x, view_y] })
    }
}

/// The side of a pixel where w is 1, by the coarser of the two axes; units of canonical space.
pub(crate) fn pixel_side(camera: &Camera, size: Size) -> f64 {
    let clip_from_view = camera.clip_from_view().as_dmat4();
    let side = |axis: usize, pixels: u32| {
        2.0 / (clip_from_view.col(axis)[axis] * f64::from(pixels.saturating_sub(1).max(1)))
    };
    side(0, size.width).max(side(1, size.height))
}

/// A row of a matrix times a point.
#[inline(always)]
fn at(row: Vec4, point: Vec3) -> f32 {
    row.x * point.x + row.y * point.y + row.z * point.z + row.w
}

/// The pixel whose center is nearest, along an axis; `None` outside the image.
#[inline(always)]
fn nearest(coordinate: f32, pixel_count: u32) -> Option<usize> {
    let shifted = coordinate + 0.5;
    // Casts truncate, and coordinates that are not numbers fail the comparison.
    (shifted >= 0.0 && shifted < pixel_count as f32).then_some(shifted as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_seen_from_its_side_and_not_through_another() {
        // The camera stands on +y and sees a wall at y = 0.2; normals point inwards.
        let camera = Camera::orthographic(0.0, 0.0);
        let size = Size::square(65);
        let wall = ReliableDepth { z_view: vec![0.2 - Camera::DISTANCE; 65 * 65], size };
        let options = BakeOptions::default();
        let visibility = VisibilityTest::new(&camera, &wall, &options);
        let see = |y: f32, normal: [f32; 3]| {
            let [nx, ny, nz] = normal;
            SurfacePoint::new([0.0, y, 0.0, nx, ny, nz]).and_then(|point| visibility.sample_at(&point))
        };
        let seen = see(0.2, [0.0, -2.0, 0.0]);
        assert!(seen.is_some_and(|seen| (seen.cosine - 1.0).abs() < 1e-6), "{seen:?}");
        assert!(seen.is_some_and(|seen| seen.at.iter().all(|at| (at - 32.0).abs() < 1e-3)), "{seen:?}");
        assert_eq!(see(0.1, [0.0, -1.0, 0.0]), None, "behind the wall");
        assert_eq!(see(0.2, [0.0, 1.0, 0.0]), None, "from behind");
        assert_eq!(see(0.2, [1.0, -0.2, 0.0]), None, "too flatly");
        assert_eq!(see(0.2, [0.0; 3]), None, "without a normal");
        let nowhere = ReliableDepth { z_view: vec![f32::NAN; 65 * 65], size };
        let blind = VisibilityTest::new(&camera, &nowhere, &options);
        let point = SurfacePoint::new([0.0, 0.2, 0.0, 0.0, -1.0, 0.0]);
        assert_eq!(point.and_then(|point| blind.sample_at(&point)), None, "nowhere reliable");
    }

    #[test]
    fn the_nearest_pixel_is_inside_the_image() {
        assert_eq!(
            [-0.6, -0.5, 0.4, 0.5, 3.4, 3.5].map(|x| nearest(x, 4)),
            [None, Some(0), Some(0), Some(1), Some(3), None]
        );
        assert_eq!([f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(|x| nearest(x, 4)), [None; 3]);
    }
}
