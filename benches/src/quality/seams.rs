//! Seams of the texture: edges whose two faces have different UVs there.

use std::collections::BTreeMap;

use glam::{Vec2, Vec3};
use hunyuan_paint_mesh::CanonicalMesh;

/// A point on a seam, with its two UVs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SeamPoint {
    pub(super) position: Vec3,
    pub(super) uvs: [Vec2; 2],
    pub(super) faces: [usize; 2],
}

/// An edge of a face: its ends, in an order that does not depend on the face, and their UVs.
#[derive(Clone, Copy)]
struct Side {
    face: usize,
    ends: [Vec3; 2],
    uvs: [Vec2; 2],
}

/// Returns points along all seams, about one per texel of the longer side. Vertices at the same
/// position count as one.
pub(super) fn seam_points(mesh: &CanonicalMesh, texture_size: u32) -> Vec<SeamPoint> {
    let key = |vertex: u32| mesh.positions[vertex as usize].to_array().map(|c| (c + 0.0).to_bits());
    let mut edges: BTreeMap<[[u32; 3]; 2], Vec<Side>> = BTreeMap::new();
    for (face, &[a, b, c]) in mesh.faces.iter().enumerate() {
        for mut vertices in [[a, b], [b, c], [c, a]] {
            vertices.sort_by_key(|&vertex| key(vertex));
            let side = Side {
                face,
                ends: vertices.map(|vertex| mesh.positions[vertex as usize]),
                uvs: vertices.map(|vertex| mesh.uvs[vertex as usize]),
            };
            edges.entry(vertices.map(key)).or_default().push(side);
        }
    }
    let mut points = Vec::new();
    for sides in edges.values() {
        for pair in sides.windows(2).filter(|pair| pair[0].uvs != pair[1].uvs) {
            let length = |side: &Side| side.uvs[0].distance(side.uvs[1]) * texture_size as f32;
            let count = length(&pair[0]).max(length(&pair[1])).ceil().max(1.0) as usize;
            points.extend((0..count).map(|i| {
                let t = (i as f32 + 0.5) / count as f32;
                SeamPoint {
                    position: pair[0].ends[0].lerp(pair[0].ends[1], t),
                    uvs: [&pair[0], &pair[1]].map(|side| side.uvs[0].lerp(side.uvs[1], t)),
                    faces: [pair[0].face, pair[1].face],
                }
            }));
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns two triangles that share the edge from 0 to Y; the UVs of the second one are shifted
    /// by `apart`.
    fn pair(apart: f32) -> CanonicalMesh {
        CanonicalMesh {
            positions: vec![Vec3::ZERO, Vec3::X, Vec3::Y, Vec3::NEG_X, Vec3::Y, Vec3::ZERO],
            faces: vec![[0, 1, 2], [3, 5, 4]],
            uvs: vec![
                Vec2::new(0.5, 0.0),
                Vec2::new(0.9, 0.0),
                Vec2::new(0.5, 0.25),
                Vec2::new(0.1 - apart, 0.0),
                Vec2::new(0.5 - apart, 0.25),
                Vec2::new(0.5 - apart, 0.0),
            ],
        }
    }

    #[test]
    fn only_edges_with_two_uvs_are_seams() {
        assert_eq!(seam_points(&pair(0.0), 16), []);
        let points = seam_points(&pair(0.1), 16);
        assert_eq!(points.len(), 4);
        for (i, point) in points.iter().enumerate() {
            let t = (i as f32 + 0.5) / 4.0;
            assert_eq!(point.position, Vec3::Y * t);
            assert_eq!(point.uvs[0], Vec2::new(0.5, 0.25 * t));
            assert!((point.uvs[0] - point.uvs[1]).distance(Vec2::X * 0.1) < 1e-6);
            assert_eq!(point.faces, [0, 1]);
        }
    }
}
