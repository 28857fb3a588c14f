//! Faces are wound outward before they are painted.

use std::f32::consts::PI;

use glam::{Vec2, Vec3};
use hunyuan_paint_bake::orient_outward;
use hunyuan_paint_mesh::{CanonicalMesh, Mesh, MeshError};

type TestResult = Result<(), Box<dyn std::error::Error>>;

const ROWS: u32 = 8;
const COLUMNS: u32 = 16;

/// A ball of radius `radius`, wound outward, without the rows from `rows` on.
fn ball(radius: f32, rows: u32) -> Mesh {
    let point = |row: u32, column: u32| {
        let (polar, azimuth) =
            (PI * row as f32 / ROWS as f32, 2.0 * PI * (column % COLUMNS) as f32 / COLUMNS as f32);
        let r = if row == 0 || row == ROWS { 0.0 } else { polar.sin() };
        radius * Vec3::new(r * azimuth.sin(), polar.cos(), r * azimuth.cos())
    };
    let stride = COLUMNS + 1;
    let positions: Vec<Vec3> =
        (0..=ROWS).flat_map(|row| (0..stride).map(move |column| point(row, column))).collect();
    let faces = (0..rows).flat_map(|row| {
        (0..COLUMNS).flat_map(move |column| {
            let a = row * stride + column;
            let (b, c, d) = (a + stride, a + stride + 1, a + 1);
            [[a, b, c], [a, c, d]]
        })
    });
    let has_area = |face: &[u32; 3]| {
        let [a, b, c] = face.map(|i| positions[i as usize]);
        (b - a).cross(c - a).length() > 1e-9
    };
    let faces: Vec<[u32; 3]> = faces.filter(has_area).collect();
    let uvs = vec![Vec2::new(0.5, 0.5); positions.len()];
    Mesh { positions, faces, uvs: Some(uvs), ..Mesh::default() }
}

fn joined(first: Mesh, second: &Mesh) -> Mesh {
    let start = first.positions.len() as u32;
    let mut mesh = first;
    mesh.positions.extend(&second.positions);
    mesh.faces.extend(second.faces.iter().map(|face| face.map(|i| i + start)));
    mesh.uvs = Some(vec![Vec2::new(0.5, 0.5); mesh.positions.len()]);
    mesh
}

fn inside_out(mut mesh: Mesh) -> Mesh {
    mesh.faces.iter_mut().for_each(|face| face.swap(1, 2));
    mesh
}

/// Returns the number of flipped faces and whether the faces are those of `expected`.
fn oriented(mesh: &Mesh, expected: &Mesh) -> Result<(usize, bool), Box<dyn std::error::Error>> {
    let mut canonical = CanonicalMesh::new(mesh)?;
    let flipped = orient_outward(&mut canonical)?;
    let same = |a: &[u32; 3], b: &[u32; 3]| (0..3).any(|i| [b[i], b[(i + 1) % 3], b[(i + 2) % 3]] == *a);
    Ok((flipped, canonical.faces.iter().zip(&expected.faces).all(|(a, b)| same(a, b))))
}

#[test]
fn a_mesh_that_is_wound_outward_stays_as_it_is() -> TestResult {
    let mesh = ball(1.0, ROWS);
    let mut canonical = CanonicalMesh::new(&mesh)?;
    assert_eq!(orient_outward(&mut canonical)?, 0);
    assert_eq!(canonical, CanonicalMesh::new(&mesh)?);
    Ok(())
}

#[test]
fn an_inside_out_mesh_is_turned() -> TestResult {
    let mesh = ball(1.0, ROWS);
    assert_eq!(oriented(&inside_out(mesh.clone()), &mesh)?, (mesh.faces.len(), true));
    Ok(())
}

#[test]
fn flipped_faces_follow_their_neighbors() -> TestResult {
    let mesh = ball(1.0, ROWS);
    for every in [2, 3, 7] {
        let mut mixed = mesh.clone();
        mixed.faces.iter_mut().step_by(every).for_each(|face| face.swap(1, 2));
        assert_eq!(oriented(&mixed, &mesh)?, (mesh.faces.len().div_ceil(every), true), "every {every}");
    }
    Ok(())
}

#[test]
fn parts_are_oriented_by_themselves() -> TestResult {
    let mut second = ball(0.5, ROWS);
    second.positions.iter_mut().for_each(|p| p.x += 3.0);
    let expected = joined(ball(1.0, ROWS), &second);
    let mixed = joined(ball(1.0, ROWS), &inside_out(second.clone()));
    assert_eq!(oriented(&mixed, &expected)?, (second.faces.len(), true));
    Ok(())
}

#[test]
fn open_bowls_and_hidden_shells_keep_their_winding() -> TestResult {
    for bowl in [ball(1.0, 2), inside_out(ball(1.0, 2))] {
        assert_eq!(oriented(&bowl, &bowl)?, (0, true));
    }
    // The wall of a cavity faces inward, and no camera sees it.
    let hollow = joined(ball(1.0, ROWS), &inside_out(ball(0.5, ROWS)));
    assert_eq!(oriented(&hollow, &hollow)?, (0, true));
    Ok(())
}

#[test]
fn two_sided_sheets_keep_their_winding() -> TestResult {
    let corner = |x: f32, y: f32| Vec3::new(x, y, 0.0);
    let sheet = Mesh {
        positions: vec![corner(0.0, 0.0), corner(1.0, 0.0), corner(1.0, 1.0), corner(0.0, 1.0)],
        faces: vec![[0, 1, 2], [0, 2, 3], [2, 1, 0], [3, 2, 0]],
        uvs: Some(vec![Vec2::new(0.5, 0.5); 4]),
        ..Mesh::default()
    };
    assert_eq!(oriented(&sheet, &sheet)?, (0, true));
    Ok(())
}

#[test]
fn a_mesh_without_faces_is_an_error() -> Result<(), MeshError> {
    let mut canonical = CanonicalMesh::new(&ball(1.0, ROWS))?;
    canonical.faces.clear();
    assert!(orient_outward(&mut canonical).is_err());
    Ok(())
}
