//! The triangle mesh that readers produce and writers take, and its validation.

use std::ops::Range;

use glam::{DVec3, Vec2, Vec3};

use crate::{MeshError, MeshPart, MeshWarning};

/// Range of bounding-box diagonals whose squares neither overflow nor underflow in float32.
const EXTENT_RANGE: std::ops::RangeInclusive<f64> = 1e-15..=1e15;

/// Smallest usable area: twice a triangle's area, relative to the squared extent. A mesh without a
/// larger triangle is rejected.
const RELATIVE_AREA_MIN: f64 = 1e-14;

/// A triangle mesh in object space, in the file's own units and axes.
///
/// One index addresses all attributes of a vertex. Triangles are counter-clockwise seen from
/// outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mesh {
    /// One position per vertex.
    pub positions: Vec<Vec3>,
    /// Three vertex indices per triangle.
    pub faces: Vec<[u32; 3]>,
    /// One texture coordinate per vertex. The origin is the image's **bottom**-left corner; v
    /// points up.
    pub uvs: Option<Vec<Vec2>>,
    /// One normal per vertex, not necessarily of unit length.
    pub normals: Option<Vec<Vec3>>,
    /// The objects and materials that the faces belong to. The ranges of the parts are contiguous,
    /// in order, and cover all faces. A mesh without parts is one unnamed object.
    pub parts: Vec<MeshPart>,
    /// What the reader changed or left out.
    pub warnings: Vec<MeshWarning>,
}

impl Mesh {
    /// Checks that the mesh can be painted.
    ///
    /// # Errors
    /// If there are no faces, an index is out of range, an attribute has the wrong length, the
    /// parts do not cover the faces in order, a position is NaN or infinite, the extent is not
    /// within 1e-15 to 1e15, or every triangle has zero or negligible area.
    pub fn validate(&self) -> Result<(), MeshError> {
        self.validate_structure()?;
        if let Some(vertex) = self.positions.iter().position(|p| !p.is_finite()) {
            return Err(MeshError::NotFinite { attribute: "position", vertex });
        }
        let extent = self.extent();
        if !EXTENT_RANGE.contains(&extent) {
            return Err(MeshError::Extent { extent });
        }
        let has_area = |face: &[u32; 3]| {
            let [a, b, c] = face.map(|i| self.positions[i as usize].as_dvec3());
            (b - a).cross(c - a).length() > RELATIVE_AREA_MIN * extent * extent
        };
        if !self.faces.iter().any(has_area) {
            return Err(MeshError::ZeroArea);
        }
        Ok(())
    }

    /// Checks that there are faces, that indices and attributes fit the number of vertices, and
    /// that the parts cover the faces in order.
    pub(crate) fn validate_structure(&self) -> Result<(), MeshError> {
        let vertex_count = self.positions.len();
        if self.faces.is_empty() {
            return Err(MeshError::NoFaces);
        }
        for (face, indices) in self.faces.iter().enumerate() {
            for &index in indices {
                if index as usize >= vertex_count {
                    return Err(MeshError::IndexOutOfRange { face, index, vertex_count });
                }
            }
        }
        check_length("UVs", self.uvs.as_ref().map(Vec::len), vertex_count)?;
        check_length("normals", self.normals.as_ref().map(Vec::len), vertex_count)?;
        let mut next = 0;
        for (part, MeshPart { faces, .. }) in self.parts.iter().enumerate() {
            if faces.start != next || faces.end < faces.start {
                return Err(MeshError::PartRange { part, range: faces.clone(), expected_start: next });
            }
            next = faces.end;
        }
        if next != self.faces.len() && !self.parts.is_empty() {
            return Err(MeshError::PartsLength { expected: self.faces.len(), found: next });
        }
        Ok(())
    }

    /// Drops the faces that have a position that is not finite, with a warning; none if there are no
    /// others. The structure must be valid.
    pub(crate) fn drop_non_finite_faces(&mut self) {
        let is_finite =
            |face: &[u32; 3]| face.iter().all(|&vertex| self.positions[vertex as usize].is_finite());
        let is_kept: Vec<bool> = self.faces.iter().map(is_finite).collect();
        let count = is_kept.iter().filter(|&&kept| !kept).count();
        if count == 0 || count == self.faces.len() {
            return;
        }
        let kept_in = |faces: Range<usize>| is_kept[faces].iter().filter(|&&kept| kept).count();
        let mut end = 0;
        for part in &mut self.parts {
            let start = end;
            end += kept_in(part.faces.clone());
            part.faces = start..end;
        }
        let mut kept = is_kept.iter();
        self.faces.retain(|_| kept.next() == Some(&true));
        self.warnings.push(MeshWarning::FacesDropped { count });
    }

    /// Drops the vertices that no face uses, because they would enlarge the bounding box. The
    /// others keep their order. The structure must be valid. Returns the former index of each kept
    /// vertex.
    pub(crate) fn drop_unused_vertices(&mut self) -> Vec<u32> {
        let mut is_used = vec![false; self.positions.len()];
        self.faces.iter().flatten().for_each(|&i| is_used[i as usize] = true);
        if is_used.iter().all(|&used| used) {
            return (0..self.positions.len() as u32).collect();
        }
        let used: Vec<u32> = (0..).zip(&is_used).filter(|(_, used)| **used).map(|(i, _)| i).collect();
        let mut new_index = vec![0; self.positions.len()];
        for (new, &old) in (0..).zip(&used) {
            new_index[old as usize] = new;
        }
        let faces = self.faces.iter().map(|face| face.map(|i| new_index[i as usize])).collect();
        *self = self.with_vertices(&used, faces);
        used
    }

    /// Returns a mesh with the given faces whose vertex `i` is a copy of this mesh's vertex
    /// `source[i]`. `source` must be in range, and the number of faces must not change.
    pub(crate) fn with_vertices(&self, source: &[u32], faces: Vec<[u32; 3]>) -> Self {
        Self {
            positions: gather(&self.positions, source),
            faces,
            uvs: self.uvs.as_ref().map(|uvs| gather(uvs, source)),
            normals: self.normals.as_ref().map(|normals| gather(normals, source)),
            parts: self.parts.clone(),
            warnings: self.warnings.clone(),
        }
    }

    /// Returns the length of the bounding box's diagonal; 0 without vertices.
    pub fn extent(&self) -> f64 {
        let Some(first) = self.positions.first() else { return 0.0 };
        let start = (first.as_dvec3(), first.as_dvec3());
        let (min, max): (DVec3, DVec3) = self.positions.iter().fold(start, |(min, max), p| {
            let p = p.as_dvec3();
            (min.min(p), max.max(p))
        });
        (max - min).length()
    }
}

fn gather<T: Copy>(values: &[T], source: &[u32]) -> Vec<T> {
    source.iter().map(|&i| values[i as usize]).collect()
}

fn check_length(attribute: &'static str, found: Option<usize>, expected: usize) -> Result<(), MeshError> {
    match found {
        Some(found) if found != expected => Err(MeshError::AttributeLength { attribute, expected, found }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triangle() -> Mesh {
        Mesh { positions: vec![Vec3::ZERO, Vec3::X, Vec3::Y], faces: vec![[0, 1, 2]], ..Mesh::default() }
    }

    #[test]
    fn a_triangle_is_valid() {
        assert!(triangle().validate().is_ok());
    }

    #[test]
    fn structural_defects_are_rejected() {
        let mut mesh = triangle();
        mesh.faces.push([0, 1, 3]);
        let expected = MeshError::IndexOutOfRange { face: 1, index: 3, vertex_count: 3 };
        assert_eq!(mesh.validate().map_err(|e| e.to_string()), Err(expected.to_string()));

        let mesh = Mesh { faces: vec![], ..triangle() };
        assert!(matches!(mesh.validate(), Err(MeshError::NoFaces)));

        let mesh = Mesh { uvs: Some(vec![Vec2::ZERO; 2]), ..triangle() };
        assert!(matches!(mesh.validate(), Err(MeshError::AttributeLength { expected: 3, found: 2, .. })));

        let mesh = Mesh { normals: Some(vec![Vec3::Z; 4]), ..triangle() };
        assert!(matches!(mesh.validate(), Err(MeshError::AttributeLength { expected: 3, found: 4, .. })));
    }

    #[test]
    fn parts_must_cover_all_faces_in_order() {
        let with_parts = |ranges: &[(usize, usize)]| {
            let part = |&(start, end): &(usize, usize)| MeshPart { faces: start..end, ..MeshPart::default() };
            let faces = vec![[0, 1, 2]; 4];
            Mesh { faces, parts: ranges.iter().map(part).collect(), ..triangle() }.validate()
        };
        assert!(with_parts(&[(0, 3), (3, 3), (3, 4)]).is_ok());
        assert!(matches!(with_parts(&[(0, 3)]), Err(MeshError::PartsLength { expected: 4, found: 3 })));
        assert!(matches!(with_parts(&[(0, 9)]), Err(MeshError::PartsLength { expected: 4, found: 9 })));
        for wrong in [&[(1, 4)][..], &[(0, 2), (3, 4)], &[(0, 3), (2, 4)], &[(0, 3), (3, 1)]] {
            assert!(matches!(with_parts(wrong), Err(MeshError::PartRange { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn unused_vertices_are_dropped_in_order() {
        let mut mesh = Mesh {
            positions: (0..5).map(|i| Vec3::splat(i as f32)).collect(),
            faces: vec![[4, 1, 3]],
            uvs: Some((0..5).map(|i| Vec2::splat(i as f32)).collect()),
            ..Mesh::default()
        };
        assert_eq!(mesh.drop_unused_vertices(), [1, 3, 4]);
        assert_eq!(mesh.faces, [[2, 0, 1]]);
        assert_eq!(mesh.positions, [1.0, 3.0, 4.0].map(Vec3::splat));
        assert_eq!(mesh.uvs, Some([1.0, 3.0, 4.0].map(Vec2::splat).to_vec()));
    }

    #[test]
    fn faces_that_are_not_finite_are_dropped_and_parts_follow() {
        let part = |faces| MeshPart { faces, ..MeshPart::default() };
        let mut mesh = Mesh {
            positions: vec![Vec3::ZERO, Vec3::X, Vec3::Y, Vec3::splat(f32::NAN)],
            faces: vec![[0, 1, 3], [0, 1, 2], [2, 1, 0], [3, 1, 2]],
            parts: vec![part(0..2), part(2..3), part(3..4)],
            ..Mesh::default()
        };
        mesh.drop_non_finite_faces();
        assert_eq!(mesh.faces, [[0, 1, 2], [2, 1, 0]]);
        assert_eq!(mesh.parts.iter().map(|part| part.faces.clone()).collect::<Vec<_>>(), [0..1, 1..2, 2..2]);
        assert_eq!(mesh.warnings, [MeshWarning::FacesDropped { count: 2 }]);
        mesh.drop_unused_vertices();
        assert!(mesh.validate().is_ok());

        let mut mesh = Mesh { positions: vec![Vec3::splat(f32::NAN); 3], ..triangle() };
        mesh.drop_non_finite_faces();
        assert!(matches!(mesh.validate(), Err(MeshError::NotFinite { vertex: 0, .. })));
    }

    #[test]
    fn geometric_defects_are_rejected() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut mesh = triangle();
            mesh.positions[1].y = bad;
            assert!(matches!(mesh.validate(), Err(MeshError::NotFinite { vertex: 1, .. })));
        }
        for scale in [0.0, 1e-20, 1e20, 1e38] {
            let mut mesh = triangle();
            mesh.positions.iter_mut().for_each(|p| *p *= scale);
            assert!(matches!(mesh.validate(), Err(MeshError::Extent { .. })), "scale {scale}");
        }
        let line = (0..3).map(|i| Vec3::splat(0.1) * i as f32).collect();
        let mesh = Mesh { positions: line, ..triangle() };
        assert!(matches!(mesh.validate(), Err(MeshError::ZeroArea)));
    }
}
