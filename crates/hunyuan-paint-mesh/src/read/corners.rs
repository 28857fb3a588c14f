//! Conversion of separately indexed positions, UVs and normals to vertices with a single index.

use std::collections::HashMap;

use glam::{Vec2, Vec3};

use crate::Mesh;

/// A face corner: indices of its position and, where present, of its UV and normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Corner {
    pub(super) position: u32,
    pub(super) uv: Option<u32>,
    pub(super) normal: Option<u32>,
}

/// The arrays that corners index.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    pub(super) positions: Vec<Vec3>,
    pub(super) uvs: Vec<Vec2>,
    pub(super) normals: Vec<Vec3>,
}

/// Returns a mesh of the triangles, whose corners must index `attributes` within range.
///
/// For each position, the first combination with a UV and a normal keeps the position's index; each
/// further combination becomes a new vertex at the end. UVs are kept if every corner has one. The
/// same rule applies to normals.
pub(super) fn unify(attributes: &Attributes, triangles: &[[Corner; 3]]) -> Mesh {
    let has_uvs = triangles.iter().flatten().all(|corner| corner.uv.is_some());
    let has_normals = triangles.iter().flatten().all(|corner| corner.normal.is_some());
    // The combination that each vertex represents; `None` until a face uses the position.
    let mut vertices: Vec<Option<Corner>> = vec![None; attributes.positions.len()];
    let mut added: HashMap<Corner, u32> = HashMap::new();
    let mut index_of = |corner: &Corner| {
        let key = Corner {
            uv: corner.uv.filter(|_| has_uvs),
            normal: corner.normal.filter(|_| has_normals),
            ..*corner
        };
        if *vertices[corner.position as usize].get_or_insert(key) == key {
            return corner.position;
        }
        *added.entry(key).or_insert_with(|| {
            vertices.push(Some(key));
            vertices.len() as u32 - 1
        })
    };
    let faces = triangles.iter().map(|triangle| triangle.each_ref().map(&mut index_of)).collect();

    let uv = |vertex: &Option<Corner>| vertex.as_ref()?.uv.map(|i| attributes.uvs[i as usize]);
    let normal = |vertex: &Option<Corner>| vertex.as_ref()?.normal.map(|i| attributes.normals[i as usize]);
    let added = vertices[attributes.positions.len()..].iter().flatten();
    let added = added.map(|corner| attributes.positions[corner.position as usize]);
    Mesh {
        positions: attributes.positions.iter().copied().chain(added).collect(),
        faces,
        uvs: has_uvs.then(|| vertices.iter().map(|v| uv(v).unwrap_or_default()).collect()),
        normals: has_normals.then(|| vertices.iter().map(|v| normal(v).unwrap_or_default()).collect()),
        ..Mesh::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_keep_their_index_and_seams_are_split_once() {
        let attributes = Attributes {
            positions: (0..4).map(|i| Vec3::splat(i as f32)).collect(),
            uvs: (0..5).map(|i| Vec2::splat(i as f32)).collect(),
            normals: vec![],
        };
        let corner = |position, uv| Corner { position, uv: Some(uv), normal: None };
        let triangles = [
            [corner(0, 0), corner(1, 1), corner(2, 2)],
            [corner(2, 4), corner(1, 1), corner(3, 3)],
            [corner(2, 4), corner(3, 3), corner(0, 0)],
        ];
        let mesh = unify(&attributes, &triangles);
        assert_eq!(mesh.faces, [[0, 1, 2], [4, 1, 3], [4, 3, 0]]);
        assert_eq!(mesh.positions[..4], attributes.positions);
        assert_eq!(mesh.positions[4], attributes.positions[2]);
        assert_eq!(mesh.uvs.map(|uvs| uvs[4]), Some(Vec2::splat(4.0)));
    }

    #[test]
    fn an_attribute_missing_at_one_corner_is_dropped() {
        let attributes =
            Attributes { positions: vec![Vec3::ZERO; 3], uvs: vec![Vec2::ZERO; 2], normals: vec![] };
        let corner = |position, uv| Corner { position, uv, normal: None };
        let triangles = [
            [corner(0, Some(0)), corner(1, Some(0)), corner(2, None)],
            [corner(0, Some(1)), corner(1, Some(0)), corner(2, Some(0))],
        ];
        let mesh = unify(&attributes, &triangles);
        assert_eq!((mesh.uvs, mesh.positions.len()), (None, 3));
    }
}
