//! Whatever mesh comes in, there is an error that says why, or the same mesh with UVs that can be painted on.

use std::{collections::BTreeSet, ops::ControlFlow};

use glam::{DVec3, Vec3};
use hunyuan_paint_mesh::{
    Mesh, MeshError, MeshPart, PreparedMesh, UnwrapOptions, UnwrapProgress, UvMode, UvQuality, UvSource,
    prepare_uvs,
};

fn go_on(_: UnwrapProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn unwrap(mesh: &Mesh) -> Result<PreparedMesh, MeshError> {
    prepare_uvs(mesh, UvMode::Unwrap, &UnwrapOptions::new(512), go_on)
}

/// Unwraps, and checks all that is promised.
fn checked(name: &str, mesh: &Mesh) -> Result<PreparedMesh, MeshError> {
    let prepared = unwrap(mesh)?;
    let PreparedMesh { mesh: result, source_vertices, .. } = &prepared;
    assert_eq!(result.faces.len(), mesh.faces.len(), "{name}");
    for (face, original) in result.faces.iter().zip(&mesh.faces) {
        assert_eq!(face.map(|i| source_vertices[i as usize]), *original, "{name}");
    }
    let bits = |p: Vec3| p.to_array().map(f32::to_bits);
    for (position, &source) in result.positions.iter().zip(source_vertices) {
        assert_eq!(bits(*position), bits(mesh.positions[source as usize]), "{name}");
    }
    // First copies in the original order, then the others.
    let used: Vec<u32> = mesh.faces.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
    assert_eq!(source_vertices[..used.len()], used, "{name}");

    let uvs = result.uvs.as_deref().unwrap_or_default();
    assert_eq!(uvs.len(), result.positions.len(), "{name}");
    assert!(uvs.iter().all(|uv| uv.min_element() >= 0.0 && uv.max_element() <= 1.0), "{name}");
    let kept = prepare_uvs(result, UvMode::Keep, &UnwrapOptions::new(512), go_on)?;
    let UvSource::Own(quality) = kept.uv_source else { return Err(MeshError::MissingUvs) };
    assert!(quality.overlap <= UvQuality::OVERLAP_MAX, "{name}: {quality:?}");
    assert!(quality.unmapped <= 1e-4, "{name}: {quality:?}");
    Ok(prepared)
}

/// A small generator of random numbers (xorshift64*), the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) % u64::from(limit)) as u32
    }

    fn position(&mut self) -> Vec3 {
        Vec3::from_array([0; 3].map(|_| self.below(10_000) as f32 / 5_000.0 - 1.0))
    }
}

fn mesh(positions: Vec<Vec3>, faces: Vec<[u32; 3]>) -> Mesh {
    Mesh { positions, faces, ..Mesh::default() }
}

/// A surface of `columns * rows` squares, closed or not in either direction.
fn sheet(columns: u32, rows: u32, closed: [bool; 2], at: impl Fn(f64, f64) -> DVec3) -> Mesh {
    let (width, height) = (columns + u32::from(!closed[0]), rows + u32::from(!closed[1]));
    let point =
        |x: u32, y: u32| at(f64::from(x) / f64::from(columns), f64::from(y) / f64::from(rows)).as_vec3();
    let vertex = |x: u32, y: u32| y % height * width + x % width;
    let squares = (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y)));
    let faces = squares.flat_map(|(x, y)| {
        let [a, b, c, d] = [(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)].map(|(x, y)| vertex(x, y));
        [[a, b, c], [a, c, d]]
    });
    let positions = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    mesh(positions.map(|(x, y)| point(x, y)).collect(), faces.collect())
}

fn circle(turns: f64) -> (f64, f64) {
    let (sin, cos) = libm::sincos(turns * std::f64::consts::TAU);
    (cos, sin)
}

fn torus() -> Mesh {
    sheet(48, 24, [true, true], |u, v| {
        let ((x, y), (r, z)) = (circle(u), circle(v));
        DVec3::new(x * (1.0 + 0.4 * r), y * (1.0 + 0.4 * r), 0.4 * z)
    })
}

fn terrain(columns: u32, rows: u32) -> Mesh {
    sheet(columns, rows, [false, false], |u, v| DVec3::new(u, v, 0.1 * circle(2.0 * u).0 * circle(3.0 * v).1))
}

#[test]
fn surfaces_of_every_kind() -> Result<(), MeshError> {
    checked("torus", &torus())?;
    checked("terrain", &terrain(40, 30))?;
    checked("flat", &sheet(20, 20, [false, false], |u, v| DVec3::new(u, v, 0.0)))?;
    let ramp = sheet(400, 3, [false, false], |u, v| {
        let (x, y) = circle(5.0 * u);
        DVec3::new(x * (0.2 + v), y * (0.2 + v), u)
    });
    checked("a ramp of five turns, whose faces hide one another", &ramp)?;
    let moebius = sheet(80, 4, [false, false], |u, v| {
        let ((x, y), (r, z)) = (circle(u), circle(u / 2.0));
        let width = 0.4 * (v - 0.5);
        DVec3::new(x * (1.0 + width * r), y * (1.0 + width * r), width * z)
    });
    checked("moebius", &moebius)?;
    let fan = sheet(2000, 1, [true, false], |u, v| {
        let (x, y) = circle(u);
        DVec3::new(x * v, y * v, 0.0)
    });
    checked("a disc of long thin triangles", &fan)?;
    let single = mesh(vec![Vec3::ZERO, Vec3::X, Vec3::Y], vec![[0, 1, 2]]);
    checked("one triangle", &single)?;
    Ok(())
}

#[test]
fn a_mesh_without_seams_keeps_its_vertices_as_they_are() -> Result<(), MeshError> {
    let mut mesh = terrain(30, 20);
    mesh.normals = Some(mesh.positions.iter().map(|p| Vec3::new(p.x, p.y, 1.0)).collect());
    mesh.parts = vec![MeshPart { name: "hills".to_owned(), faces: 0..1200, ..MeshPart::default() }];
    let prepared = checked("terrain", &mesh)?;
    assert_eq!(Mesh { uvs: None, ..prepared.mesh }, mesh);
    assert!(matches!(prepared.uv_source, UvSource::Unwrapped { chart_count: 1, .. }));
    Ok(())
}

#[test]
fn hard_edges_stay_hard() -> Result<(), MeshError> {
    // A cube of which each side has its own four vertices and normals.
    let sides = [Vec3::X, Vec3::Y, Vec3::Z, Vec3::NEG_X, Vec3::NEG_Y, Vec3::NEG_Z];
    let (mut cube, mut normals) = (Mesh::default(), Vec::new());
    for normal in sides {
        let first = cube.positions.len() as u32;
        let (u, v) = normal.any_orthonormal_pair();
        cube.positions.extend([-u - v, u - v, u + v, v - u].map(|corner| normal + corner));
        cube.faces.extend([[0, 1, 2], [0, 2, 3]].map(|face| face.map(|i| first + i)));
        normals.extend([normal; 4]);
    }
    cube.normals = Some(normals.clone());
    let prepared = checked("cube", &cube)?;
    assert_eq!(prepared.mesh.normals.as_ref().map(|n| &n[..24]), Some(normals.as_slice()));
    assert_eq!(prepared.mesh.positions[..24], cube.positions);
    Ok(())
}

#[test]
fn defects_do_not_matter() -> Result<(), MeshError> {
    let sound = torus();
    let count = sound.positions.len() as u32;
    let with = |positions: &[Vec3], faces: &[[u32; 3]]| {
        let mut mesh = sound.clone();
        mesh.positions.extend(positions);
        mesh.faces.extend(faces);
        mesh
    };
    let [a, b, c] = sound.faces[100];
    checked("a fin on an edge", &with(&[Vec3::Z * 2.0], &[[a, b, count]]))?;
    checked(
        "a fan of fins on an edge",
        &with(&[Vec3::Z, Vec3::X * 3.0], &[[a, b, count], [b, a, count + 1]]),
    )?;
    let cone = with(&[Vec3::Z * 3.0, Vec3::new(0.1, 0.0, 3.0)], &[[a, count, count + 1]]);
    checked("a triangle on a vertex", &cone)?;
    checked("the same face twice", &with(&[], &[[a, b, c]]))?;
    checked("a face and its back", &with(&[], &[[a, c, b]]))?;
    checked("all faces three times", &mesh(sound.positions.clone(), sound.faces.repeat(3)))?;
    let backs = sound.faces.iter().map(|&[a, b, c]| [c, b, a]);
    let two_sided = mesh(sound.positions.clone(), sound.faces.iter().copied().chain(backs).collect());
    checked("all faces from both sides", &two_sided)?;
    checked("one face turned over", &{
        let mut mesh = sound.clone();
        mesh.faces[7].reverse();
        mesh
    })?;
    checked("repeated indices", &with(&[], &[[a, a, b], [c, c, c]]))?;
    let (p, q) = (sound.positions[a as usize], sound.positions[b as usize]);
    checked("no area", &with(&[(p + q) / 2.0], &[[a, count, b]]))?;
    checked("hardly any area", &with(&[(p + q) / 2.0 + Vec3::splat(1e-7)], &[[a, count, b]]))?;
    checked("no area, far from all else", &with(&[Vec3::splat(3.0)], &[[count, count, count]]))?;
    checked("unused vertices", &with(&[Vec3::splat(1e6), Vec3::NAN], &[]))?;
    let doubled =
        with(&sound.positions, &sound.faces.iter().map(|f| f.map(|i| i + count)).collect::<Vec<_>>());
    checked("all vertices and faces twice", &doubled)?;
    let corners: Vec<u32> = sound.faces.iter().flatten().copied().collect();
    let loose = mesh(
        corners.iter().map(|&i| sound.positions[i as usize]).collect(),
        (0..corners.len() as u32 / 3).map(|i| [3 * i, 3 * i + 1, 3 * i + 2]).collect(),
    );
    checked("vertices of its own for every face", &loose)?;
    Ok(())
}

#[test]
fn parts_survive_in_number_and_order() -> Result<(), MeshError> {
    let mut mesh = torus();
    let part = |name: &str, faces| MeshPart { name: name.to_owned(), faces, ..MeshPart::default() };
    mesh.parts = vec![part("one", 0..1000), part("two", 1000..1001), part("three", 1001..mesh.faces.len())];
    assert_eq!(checked("torus", &mesh)?.mesh.parts, mesh.parts);
    let options = UnwrapOptions { simplify_to: Some(600), ..UnwrapOptions::new(256) };
    let simple = prepare_uvs(&mesh, UvMode::Auto, &options, go_on)?;
    assert!(simple.mesh.faces.len() < 800 && simple.mesh.parts.len() == 3);
    for (position, &source) in simple.mesh.positions.iter().zip(&simple.source_vertices) {
        assert_eq!(*position, mesh.positions[source as usize]);
    }
    Ok(())
}

#[test]
fn sizes_from_tiny_to_huge() -> Result<(), MeshError> {
    for scale in [1e-14, 1e-7, 1e-3, 1e3, 1e7, 1e14] {
        let mut mesh = torus();
        mesh.positions.iter_mut().for_each(|p| *p *= scale);
        checked(&format!("scale {scale}"), &mesh)?;
    }
    let mut far = torus();
    far.positions.iter_mut().for_each(|p| *p += Vec3::splat(1e5));
    checked("far from the origin, where coordinates are coarse", &far)?;
    let mut thin = terrain(30, 30);
    thin.positions.iter_mut().for_each(|p| *p *= Vec3::new(1.0, 1e-4, 1e-4));
    checked("stretched", &thin)?;
    Ok(())
}

#[test]
fn random_triangles() -> Result<(), MeshError> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for round in 0..40 {
        let vertex_count = 3 + random.below(40);
        let positions: Vec<Vec3> = (0..vertex_count)
            .map(|_| {
                let p = random.position();
                // Every other time on a coarse grid, where much coincides.
                if round % 2 == 0 { p } else { (p * 2.0).round() }
            })
            .collect();
        let faces = (0..1 + random.below(200)).map(|_| [0; 3].map(|_| random.below(vertex_count))).collect();
        let mesh = mesh(positions, faces);
        match mesh.validate() {
            Ok(()) => drop(checked(&format!("round {round}"), &mesh)?),
            Err(_) => assert!(unwrap(&mesh).is_err(), "round {round}"),
        }
    }
    Ok(())
}

#[test]
fn surfaces_with_random_damage() -> Result<(), MeshError> {
    let mut random = Random(42);
    for round in 0..12 {
        let mut mesh = terrain(24, 24);
        let count = mesh.positions.len() as u32;
        for _ in 0..random.below(60) {
            let face = random.below(mesh.faces.len() as u32) as usize;
            match random.below(5) {
                0 => drop(mesh.faces.remove(face)),
                1 => mesh.faces[face].reverse(),
                2 => mesh.faces[face][0] = random.below(count),
                3 => mesh.faces.push(mesh.faces[face]),
                _ => mesh.positions[random.below(count) as usize] += random.position() * 0.2,
            }
        }
        checked(&format!("round {round}"), &mesh)?;
    }
    Ok(())
}

#[test]
fn the_number_of_threads_does_not_matter() -> Result<(), Box<dyn std::error::Error>> {
    let mut mesh = torus();
    mesh.faces.extend(terrain(40, 40).faces.iter().map(|face| face.map(|i| i % 1000)));
    let run = |threads| -> Result<PreparedMesh, Box<dyn std::error::Error>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        Ok(pool.install(|| unwrap(&mesh))?)
    };
    let one = run(1)?;
    for threads in [1, 2, 7] {
        assert_eq!(run(threads)?, one, "{threads} threads");
    }
    Ok(())
}

#[test]
fn meshes_that_cannot_be_painted_are_errors_that_say_why() {
    let line: Vec<Vec3> = (0..3).map(|i| Vec3::splat(0.1) * i as f32).collect();
    let triangle = vec![[0, 1, 2]];
    assert!(matches!(unwrap(&mesh(line, triangle.clone())), Err(MeshError::ZeroArea)));
    assert!(matches!(unwrap(&mesh(vec![Vec3::ONE; 3], triangle.clone())), Err(MeshError::Extent { .. })));
    assert!(matches!(unwrap(&mesh(vec![Vec3::ONE; 3], vec![])), Err(MeshError::NoFaces)));
    // Only what no face uses makes it large enough.
    let unused = vec![Vec3::ZERO, Vec3::X * 1e-16, Vec3::Y * 1e-16, Vec3::ONE * 1e-12];
    assert!(unwrap(&mesh(unused, triangle.clone())).is_err());
    let infinite = vec![Vec3::ZERO, Vec3::X, Vec3::Y * f32::INFINITY];
    assert!(matches!(unwrap(&mesh(infinite, triangle)), Err(MeshError::NotFinite { vertex: 2, .. })));
}
