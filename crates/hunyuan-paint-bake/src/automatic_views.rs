//! More cameras for what the first ones do not see.

use hunyuan_paint_mesh::{Camera, CameraView, CanonicalMesh, MAX_CAMERAS, trained_cameras};
use hunyuan_paint_raster::{Size, interpolate_at};
use rayon::prelude::*;

use crate::{
    BakeError, BakeOptions, ReliableDepth, check, draw_charts,
    drawn_view::DrawnView,
    texels::point_attributes,
    visibility_test::{SurfacePoint, VisibilityTest},
};

/// Side of the texture whose texels stand for the surface.
const TEXTURE_SIZE: u32 = 512;

/// Side of the views in which they are looked for, in pixels.
const VIEW_SIZE: u32 = 512;

/// Adds cameras one by one: each time the one that sees most of what none before it sees, as long as that is more than a share of the surface. (The viewpoint selection of arXiv 2501.12202.)
///
/// The candidates are the places of the 44 views that the models were trained on, so that the networks know each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AutomaticViews {
    /// The share of the surface, 0 to 1, that a camera has to add.
    pub new_surface_min: f32,
    /// How many cameras there may be, with the first ones; 1 to [`MAX_CAMERAS`].
    pub count_max: usize,
    /// The weight of those that are added; 0 or more.
    pub weight: f32,
}

impl Default for AutomaticViews {
    /// Views that add a hundredth of the surface, up to 12 in all, with the weight of the original's top and bottom.
    fn default() -> Self {
        Self { new_surface_min: 0.01, count_max: 12, weight: 0.05 }
    }
}

impl AutomaticViews {
    /// The given cameras, then those that were added, in order.
    ///
    /// A camera sees what lies behind nothing else, at an angle that `options` allow. The margins along outlines and
    /// depth edges that it cannot be relied on for do not count: they are narrow, and no camera is without them.
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
        let surface = Surface::sample(mesh)?;
        let seen_by = |camera: &Camera| surface.seen_by(mesh, camera, options);
        let mut is_seen = vec![false; surface.points.len()];
        for view in first {
            add(&mut is_seen, &seen_by(&view.camera)?);
        }
        let mut candidates: Vec<(Camera, Vec<bool>)> = trained_cameras()
            .map(|camera| Ok((camera, seen_by(&camera)?)))
            .collect::<Result<_, BakeError>>()?;

        let least = f64::from(self.new_surface_min) * surface.area(|_| true);
        while views.len() < self.count_max {
            let areas =
                candidates.iter().map(|(_, seen)| surface.area(|point| seen[point] && !is_seen[point]));
            // Of equal ones the first.
            let best = areas.enumerate().fold((0, 0.0), |best, new| if new.1 > best.1 { new } else { best });
            if best.1 <= least {
                break;
            }
            let (camera, seen) = candidates.remove(best.0);
            add(&mut is_seen, &seen);
            views.push(CameraView { camera, weight: self.weight });
        }
        Ok(views)
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// If one of the three is out of range.
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

fn add(is_seen: &mut [bool], new: &[bool]) {
    is_seen.iter_mut().zip(new).for_each(|(seen, new)| *seen |= new);
}

/// Points that stand for the surface, each with an area.
struct Surface {
    points: Vec<(SurfacePoint, f64)>,
}

impl Surface {
    fn sample(mesh: &CanonicalMesh) -> Result<Self, BakeError> {
        let charts = draw_charts(mesh, TEXTURE_SIZE)?;
        let attributes = point_attributes(mesh);
        let point_at = |(texel, &face): (usize, &u32)| {
            let corners = mesh.faces.get(face as usize)?;
            let point = SurfacePoint::new(interpolate_at(&attributes, &mesh.faces, &charts, texel)?)?;
            let [a, b, c] = corners.map(|vertex| mesh.positions[vertex as usize].as_dvec3());
            let [d, e, f] = corners.map(|vertex| mesh.uvs[vertex as usize].as_dvec2());
            // A texel has as much of the surface as its face says.
            let area = (b - a).cross(c - a).length() / (e - d).perp_dot(f - d).abs();
            area.is_finite().then_some((point, area))
        };
        Ok(Self { points: charts.face_index.iter().enumerate().filter_map(point_at).collect() })
    }

    fn seen_by(
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

    fn area(&self, counts: impl Fn(usize) -> bool) -> f64 {
        self.points.iter().enumerate().filter(|(i, _)| counts(*i)).map(|(_, (_, area))| area).sum()
    }
}
