//! Automatic views cover the parts of the surface that the given cameras do not.

use hunyuan_paint_bake::{AutomaticViews, BakeError, BakeOptions};
use hunyuan_paint_mesh::{CameraView, CanonicalMesh, DEFAULT_VIEWS, Mesh};

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// A cube with one chart for each of its six sides.
fn cuboid() -> Result<CanonicalMesh, Box<dyn std::error::Error>> {
    let mut mesh = Mesh::default();
    let mut uvs = Vec::new();
    for side in 0..6_u32 {
        let axis = (side / 2) as usize;
        let sign = if side % 2 == 0 { 1.0 } else { -1.0 };
        let first = mesh.positions.len() as u32;
        for (u, v) in [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)] {
            let mut corner = [0.0_f32; 3];
            corner[axis] = sign;
            corner[(axis + 1) % 3] = (u * 2.0 - 1.0) * sign;
            corner[(axis + 2) % 3] = v * 2.0 - 1.0;
            mesh.positions.push(corner.into());
            uvs.push(
                [(side % 3) as f32 / 3.0 + 0.02 + u * 0.29, (side / 3) as f32 / 2.0 + 0.02 + v * 0.29].into(),
            );
        }
        mesh.faces.extend([[first, first + 1, first + 2], [first, first + 2, first + 3]]);
    }
    mesh.uvs = Some(uvs);
    Ok(CanonicalMesh::new(&mesh)?)
}

#[test]
fn a_covered_surface_needs_no_more_views() -> TestResult {
    let chosen = AutomaticViews::default().choose(&cuboid()?, &DEFAULT_VIEWS, &BakeOptions::default())?;
    assert_eq!(chosen, DEFAULT_VIEWS);
    Ok(())
}

#[test]
fn uncovered_sides_are_added_until_the_limits_are_reached() -> TestResult {
    let mesh = cuboid()?;
    let options = BakeOptions::default();
    let front = [CameraView::new(0.0, 0.0, 1.0)];
    let automatic = AutomaticViews { weight: 0.25, ..AutomaticViews::default() };
    let chosen = automatic.choose(&mesh, &front, &options)?;
    assert_eq!(chosen[0], front[0]);
    // One view can cover up to three sides.
    assert!((3..=6).contains(&chosen.len()), "{chosen:?}");
    assert!(chosen[1..].iter().all(|view| view.weight == 0.25));
    assert_eq!(automatic.choose(&mesh, &chosen, &options)?, chosen);

    let fewer = AutomaticViews { count_max: 2, ..automatic }.choose(&mesh, &front, &options)?;
    assert_eq!(fewer, chosen[..2]);
    let none = AutomaticViews { new_surface_min: 0.9, ..automatic }.choose(&mesh, &front, &options)?;
    assert_eq!(none, front);
    Ok(())
}

#[test]
fn options_out_of_range_are_rejected() -> TestResult {
    let mesh = cuboid()?;
    for (automatic, name) in [
        (AutomaticViews { new_surface_min: f32::NAN, ..Default::default() }, "new_surface_min"),
        (AutomaticViews { count_max: 0, ..Default::default() }, "count_max"),
        (AutomaticViews { count_max: 45, ..Default::default() }, "count_max"),
        (AutomaticViews { weight: -1.0, ..Default::default() }, "weight"),
    ] {
        let result = automatic.choose(&mesh, &DEFAULT_VIEWS, &BakeOptions::default());
        assert!(matches!(result, Err(BakeError::Option { option, .. }) if option == name), "{name}");
    }
    Ok(())
}
