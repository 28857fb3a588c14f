//! Skinned meshes of a glTF file, in the rest pose of their joints (glTF 2.0, section 3.7.3.3).

use std::sync::Arc;

use glam::DMat4;
use gltf::{
    Semantic,
    json::{Index, mesh::Primitive, validation::Checked},
};

use super::{
    gltf_data::{GltfData, malformed},
    gltf_scene::Nodes,
};
use crate::MeshError;

/// Returns, per joint of a skin, the transform from the space of the mesh to that of the scene.
pub(super) fn joint_matrices(
    data: &GltfData<'_>,
    skin: usize,
    nodes: &mut Nodes<'_>,
) -> Result<Arc<[DMat4]>, MeshError> {
    let of_skin =
        data.root.skins.get(skin).ok_or_else(|| malformed(format!("skin {skin} does not exist")))?;
    let joint_count = of_skin.joints.len();
    // Many skins can share a long accessor, so each reads only what it uses.
    let matrices = |accessor| data.first_vectors::<16>(accessor, joint_count);
    let inverse_bind = of_skin.inverse_bind_matrices.map(matrices).transpose()?;
    if let Some(found) = inverse_bind.as_ref().map(Vec::len).filter(|&found| found < joint_count) {
        return Err(malformed(format!(
            "skin {skin}: expected inverse bind matrices for {joint_count} joints, found {found}"
        )));
    }
    let matrix = |(i, joint): (usize, &Index<_>)| {
        let object_from_joint = nodes.object_from_node(joint.value())?;
        let joint_from_mesh = inverse_bind.as_ref().map(|matrices| matrices[i].map(f64::from));
        Ok(match joint_from_mesh {
            Some(columns) => object_from_joint * DMat4::from_cols_array(&columns),
            None => object_from_joint,
        })
    };
    of_skin.joints.iter().enumerate().map(matrix).collect()
}

/// Largest number of sets of influences that are read. Files have one or two; without a limit, a
/// small file could name one accessor many times.
const SETS_MAX: u32 = 8;

/// Returns the accessors of the joints and weights of a primitive, in sets of four influences.
pub(super) fn influence_accessors(primitive: &Primitive) -> Vec<[Index<gltf::json::Accessor>; 2]> {
    let attribute = |semantic| primitive.attributes.get(&Checked::Valid(semantic)).copied();
    let set = |i| Some([attribute(Semantic::Joints(i))?, attribute(Semantic::Weights(i))?]);
    (0..SETS_MAX).map_while(set).collect()
}

/// The joints that move each vertex of a primitive.
pub(super) struct Skinned {
    matrices: Arc<[DMat4]>,
    /// Joints within range and their weights; at least one weight of each vertex is above 0.
    influences: Vec<(u32, f32)>,
    per_vertex: usize,
}

impl Skinned {
    /// Reads the influences of a primitive's vertices; `None` if it has none, so that the skin does
    /// not move it.
    ///
    /// Weights that are negative or not finite count as 0. A vertex whose weights are all 0 follows
    /// its first joint.
    ///
    /// # Errors
    /// If there are not as many influences as vertices, or a vertex follows a joint that does not
    /// exist.
    pub(super) fn read(
        data: &GltfData<'_>,
        primitive: &Primitive,
        matrices: &Arc<[DMat4]>,
        vertex_count: usize,
    ) -> Result<Option<Self>, MeshError> {
        let mut sets = Vec::new();
        for [joints, weights] in influence_accessors(primitive) {
            let (joints, weights) = (data.vectors::<4>(joints)?, data.vectors::<4>(weights)?);
            if let Some(found) = [joints.len(), weights.len()].into_iter().find(|&n| n != vertex_count) {
                return Err(malformed(format!(
                    "joints and weights: expected {vertex_count}, one per vertex, found {found}"
                )));
            }
            sets.push((joints, weights));
        }
        if sets.is_empty() {
            return Ok(None);
        }
        let per_vertex = 4 * sets.len();
        let mut influences = Vec::with_capacity(per_vertex * vertex_count);
        for vertex in 0..vertex_count {
            let start = influences.len();
            let is_moved = sets.iter().any(|(_, weights)| weights[vertex].iter().any(|&w| usable(w) > 0.0));
            for (joints, weights) in &sets {
                for (joint, weight) in joints[vertex].into_iter().zip(weights[vertex]) {
                    let is_first = influences.len() == start;
                    let weight = if is_first && !is_moved { 1.0 } else { usable(weight) };
                    // Exporters leave anything as the joint of a weight of 0.
                    let joint = if weight > 0.0 { checked_joint(joint, matrices.len())? } else { 0 };
                    influences.push((joint, weight));
                }
            }
        }
        Ok(Some(Self { matrices: Arc::clone(matrices), influences, per_vertex }))
    }

    /// Returns the weighted mean of the transforms of a vertex's joints.
    pub(super) fn object_from_mesh(&self, vertex: usize) -> DMat4 {
        let influences = &self.influences[vertex * self.per_vertex..][..self.per_vertex];
        let (mut sum, mut weights) = (DMat4::ZERO, 0.0);
        for &(joint, weight) in influences.iter().filter(|(_, weight)| *weight > 0.0) {
            sum += self.matrices[joint as usize] * f64::from(weight);
            weights += f64::from(weight);
        }
        sum * weights.recip()
    }
}

fn usable(weight: f32) -> f32 {
    if weight.is_finite() { weight.max(0.0) } else { 0.0 }
}

fn checked_joint(joint: f32, count: usize) -> Result<u32, MeshError> {
    if joint >= 0.0 && joint.fract() == 0.0 && (joint as usize) < count {
        return Ok(joint as u32);
    }
    Err(malformed(format!("skin: expected joints below {count}, found {joint}")))
}
