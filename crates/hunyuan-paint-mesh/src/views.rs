//! Weighted camera lists, and the views that the models were trained on.

use serde::Deserialize;

use crate::{Camera, MeshError};

/// Largest number of cameras in a list, which equals the number of trained views. All views share
/// one attention sequence, so the cost grows with the square of their number.
pub const MAX_CAMERAS: usize = 44;

/// A camera and the weight of its view in the texture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CameraView {
    /// Camera of the view.
    pub camera: Camera,
    /// Relative weight of the view when views are merged; 0 or more. Only ratios of weights matter.
    pub weight: f32,
}

impl CameraView {
    /// Returns a camera like those of the training (see [`Camera::orthographic`]) with a weight.
    pub const fn new(azimuth_degrees: f32, elevation_degrees: f32, weight: f32) -> Self {
        Self { camera: Camera::orthographic(azimuth_degrees, elevation_degrees), weight }
    }
}

/// Six views of the reference: four sides, top and bottom.
pub const DEFAULT_VIEWS: [CameraView; 6] = [
    CameraView::new(0.0, 0.0, 1.0),
    CameraView::new(90.0, 0.0, 0.1),
    CameraView::new(180.0, 0.0, 0.5),
    CameraView::new(270.0, 0.0, 0.1),
    CameraView::new(0.0, 90.0, 0.05),
    CameraView::new(180.0, -90.0, 0.05),
];

/// A circle of trained views at one elevation.
struct Ring {
    elevation_degrees: f32,
    /// Angle between neighboring views.
    step_degrees: f64,
    view_count: i64,
    /// Id of the first view, which is at an azimuth of 90°.
    first_view: i64,
}

const fn ring(elevation_degrees: f32, view_count: i64, first_view: i64) -> Ring {
    Ring { elevation_degrees, step_degrees: 360.0 / view_count as f64, view_count, first_view }
}

const RINGS: [Ring; 5] =
    [ring(-20.0, 12, 0), ring(0.0, 12, 12), ring(20.0, 12, 24), ring(-90.0, 4, 36), ring(90.0, 4, 40)];

/// Returns the id, 0 to 43, of the trained view whose embedding a camera uses.
///
/// The models were trained on five circles of views: 12 each at elevations −20°, 0° and 20°, and 4
/// each at −90° and 90°, where the azimuth rotates the image. On these circles, an azimuth between
/// two views is rounded down to the lower one, as in the reference. The reference does not define
/// other elevations. They use the nearest circle (on a tie, the first in the order above), and on
/// it the nearest view.
pub fn view_index(azimuth_degrees: f32, elevation_degrees: f32) -> usize {
    let distance = |ring: &Ring| (ring.elevation_degrees - elevation_degrees).abs();
    let nearest = |a: &'static Ring, b: &'static Ring| if distance(b) < distance(a) { b } else { a };
    let ring = RINGS.iter().reduce(nearest).unwrap_or(&RINGS[0]);
    let steps = f64::from(azimuth_degrees) / ring.step_degrees;
    let steps = if distance(ring) == 0.0 { steps.floor() } else { steps.round() };
    // Views are numbered from an azimuth of 90°, a quarter of the circle after azimuth 0.
    let steps = steps.rem_euclid(ring.view_count as f64) as i64;
    let position = (steps - ring.view_count / 4).rem_euclid(ring.view_count);
    (ring.first_view + position) as usize
}

/// Returns the 38 distinct cameras of the trained views, those at elevation 0° first.
///
/// The four trained views straight above differ only in the rotation of the image, and so do the
/// four straight below. One of each is returned, with the azimuth that [`DEFAULT_VIEWS`] uses.
pub fn trained_cameras() -> impl Iterator<Item = Camera> {
    let around = (0..12).map(|step| 30.0 * step as f32);
    let circles = [0.0, 20.0, -20.0].into_iter().flat_map(move |elevation| {
        around.clone().map(move |azimuth| Camera::orthographic(azimuth, elevation))
    });
    circles.chain([Camera::orthographic(0.0, 90.0), Camera::orthographic(180.0, -90.0)])
}

/// Reads a list of cameras from JSON: `[{"azimuth": 0, "elevation": 0, "weight": 1.0}, …]`.
///
/// Angles are in degrees, as in [`Camera`]. The weight is optional and defaults to 1.
///
/// # Errors
/// Fails if the text is not JSON of this form, the list is empty or longer than [`MAX_CAMERAS`], an
/// azimuth is not finite, an elevation is not within −90 to 90, a weight is negative or not finite,
/// or all weights are 0.
pub fn parse_views(json: &str) -> Result<Vec<CameraView>, MeshError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Entry {
        azimuth: f32,
        elevation: f32,
        #[serde(default = "unit_weight")]
        weight: f32,
    }
    fn unit_weight() -> f32 {
        1.0
    }
    let entries: Vec<Entry> =
        serde_json::from_str(json).map_err(|source| MeshError::CameraJson { source })?;
    let view = |entry: &Entry| CameraView::new(entry.azimuth, entry.elevation, entry.weight);
    let views: Vec<CameraView> = entries.iter().map(view).collect();
    validate_views(&views)?;
    Ok(views)
}

/// Validates a list of cameras.
///
/// # Errors
/// Fails if the list is empty or longer than [`MAX_CAMERAS`], an azimuth is not finite, an
/// elevation is not within −90 to 90, a distance is not finite and positive, a weight is negative
/// or not finite, or all weights are 0.
pub fn validate_views(views: &[CameraView]) -> Result<(), MeshError> {
    if views.is_empty() || views.len() > MAX_CAMERAS {
        return Err(MeshError::CameraCount { limit: MAX_CAMERAS, found: views.len() });
    }
    for (camera, view) in views.iter().enumerate() {
        let Camera { azimuth_degrees, elevation_degrees, distance, .. } = view.camera;
        let check = |is_good: bool, field, expected, found| match is_good {
            true => Ok(()),
            false => Err(MeshError::CameraField { camera, field, expected, found }),
        };
        check(azimuth_degrees.is_finite(), "azimuth", "a finite number of degrees", azimuth_degrees)?;
        let range = -90.0..=90.0;
        check(range.contains(&elevation_degrees), "elevation", "−90 to 90 degrees", elevation_degrees)?;
        check(distance.is_finite() && distance > 0.0, "distance", "a positive number", distance)?;
        check(view.weight.is_finite() && view.weight >= 0.0, "weight", "0 or more", view.weight)?;
    }
    if views.iter().all(|view| view.weight == 0.0) {
        return Err(MeshError::CameraWeights);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_views_have_the_ids_of_the_reference() {
        let ids = DEFAULT_VIEWS.map(|v| view_index(v.camera.azimuth_degrees, v.camera.elevation_degrees));
        assert_eq!(ids, [21, 12, 15, 18, 43, 37]);
    }

    #[test]
    fn trained_views_have_their_own_ids_and_whole_degrees_follow_the_formula() {
        let mut seen = [0; 44];
        for (elevation, divisor, first) in [(-20, 1, 0), (0, 1, 12), (20, 1, 24), (-90, 3, 36), (90, 3, 40)] {
            for azimuth in -360_i32..720 {
                let expected = (azimuth.div_euclid(30) + 9).rem_euclid(12) / divisor + first;
                assert_eq!(view_index(azimuth as f32, elevation as f32), expected as usize);
                seen[expected as usize] += 1;
            }
        }
        assert!(seen.iter().all(|&count| count > 0));
    }

    #[test]
    fn trained_cameras_are_distinct_trained_views() {
        let mut ids: Vec<usize> =
            trained_cameras().map(|c| view_index(c.azimuth_degrees, c.elevation_degrees)).collect();
        ids.sort_unstable();
        let expected: Vec<usize> = (0..36).chain([37, 43]).collect();
        assert_eq!(ids, expected);
    }

    #[test]
    fn other_elevations_take_the_nearest_view() {
        assert_eq!(view_index(44.0, 8.0), view_index(30.0, 0.0));
        assert_eq!(view_index(46.0, 8.0), view_index(60.0, 0.0));
        assert_eq!(view_index(-14.0, 12.0), view_index(0.0, 20.0));
        assert_eq!(view_index(80.0, 56.0), view_index(90.0, 90.0));
        assert_eq!(view_index(80.0, -54.0), view_index(90.0, -20.0));
    }

    #[test]
    fn a_list_is_parsed_and_weights_default_to_one() -> Result<(), MeshError> {
        let json = r#"[{"azimuth": -30, "elevation": 20.5, "weight": 0}, {"elevation": -90, "azimuth": 0}]"#;
        let views = parse_views(json)?;
        assert_eq!(views, [CameraView::new(-30.0, 20.5, 0.0), CameraView::new(0.0, -90.0, 1.0)]);
        Ok(())
    }

    #[test]
    fn invalid_lists_are_rejected() {
        let entry = |fields: &str| parse_views(&format!("[{{{fields}}}]"));
        assert!(matches!(parse_views("[]"), Err(MeshError::CameraCount { found: 0, .. })));
        let many = vec![r#"{"azimuth": 0, "elevation": 0}"#; 45].join(",");
        assert!(matches!(parse_views(&format!("[{many}]")), Err(MeshError::CameraCount { found: 45, .. })));
        for json in ["", "{}", "[1]", "[{\"azimuth\": 0}]", "[{\"azimuth\": \"0\", \"elevation\": 0}]"] {
            assert!(matches!(parse_views(json), Err(MeshError::CameraJson { .. })), "{json}");
        }
        let unknown = entry(r#""azimuth": 0, "elevation": 0, "roll": 3"#);
        assert!(matches!(unknown, Err(MeshError::CameraJson { .. })));
        // 1e39 is a valid f64 that becomes infinite as an f32; 1e400 is beyond the range that JSON
        // is read in.
        let beyond_f64 = entry(r#""azimuth": 1e400, "elevation": 0"#);
        assert!(matches!(beyond_f64, Err(MeshError::CameraJson { .. })));
        for (fields, name) in [
            (r#""azimuth": 1e39, "elevation": 0"#, "azimuth"),
            (r#""azimuth": 0, "elevation": 90.5"#, "elevation"),
            (r#""azimuth": 0, "elevation": 0, "weight": -0.1"#, "weight"),
            (r#""azimuth": 0, "elevation": 0, "weight": 1e39"#, "weight"),
        ] {
            let error = entry(fields);
            assert!(
                matches!(&error, Err(MeshError::CameraField { field, .. }) if *field == name),
                "{fields}: {error:?}"
            );
        }
        let weightless = entry(r#""azimuth": 0, "elevation": 0, "weight": 0"#);
        assert!(matches!(weightless, Err(MeshError::CameraWeights)));
    }
}
