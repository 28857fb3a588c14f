//! Inputs shared by the benches, and the measurement of the quality of baking ([`quality`]).

pub mod criterion_results;
pub mod fit;
pub mod machine;
pub mod memory;
pub mod quality;

use std::{error::Error, path::Path};

use glam::{Mat3, Vec2, Vec3, Vec4};
use hunyuan_paint_mesh::{Camera, CanonicalMesh, Mesh, read_mesh};

/// Returns a smooth bumpy sphere with some self-occlusion, of about `2 · rings · segments`
/// triangles.
pub fn bumpy_sphere(rings: u32, segments: u32) -> Mesh {
    sphere(rings, segments, |polar, azimuth| 1.0 + 0.15 * (5.0 * azimuth).sin() * (4.0 * polar).sin())
}

/// Returns a sphere whose radius is a function of the angle from the y axis and the angle around
/// it.
fn sphere(rings: u32, segments: u32, radius: impl Fn(f32, f32) -> f32) -> Mesh {
    let point = |ring: u32, segment: u32| {
        let polar = std::f32::consts::PI * ring as f32 / rings as f32;
        let azimuth = std::f32::consts::TAU * segment as f32 / segments as f32;
        direction(polar, azimuth) * radius(polar, azimuth)
    };
    let mut positions = vec![Vec3::Y * radius(0.0, 0.0)];
    positions.extend(
        (1..rings)
            .flat_map(|ring| (0..segments).map(move |segment| (ring, segment)))
            .map(|(ring, segment)| point(ring, segment)),
    );
    positions.push(Vec3::NEG_Y * radius(std::f32::consts::PI, 0.0));
    let last = positions.len() as u32 - 1;
    let vertex = |ring: u32, segment: u32| match ring {
        0 => 0,
        ring if ring == rings => last,
        ring => 1 + (ring - 1) * segments + segment % segments,
    };
    let mut faces = Vec::new();
    for ring in 0..rings {
        for segment in 0..segments {
            let [a, b] = [vertex(ring, segment), vertex(ring, segment + 1)];
            let [c, d] = [vertex(ring + 1, segment), vertex(ring + 1, segment + 1)];
            if ring > 0 {
                faces.push([a, b, c]);
            }
            if ring + 1 < rings {
                faces.push([b, d, c]);
            }
        }
    }
    Mesh { positions, faces, ..Mesh::default() }
}

fn direction(polar: f32, azimuth: f32) -> Vec3 {
    Vec3::new(polar.sin() * azimuth.cos(), polar.cos(), polar.sin() * azimuth.sin())
}

/// A mesh in the clip space of a camera.
#[derive(Debug)]
pub struct RasterScene {
    /// Name in the tables.
    pub name: String,
    /// Vertices in clip space.
    pub clip_positions: Vec<Vec4>,
    /// Triangles, as vertex indices.
    pub faces: Vec<[u32; 3]>,
}

/// Returns the meshes that the rasterizers are measured on: a triangle that covers the image; a
/// turned cube, spheres and a bumpy sphere of 70,000 faces from the side; and the mesh in `file`,
/// if any, from the front.
///
/// # Errors
/// If the file cannot be read as a mesh.
pub fn raster_views(file: Option<&Path>) -> Result<Vec<RasterScene>, Box<dyn Error>> {
    let corners = [[-1.0, -1.0], [3.0, -1.0], [-1.0, 3.0]];
    let triangle = corners.map(|[x, y]| Vec4::new(x, y, 0.0, 1.0)).to_vec();
    let mut views = vec![
        RasterScene { name: "triangle".into(), clip_positions: triangle, faces: vec![[0, 1, 2]] },
        from_the_side("cube_12", &turned_cube()),
        from_the_side("sphere_4k", &sphere(45, 45, |_, _| 1.0)),
        from_the_side("bumpy_70k", &bumpy_sphere(187, 187)),
        from_the_side("sphere_1m", &sphere(708, 707, |_, _| 1.0)),
        from_the_side("sphere_2m", &sphere(1001, 1000, |_, _| 1.0)),
    ];
    if let Some(file) = file {
        let mut mesh = read_mesh(file)?;
        mesh.uvs = Some(vec![Vec2::ZERO; mesh.positions.len()]);
        let mesh = CanonicalMesh::new(&mesh)?;
        let camera = Camera::orthographic(0.0, 0.0);
        let clip_from_world = camera.clip_from_view() * camera.view_from_world();
        let clip_positions = mesh.positions.iter().map(|p| clip_from_world * p.extend(1.0)).collect();
        views.push(RasterScene { name: "file".into(), clip_positions, faces: mesh.faces });
    }
    Ok(views)
}

/// Projects a mesh around the origin, with a radius of about 1, along z without perspective.
fn from_the_side(name: &str, mesh: &Mesh) -> RasterScene {
    let clip = |p: &Vec3| Vec4::new(0.85 * p.x, 0.85 * p.y, 0.5 * p.z, 1.0);
    RasterScene {
        name: name.to_owned(),
        clip_positions: mesh.positions.iter().map(clip).collect(),
        faces: mesh.faces.clone(),
    }
}

fn turned_cube() -> Mesh {
    let turn = Mat3::from_rotation_x(0.5) * Mat3::from_rotation_y(0.6);
    let corner = |i: u32| turn * Vec3::from([i, i / 2, i / 4].map(|bit| (bit % 2) as f32 - 0.5)) * 1.15;
    // Bit i of a corner's index selects its side along axis i.
    let sides = [[0, 2, 1, 3], [4, 5, 6, 7], [0, 1, 4, 5], [2, 6, 3, 7], [0, 4, 2, 6], [1, 3, 5, 7]];
    let faces = sides.iter().flat_map(|&[a, b, c, d]| [[a, b, c], [b, d, c]]).collect();
    Mesh { positions: (0..8).map(corner).collect(), faces, ..Mesh::default() }
}
