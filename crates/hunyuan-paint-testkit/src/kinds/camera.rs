//! `camera`: view matrices for a list of angles, and the two projections.

use hunyuan_paint_mesh::{Camera, Projection};
use serde::Deserialize;

use crate::{
    case::{Array, Case, CaseError},
    report::Report,
};

#[derive(Deserialize)]
struct Parameters {
    elevation_azimuth: Vec<(f32, f32)>,
    camera_distance: f32,
}

/// Checks `out.view`, `out.orthographic` and `out.perspective`: row-major matrices for column vectors.
pub fn check_camera(case: &Case, report: &mut Report) -> Result<(), CaseError> {
    let Parameters { elevation_azimuth, camera_distance } = case.parameters()?;
    let view_from_world = |&(elevation, azimuth): &(f32, f32)| {
        let camera = Camera { distance: camera_distance, ..Camera::orthographic(azimuth, elevation) };
        camera.view_from_world().transpose().to_cols_array()
    };
    let views: Vec<f32> = elevation_azimuth.iter().flat_map(view_from_world).collect();
    report.compare(case, "out.view", &Array::f32(&[elevation_azimuth.len(), 4, 4], views))?;
    for (output, projection) in
        [("out.orthographic", Projection::ORTHOGRAPHIC), ("out.perspective", Projection::PERSPECTIVE)]
    {
        let row_major = projection.clip_from_view().transpose().to_cols_array();
        report.compare(case, output, &Array::f32(&[4, 4], row_major.to_vec()))?;
    }
    Ok(())
}
