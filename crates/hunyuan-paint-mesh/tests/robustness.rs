//! UV unwrapping of difficult meshes: `prepare_uvs` returns the same mesh with usable UVs, or an
//! error.

use std::{collections::BTreeSet, ops::ControlFlow};

use glam::{DVec3, Vec3};
use hunyuan_paint_mesh::{
    Mesh, MeshError, MeshPart, PreparedMesh, UnwrapOptions, UnwrapProgress, UvMode, UvQuality, UvSource,
    prepare_uvs,
};

fn ignore_progress(_: UnwrapProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn unwrap(mesh: &Mesh) -> Result<PreparedMesh, MeshError> {
    prepare_uvs(mesh, UvMode::Unwrap, &UnwrapOptions::new(512), ignore_progress)
}

/// Unwraps a mesh and checks the guarantees of `prepare_uvs`: faces and positions are unchanged,
/// and the UVs are in range, almost without overlap, and cover almost all of the surface.
fn unwrap_checked(name: &str, mesh: &Mesh) -> Result<PreparedMesh, MeshError> {
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
    // The used vertices come first, in their original order; further copies follow.
    let used: Vec<u32> = mesh.faces.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
    assert_eq!(source_vertices[..used.len()], used, "{name}");

    let uvs = result.uvs.as_deref().unwrap_or_default();
    assert_eq!(uvs.len(), result.positions.len(), "{name}");
    assert!(uvs.iter().all(|uv| uv.min_element() >= 0.0 && uv.max_element() <= 1.0), "{name}");
    let kept = prepare_uvs(result, UvMode::Keep, &UnwrapOptions::new(512), ignore_progress)?;
    let UvSource::Own(quality) = kept.uv_source else { return Err(MeshError::MissingUvs) };
    assert!(quality.overlap <= UvQuality::OVERLAP_MAX, "{name}: {quality:?}");
    assert!(quality.unmapped <= 1e-4, "{name}: {quality:?}");
    Ok(prepared)
}

/// A pseudorandom number generator (xorshift64*) with the same sequence on every platform.
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

/// Returns a surface of `columns * rows` quads, two triangles each, optionally closed in either
/// direction. `at` maps parameters from 0 to 1 to positions.
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
fn surfaces_of_every_kind_are_unwrapped() -> Result<(), MeshError> {
    unwrap_checked("torus", &torus())?;
    unwrap_checked("terrain", &terrain(40, 30))?;
    unwrap_checked("flat", &sheet(20, 20, [false, false], |u, v| DVec3::new(u, v, 0.0)))?;
    let ramp = sheet(400, 3, [false, false], |u, v| {
        let (x, y) = circle(5.0 * u);
        DVec3::new(x * (0.2 + v), y * (0.2 + v), u)
    });
    unwrap_checked("a ramp of five overlapping turns", &ramp)?;
    let moebius = sheet(80, 4, [false, false], |u, v| {
        let ((x, y), (r, z)) = (circle(u), circle(u / 2.0));
        let width = 0.4 * (v - 0.5);
        DVec3::new(x * (1.0 + width * r), y * (1.0 + width * r), width * z)
    });
    unwrap_checked("moebius", &moebius)?;
    let fan = sheet(2000, 1, [true, false], |u, v| {
        let (x, y) = circle(u);
        DVec3::new(x * v, y * v, 0.0)
    });
    unwrap_checked("a disc of long thin triangles", &fan)?;
    let single = mesh(vec![Vec3::ZERO, Vec3::X, Vec3::Y], vec![[0, 1, 2]]);
    unwrap_checked("one triangle", &single)?;
    Ok(())
}

#[test]
fn a_mesh_without_seams_keeps_its_vertices() -> Result<(), MeshError> {
    let mut mesh = terrain(30, 20);
    mesh.normals = Some(mesh.positions.iter().map(|p| Vec3::new(p.x, p.y, 1.0)).collect());
    mesh.parts = vec![MeshPart { name: "hills".to_owned(), faces: 0..1200, ..MeshPart::default() }];
    let prepared = unwrap_checked("terrain", &mesh)?;
    assert_eq!(Mesh { uvs: None, ..prepared.mesh }, mesh);
    assert!(matches!(prepared.uv_source, UvSource::Unwrapped { chart_count: 1, .. }));
    Ok(())
}

#[test]
fn hard_edges_keep_their_normals() -> Result<(), MeshError> {
    // A cube whose sides each have their own four vertices and normals.
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
    let prepared = unwrap_checked("cube", &cube)?;
    assert_eq!(prepared.mesh.normals.as_ref().map(|n| &n[..24]), Some(normals.as_slice()));
    assert_eq!(prepared.mesh.positions[..24], cube.positions);
    Ok(())
}

#[test]
fn meshes_with_defects_are_unwrapped() -> Result<(), MeshError> {
    let sound = torus();
    let count = sound.positions.len() as u32;
    let with = |positions: &[Vec3], faces: &[[u32; 3]]| {
        let mut mesh = sound.clone();
        mesh.positions.extend(positions);
        mesh.faces.extend(faces);
        mesh
    };
    let [a, b, c] = sound.faces[100];
    unwrap_checked("a fin on an edge", &with(&[Vec3::Z * 2.0], &[[a, b, count]]))?;
    unwrap_checked(
        "a fan of fins on an edge",
        &with(&[Vec3::Z, Vec3::X * 3.0], &[[a, b, count], [b, a, count + 1]]),
    )?;
    let cone = with(&[Vec3::Z * 3.0, Vec3::new(0.1, 0.0, 3.0)], &[[a, count, count + 1]]);
    unwrap_checked("a triangle on a vertex", &cone)?;
    unwrap_checked("the same face twice", &with(&[], &[[a, b, c]]))?;
    unwrap_checked("a face and its back", &with(&[], &[[a, c, b]]))?;
    unwrap_checked("all faces three times", &mesh(sound.positions.clone(), sound.faces.repeat(3)))?;
    let backs = sound.faces.iter().map(|&[a, b, c]| [c, b, a]);
    let two_sided = mesh(sound.positions.clone(), sound.faces.iter().copied().chain(backs).collect());
    unwrap_checked("all faces from both sides", &two_sided)?;
    unwrap_checked("one face turned over", &{
        let mut mesh = sound.clone();
        mesh.faces[7].reverse();
        mesh
    })?;
    unwrap_checked("repeated indices", &with(&[], &[[a, a, b], [c, c, c]]))?;
    let (p, q) = (sound.positions[a as usize], sound.positions[b as usize]);
    unwrap_checked("no area", &with(&[(p + q) / 2.0], &[[a, count, b]]))?;
    unwrap_checked("hardly any area", &with(&[(p + q) / 2.0 + Vec3::splat(1e-7)], &[[a, count, b]]))?;
    unwrap_checked("no area, far from the rest", &with(&[Vec3::splat(3.0)], &[[count, count, count]]))?;
    unwrap_checked("unused vertices", &with(&[Vec3::splat(1e6), Vec3::NAN], &[]))?;
    let doubled =
        with(&sound.positions, &sound.faces.iter().map(|f| f.map(|i| i + count)).collect::<Vec<_>>());
    unwrap_checked("all vertices and faces twice", &doubled)?;
    let corners: Vec<u32> = sound.faces.iter().flatten().copied().collect();
    let loose = mesh(
        corners.iter().map(|&i| sound.positions[i as usize]).collect(),
        (0..corners.len() as u32 / 3).map(|i| [3 * i, 3 * i + 1, 3 * i + 2]).collect(),
    );
    unwrap_checked("separate vertices for every face", &loose)?;
    Ok(())
}

#[test]
fn parts_keep_their_number_and_order() -> Result<(), MeshError> {
    let mut mesh = torus();
    let part = |name: &str, faces| MeshPart { name: name.to_owned(), faces, ..MeshPart::default() };
    mesh.parts = vec![part("one", 0..1000), part("two", 1000..1001), part("three", 1001..mesh.faces.len())];
    assert_eq!(unwrap_checked("torus", &mesh)?.mesh.parts, mesh.parts);
    let options = UnwrapOptions { simplify_to: Some(600), ..UnwrapOptions::new(256) };
    let simple = prepare_uvs(&mesh, UvMode::Auto, &options, ignore_progress)?;
    assert!(simple.mesh.faces.len() < 800 && simple.mesh.parts.len() == 3);
    for (position, &source) in simple.mesh.positions.iter().zip(&simple.source_vertices) {
        assert_eq!(*position, mesh.positions[source as usize]);
    }
    Ok(())
}

#[test]
fn tiny_huge_and_stretched_meshes_are_unwrapped() -> Result<(), MeshError> {
    for scale in [1e-14, 1e-7, 1e-3, 1e3, 1e7, 1e14] {
        let mut mesh = torus();
        mesh.positions.iter_mut().for_each(|p| *p *= scale);
        unwrap_checked(&format!("scale {scale}"), &mesh)?;
    }
    let mut far = torus();
    far.positions.iter_mut().for_each(|p| *p += Vec3::splat(1e5));
    unwrap_checked("far from the origin, where floats are coarse", &far)?;
    let mut thin = terrain(30, 30);
    thin.positions.iter_mut().for_each(|p| *p *= Vec3::new(1.0, 1e-4, 1e-4));
    unwrap_checked("stretched", &thin)?;
    Ok(())
}

#[test]
fn random_triangles_are_unwrapped_or_rejected() -> Result<(), MeshError> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for round in 0..40 {
        let vertex_count = 3 + random.below(40);
        let positions: Vec<Vec3> = (0..vertex_count)
            .map(|_| {
                let p = random.position();
                // Every second round uses a coarse grid, so that many vertices coincide.
                if round % 2 == 0 { p } else { (p * 2.0).round() }
            })
            .collect();
        let faces = (0..1 + random.below(200)).map(|_| [0; 3].map(|_| random.below(vertex_count))).collect();
        let mesh = mesh(positions, faces);
        match mesh.validate() {
            Ok(()) => drop(unwrap_checked(&format!("round {round}"), &mesh)?),
            Err(_) => assert!(unwrap(&mesh).is_err(), "round {round}"),
        }
    }
    Ok(())
}

#[test]
fn randomly_damaged_surfaces_are_unwrapped() -> Result<(), MeshError> {
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
        unwrap_checked(&format!("round {round}"), &mesh)?;
    }
    Ok(())
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() -> Result<(), Box<dyn std::error::Error>> {
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
fn unusable_meshes_are_rejected_with_the_reason() {
    let line: Vec<Vec3> = (0..3).map(|i| Vec3::splat(0.1) * i as f32).collect();
    let triangle = vec![[0, 1, 2]];
    assert!(matches!(unwrap(&mesh(line, triangle.clone())), Err(MeshError::ZeroArea)));
    assert!(matches!(unwrap(&mesh(vec![Vec3::ONE; 3], triangle.clone())), Err(MeshError::Extent { .. })));
    assert!(matches!(unwrap(&mesh(vec![Vec3::ONE; 3], vec![])), Err(MeshError::NoFaces)));
    // The triangle alone is too small; the unused vertex would make the bounding box large enough.
    let unused = vec![Vec3::ZERO, Vec3::X * 1e-16, Vec3::Y * 1e-16, Vec3::ONE * 1e-12];
    assert!(unwrap(&mesh(unused, triangle.clone())).is_err());
    let infinite = vec![Vec3::ZERO, Vec3::X, Vec3::Y * f32::INFINITY];
    assert!(matches!(unwrap(&mesh(infinite, triangle)), Err(MeshError::NotFinite { vertex: 2, .. })));
}
