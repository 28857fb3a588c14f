//! Merging the primitives of a glTF scene into one mesh.

use std::collections::HashMap;

use glam::{DMat3, DMat4, Vec2, Vec3};
use gltf::{
    Semantic,
    json::{Index, mesh::Primitive, validation::Checked},
};

use super::{
    gltf_data::unsupported,
    gltf_skin::{Skinned, influence_accessors},
};
use crate::{Mesh, MeshError, MeshPart, MeshWarning, fill_normals::fill_normals};

/// How the vertices of a primitive get into the space of the scene.
pub(super) enum Placement<'a> {
    /// All by the same transform.
    Rigid(DMat4),
    /// By the joints of the skin with this index.
    Skin(usize, &'a Skinned),
}

impl Placement<'_> {
    fn object_from_mesh(&self, vertex: usize) -> DMat4 {
        match self {
            Self::Rigid(object_from_mesh) => *object_from_mesh,
            Self::Skin(_, skinned) => skinned.object_from_mesh(vertex),
        }
    }
}

/// Identity of a primitive's vertices: the accessors of its attributes, and what places them.
#[derive(PartialEq, Eq, Hash)]
struct VertexKey {
    accessors: Vec<Option<usize>>,
    object_from_mesh: Option<[u64; 16]>,
    skin: Option<usize>,
}

impl VertexKey {
    fn new(primitive: &Primitive, placement: &Placement<'_>) -> Self {
        let accessor = |semantic| primitive.attributes.get(&Checked::Valid(semantic)).map(Index::value);
        let geometry = [Semantic::Positions, Semantic::TexCoords(0), Semantic::Normals].map(accessor);
        let mut accessors = geometry.to_vec();
        match placement {
            Placement::Rigid(object_from_mesh) => {
                let bits = object_from_mesh.to_cols_array().map(f64::to_bits);
                Self { accessors, object_from_mesh: Some(bits), skin: None }
            }
            Placement::Skin(skin, _) => {
                let influences = influence_accessors(primitive).into_iter().flatten();
                accessors.extend(influences.map(|index| Some(index.value())));
                Self { accessors, object_from_mesh: None, skin: Some(*skin) }
            }
        }
    }
}

/// The merged mesh. UVs are kept only if every part has them, normals if any part has them.
#[derive(Default)]
pub(super) struct Merged {
    mesh: Mesh,
    uvs: Vec<Vec2>,
    /// One normal per vertex; zero where the file has none.
    normals: Vec<Vec3>,
    has_normals: bool,
    /// The first vertex of each range already in the mesh. Primitives with the same key share a
    /// range.
    first_vertex: HashMap<VertexKey, usize>,
}

impl Merged {
    /// Adds the faces of a primitive, and its vertices unless another one has added them.
    pub(super) fn push(
        &mut self,
        geometry: &Mesh,
        primitive: &Primitive,
        placement: &Placement<'_>,
    ) -> Result<(), MeshError> {
        let next = self.mesh.positions.len();
        let first = *self.first_vertex.entry(VertexKey::new(primitive, placement)).or_insert(next);
        if first + geometry.positions.len() > u32::MAX as usize {
            return Err(unsupported("more than 2³² vertices"));
        }
        self.push_faces(&geometry.faces, first as u32, placement);
        if first < next {
            return Ok(());
        }
        self.uvs.extend(geometry.uvs.iter().flatten());
        self.has_normals |= geometry.normals.is_some();
        let count = geometry.positions.len();
        if matches!(placement, Placement::Rigid(transform) if *transform == DMat4::IDENTITY) {
            self.mesh.positions.extend(&geometry.positions);
            self.normals.extend(geometry.normals.iter().flatten());
        } else {
            for (vertex, position) in geometry.positions.iter().enumerate() {
                let object_from_mesh = placement.object_from_mesh(vertex);
                let position = object_from_mesh.transform_point3(position.as_dvec3());
                self.mesh.positions.push(position.as_vec3());
                let normal = geometry.normals.as_ref().map_or(Vec3::ZERO, |normals| normals[vertex]);
                let normal = normal_matrix(object_from_mesh) * normal.as_dvec3();
                self.normals.push(normal.normalize_or_zero().as_vec3());
            }
        }
        self.normals.resize(next + count, Vec3::ZERO);
        Ok(())
    }

    /// Adds faces whose vertices begin at `first`. Faces that the placement mirrors are turned
    /// over, so that they stay counter-clockwise seen from outside.
    fn push_faces(&mut self, faces: &[[u32; 3]], first: u32, placement: &Placement<'_>) {
        let in_order = |[a, b, c]: [u32; 3], is_mirrored| if is_mirrored { [a, c, b] } else { [a, b, c] };
        let is_all_mirrored = match placement {
            Placement::Rigid(object_from_mesh) => Some(is_mirroring(*object_from_mesh)),
            Placement::Skin(..) => None,
        };
        for face in faces {
            let is_mirrored = is_all_mirrored.unwrap_or_else(|| {
                let of_vertex = |i: &&u32| is_mirroring(placement.object_from_mesh(**i as usize));
                face.iter().filter(of_vertex).count() >= 2
            });
            self.mesh.faces.push(in_order(face.map(|i| i + first), is_mirrored));
        }
    }

    /// Makes the faces that were added since the last part a part of their own, if there are any.
    pub(super) fn end_part(&mut self, part: MeshPart) {
        let start = self.mesh.parts.last().map_or(0, |part| part.faces.end);
        let faces = start..self.mesh.faces.len();
        if !faces.is_empty() {
            self.mesh.parts.push(MeshPart { faces, ..part });
        }
    }

    pub(super) fn warn(&mut self, warning: MeshWarning) {
        self.mesh.warnings.push(warning);
    }

    pub(super) fn into_mesh(self) -> Mesh {
        let Self { mut mesh, uvs, mut normals, has_normals, .. } = self;
        if uvs.len() == mesh.positions.len() {
            if mesh.faces.iter().flatten().all(|&i| uvs[i as usize].is_finite()) {
                mesh.uvs = Some(uvs);
            } else {
                mesh.warnings.push(MeshWarning::UvsDropped);
            }
        }
        if has_normals {
            fill_normals(&mut normals, &mesh.positions, &mesh.faces);
            mesh.normals = Some(normals);
        }
        if matches!(mesh.parts.as_slice(), [part] if part.is_plain()) {
            mesh.parts.clear();
        }
        mesh
    }
}

fn is_mirroring(object_from_mesh: DMat4) -> bool {
    object_from_mesh.determinant() < 0.0
}

/// Returns the inverse transpose of the linear part, up to a positive factor. The matrix of
/// cofactors is used, because it exists for singular matrices, too.
fn normal_matrix(object_from_mesh: DMat4) -> DMat3 {
    let DMat3 { x_axis, y_axis, z_axis } = DMat3::from_mat4(object_from_mesh);
    let cofactors = DMat3::from_cols(y_axis.cross(z_axis), z_axis.cross(x_axis), x_axis.cross(y_axis));
    if is_mirroring(object_from_mesh) { -cofactors } else { cofactors }
}

#[cfg(test)]
mod tests {
    use glam::DVec3;

    use super::*;

    #[test]
    fn normals_of_mirrored_and_stretched_meshes_point_outward() {
        let matrix = DMat4::from_scale(DVec3::new(-2.0, 1.0, 1.0));
        let normal = (normal_matrix(matrix) * DVec3::new(1.0, 1.0, 0.0)).normalize();
        assert!(normal.distance(DVec3::new(-1.0, 2.0, 0.0).normalize()) < 1e-12);
    }
}
