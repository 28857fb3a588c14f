//! Meshes for tests.

use glam::Vec3;

use crate::Mesh;

/// Returns a closed sphere with bumps, of `2 * segments * (rings - 1)` triangles.
pub(crate) fn bumpy_sphere(segments: u32, rings: u32) -> Mesh {
    let point = |ring: u32, segment: u32| {
        let polar = std::f64::consts::PI * f64::from(ring) / f64::from(rings);
        let azimuth = std::f64::consts::TAU * f64::from(segment) / f64::from(segments);
        let radius = 1.0 + 0.15 * libm::sin(7.0 * azimuth) * libm::sin(polar) * libm::sin(5.0 * polar);
        let (x, y) = (libm::sin(polar) * libm::cos(azimuth), libm::sin(polar) * libm::sin(azimuth));
        Vec3::new((radius * x) as f32, (radius * y) as f32, (radius * libm::cos(polar)) as f32)
    };
    let mut positions = vec![point(0, 0)];
    positions.extend((1..rings).flat_map(|ring| (0..segments).map(move |segment| point(ring, segment))));
    positions.push(point(rings, 0));
    let south = positions.len() as u32 - 1;
    let vertex = |ring: u32, segment: u32| match ring {
        0 => 0,
        _ if ring == rings => south,
        _ => 1 + (ring - 1) * segments + segment % segments,
    };
    let mut faces = Vec::new();
    for ring in 0..rings {
        for segment in 0..segments {
            let [a, b] = [vertex(ring, segment), vertex(ring + 1, segment)];
            let [c, d] = [vertex(ring + 1, segment + 1), vertex(ring, segment + 1)];
            if ring + 1 < rings {
                faces.push([a, b, c]);
            }
            if ring > 0 {
                faces.push([a, c, d]);
            }
        }
    }
    Mesh { positions, faces, ..Mesh::default() }
}
