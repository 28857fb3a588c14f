//! Adds cameras for the parts of the surface that the given ones do not cover.

use hunyuan_paint_mesh::{Camera, CameraView, CanonicalMesh, MAX_CAMERAS, trained_cameras};
use hunyuan_paint_raster::{Size, interpolate_at};
use rayon::prelude::*;

use crate::{
    BakeError, BakeOptions, ReliableDepth, check, draw_charts,
    drawn_view::DrawnView,
    texels::point_attributes,
    visibility_test::{SurfacePoint, VisibilityTest},
};

/// Side of the texture whose texels sample the surface.
const TEXTURE_SIZE: u32 = 512;

/// Side of the views in which these samples are tested for visibility, in pixels.
const VIEW_SIZE: u32 = 512;

/// Greedily adds the camera that covers the most uncovered surface, until the gain drops to
/// `new_surface_min` or there are `count_max` cameras. (The viewpoint selection of arXiv
/// 2501.12202.)
///
/// The candidates are the 44 cameras that the models were trained on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AutomaticViews {
    /// Fraction of the surface, 0 to 1; each added camera covers more new surface than this.
    pub new_surface_min: f32,
    /// Maximum number of cameras, including the given ones; 1 to [`MAX_CAMERAS`].
    pub count_max: usize,
    /// Weight of each added camera; 0 or more.
    pub weight: f32,
}

impl Default for AutomaticViews {
    /// A gain of 1% of the surface, 12 cameras, and the weight of the original's top and bottom
    /// views.
    fn default() -> Self {
        Self { new_surface_min: 0.01, count_max: 12, weight: 0.05 }
    }
}

impl AutomaticViews {
    /// Returns the given cameras, followed by the added ones in the order of selection.
    ///
    /// A camera covers a point of the surface if nothing hides the point and its view angle is one
    /// that `options` allow. The unreliable margins along outlines and depth edges are ignored: they
    /// are narrow, and every camera has them.
    ///
    /// # Errors
    /// If the mesh is empty or inconsistent, or an option is out of range.
    pub fn choose(
        &self,
        mesh: &CanonicalMesh,
        first: &[CameraView],
        options: &BakeOptions,
    ) -> Result<Vec<CameraView>, BakeError> {
        check::mesh(mesh)?;
        options.validate()?;
        self.validate()?;
        let mut views = first.to_vec();
        if views.len() >= self.count_max {
            return Ok(views);
        }
        let surface = SurfaceSamples::new(mesh)?;
        let visible_points = |camera: &Camera| surface.visible_points(mesh, camera, options);
        let mut is_covered = surface.covered_points(mesh, first.iter().map(|view| &view.camera), options)?;
        let mut candidates: Vec<(Camera, Vec<bool>)> = trained_cameras()
            .map(|camera| Ok((camera, visible_points(&camera)?)))
            .collect::<Result<_, BakeError>>()?;

        let gain_min = f64::from(self.new_surface_min) * surface.area(|_| true);
        while views.len() < self.count_max {
            let gains = candidates
                .iter()
                .map(|(_, visible)| surface.area(|point| visible[point] && !is_covered[point]));
            // Among equal gains, the first candidate wins.
            let best = gains.enumerate().fold((0, 0.0), |best, new| if new.1 > best.1 { new } else { best });
            if best.1 <= gain_min {
                break;
            }
            let (camera, visible) = candidates.remove(best.0);
            add_to_mask(&mut is_covered, &visible);
            views.push(CameraView { camera, weight: self.weight });
        }
        Ok(views)
    }

    /// Checks the ranges of the fields.
    ///
    /// # Errors
    /// If a field is out of range.
    pub fn validate(&self) -> Result<(), BakeError> {
        let Self { new_surface_min, count_max, weight } = *self;
        let out_of_range = |option, expected, found| Err(BakeError::Option { option, expected, found });
        if !(0.0..=1.0).contains(&new_surface_min) {
            return out_of_range("new_surface_min", "0 to 1", new_surface_min);
        }
        if !(1..=MAX_CAMERAS).contains(&count_max) {
            return out_of_range("count_max", "1 to 44", count_max as f32);
        }
        if !(weight.is_finite() && weight >= 0.0) {
            return out_of_range("weight", "a finite number of at least 0", weight);
        }
        Ok(())
    }
}

/// Returns the share of the surface, 0 to 1, that at least one camera sees at an angle within
/// [`BakeOptions::view_angle_max_degrees`]: an estimate, before any view is generated, of what views
/// can color. `None` if no point of the surface was sampled, because the charts are too small.
///
/// # Errors
/// If the mesh is empty or inconsistent, or an option is out of range.
pub fn visible_share(
    mesh: &CanonicalMesh,
    cameras: &[Camera],
    options: &BakeOptions,
) -> Result<Option<f64>, BakeError> {
    check::mesh(mesh)?;
    options.validate()?;
    let surface = SurfaceSamples::new(mesh)?;
    let is_visible = surface.covered_points(mesh, cameras, options)?;
    let area = surface.area(|_| true);
    Ok((area > 0.0).then(|| surface.area(|point| is_visible[point]) / area))
}

fn add_to_mask(mask: &mut [bool], other: &[bool]) {
    mask.iter_mut().zip(other).for_each(|(mask, other)| *mask |= other);
}

/// Sample points of the surface, each with the area that it represents (up to a common factor).
struct SurfaceSamples {
    points: Vec<(SurfacePoint, f64)>,
}

impl SurfaceSamples {
    fn new(mesh: &CanonicalMesh) -> Result<Self, BakeError> {
        let charts = draw_charts(mesh, TEXTURE_SIZE)?;
        let attributes = point_attributes(mesh);
        let point_at = |(texel, &face): (usize, &u32)| {
            let corners = mesh.faces.get(face as usize)?;
            let point = SurfacePoint::new(interpolate_at(&attributes, &mesh.faces, &charts, texel)?)?;
            let [a, b, c] = corners.map(|vertex| mesh.positions[vertex as usize].as_dvec3());
            let [d, e, f] = corners.map(|vertex| mesh.uvs[vertex as usize].as_dvec2());
            // The area of the surface per area of the texture differs from face to face.
            let area = (b - a).cross(c - a).length() / (e - d).perp_dot(f - d).abs();
            area.is_finite().then_some((point, area))
        };
        Ok(Self { points: charts.face_index.iter().enumerate().filter_map(point_at).collect() })
    }

    /// Returns for each point whether it is visible to a camera.
    fn visible_points(
        &self,
        mesh: &CanonicalMesh,
        camera: &Camera,
        options: &BakeOptions,
    ) -> Result<Vec<bool>, BakeError> {
        let size = Size::square(VIEW_SIZE);
        let depth = ReliableDepth { z_view: DrawnView::new(mesh, camera, size)?.z_view(mesh), size };
        let visibility = VisibilityTest::new(camera, &depth, options);
        Ok(self.points.par_iter().map(|(point, _)| visibility.sample_at(point).is_some()).collect())
    }

    /// Returns for each point whether it is visible to any of the cameras.
    fn covered_points<'a>(
        &self,
        mesh: &CanonicalMesh,
        cameras: impl IntoIterator<Item = &'a Camera>,
        options: &BakeOptions,
    ) -> Result<Vec<bool>, BakeError> {
        let mut is_covered = vec![false; self.points.len()];
        for camera in cameras {
            add_to_mask(&mut is_covered, &self.visible_points(mesh, camera, options)?);
        }
        Ok(is_covered)
    }

    /// Returns the total area of the points, given by index, that fulfill a condition.
    fn area(&self, condition: impl Fn(usize) -> bool) -> f64 {
        self.points.iter().enumerate().filter(|(i, _)| condition(*i)).map(|(_, (_, area))| area).sum()
    }
}
