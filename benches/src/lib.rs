//! Inputs shared by the benches.

use glam::Vec3;
use hunyuan_paint::mesh::Mesh;

/// A sphere with bumps, of `2 · rings · segments` triangles but for the poles: smooth, with some occlusion.
pub fn bumpy_sphere(rings: u32, segments: u32) -> Mesh {
    let point = |ring: u32, segment: u32| {
        let polar = std::f32::consts::PI * ring as f32 / rings as f32;
        let azimuth = std::f32::consts::TAU * segment as f32 / segments as f32;
        let direction = Vec3::new(polar.sin() * azimuth.cos(), polar.cos(), polar.sin() * azimuth.sin());
        direction * (1.0 + 0.15 * (5.0 * azimuth).sin() * (4.0 * polar).sin())
    };
    let mut positions = vec![Vec3::Y];
    positions.extend((1..rings).flat_map(|ring| (0..segments).map(move |segment| point(ring, segment))));
    positions.push(Vec3::NEG_Y);
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
    Mesh { positions, faces, uvs: None, normals: None }
}
