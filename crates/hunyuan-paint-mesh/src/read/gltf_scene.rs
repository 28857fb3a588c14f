//! The nodes of a glTF scene: which meshes they show, how often and where.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
};

use glam::{DMat4, DQuat, DVec3};
use gltf::{
    Semantic,
    json::{Index, Root, scene::Node, validation::Checked},
};

use super::{
    gltf_data::{GltfData, malformed, unsupported},
    gltf_document::{Document, INSTANCING, InstanceAttributes},
    gltf_skin::joint_matrices,
};
use crate::MeshError;

/// Largest total of vertices and face corners in a scene, unless its buffers have more bytes. A
/// small file can contain many instances of one mesh.
const COUNT_MAX: u64 = 100_000_000;

/// A mesh with the node that shows it.
pub(super) struct Instance<'a> {
    pub(super) mesh: usize,
    /// The node's name.
    pub(super) name: Option<&'a str>,
    /// The transform of the node.
    pub(super) object_from_node: DMat4,
    /// The index of the node's skin, and per joint the transform from the space of the mesh to
    /// that of the scene.
    pub(super) skin: Option<(usize, Arc<[DMat4]>)>,
    /// Whether the node has both a skin and instances of its own, which are ignored.
    pub(super) ignores_copies: bool,
    /// The instances of the node itself.
    copies: Option<InstanceAttributes>,
}

impl Instance<'_> {
    /// Returns the transforms of the node's own instances, or that of the node if it has none.
    pub(super) fn transforms(&self, data: &GltfData<'_>) -> Result<Vec<DMat4>, MeshError> {
        let Some(copies) = self.copies else { return Ok(vec![self.object_from_node]) };
        let transforms = node_from_copies(data, copies)?.into_iter();
        Ok(transforms.map(|node_from_copy| self.object_from_node * node_from_copy).collect())
    }

    /// Returns the number of the node's own instances, or 1 if it has none.
    fn count(&self, root: &Root) -> u64 {
        let Some(InstanceAttributes { translation, rotation, scale }) = self.copies else { return 1 };
        let accessors = [translation, rotation, scale].into_iter().flatten();
        accessors.filter_map(|index| root.get(index)).map(|accessor| accessor.count.0).max().unwrap_or(1)
    }
}

/// Returns every mesh instance of the scene in depth-first order.
///
/// If no node of the scene has a mesh, all nodes contribute, and without nodes all meshes.
pub(super) fn instances<'a>(data: &GltfData<'a>) -> Result<Vec<Instance<'a>>, MeshError> {
    let Document { root, instancing, .. } = data.document;
    let scene = root.scene.map_or(0, |scene| scene.value());
    let of_scene = root.scenes.get(scene).map(|scene| scene.nodes.iter().map(Index::value).collect());
    let mut nodes = Nodes::new(root);
    let mut shown = nodes.with_meshes(of_scene.unwrap_or_default())?;
    if shown.is_empty() {
        let roots = (0..root.nodes.len()).filter(|&node| nodes.parents[node].is_none()).collect();
        nodes = Nodes::new(root);
        shown = nodes.with_meshes(roots)?;
    }
    let mut skins = HashMap::new();
    let mut instances = Vec::new();
    for (node, mesh) in shown {
        let object_from_node = nodes.object_from_node(node)?;
        let skin = match root.nodes[node].skin.map(|skin| skin.value()) {
            None => None,
            Some(skin) => {
                let matrices = match skins.entry(skin) {
                    Entry::Occupied(known) => Arc::clone(known.get()),
                    Entry::Vacant(new) => Arc::clone(new.insert(joint_matrices(data, skin, &mut nodes)?)),
                };
                Some((skin, matrices))
            }
        };
        let copies = instancing.get(&node).copied();
        instances.push(Instance {
            mesh,
            name: root.nodes[node].name.as_deref(),
            object_from_node,
            ignores_copies: skin.is_some() && copies.is_some(),
            copies: copies.filter(|_| skin.is_none()),
            skin,
        });
    }
    if instances.is_empty() {
        let alone = |mesh| Instance {
            mesh,
            name: None,
            object_from_node: DMat4::IDENTITY,
            skin: None,
            ignores_copies: false,
            copies: None,
        };
        instances.extend((0..root.meshes.len()).map(alone));
    }
    Ok(instances)
}

/// Checks that the scene's instances fit into memory, based on the element counts in the file.
///
/// # Errors
/// If an accessor or the sum over all instances has too many elements.
pub(super) fn check_size(root: &Root, instances: &[Instance<'_>], byte_count: u64) -> Result<(), MeshError> {
    // A mesh with one instance has at least one byte in the buffers for every vertex and corner.
    let limit = COUNT_MAX.max(byte_count);
    let mut sum = 0_u64;
    for instance in instances {
        let copies = instance.count(root);
        // An instance of an empty mesh takes time, too.
        sum = sum.saturating_add(copies);
        let Some(mesh) = root.meshes.get(instance.mesh) else { continue };
        let accessors = mesh.primitives.iter().flat_map(|primitive| {
            let positions = primitive.attributes.get(&Checked::Valid(Semantic::Positions));
            [positions.copied(), primitive.indices]
        });
        for accessor in accessors.flatten().filter_map(|index| root.get(index)) {
            let count = accessor.count.0;
            if count > limit {
                return Err(malformed(format!("accessor: expected at most {limit} elements, found {count}")));
            }
            sum = sum.saturating_add(count.saturating_mul(copies));
        }
    }
    if sum > limit {
        return Err(unsupported(format!(
            "a scene of more than {limit} vertices and corners in all instances"
        )));
    }
    Ok(())
}

/// The nodes of a file and their transforms.
pub(super) struct Nodes<'a> {
    nodes: &'a [Node],
    parents: Vec<Option<usize>>,
    /// The transforms that are known so far.
    object_from_node: Vec<Option<DMat4>>,
}

impl<'a> Nodes<'a> {
    fn new(root: &'a Root) -> Self {
        let mut parents = vec![None; root.nodes.len()];
        for (parent, node) in root.nodes.iter().enumerate() {
            for child in node.children.iter().flatten() {
                if let Some(of_child) = parents.get_mut(child.value()) {
                    of_child.get_or_insert(parent);
                }
            }
        }
        Self { nodes: &root.nodes, parents, object_from_node: vec![None; root.nodes.len()] }
    }

    /// Returns the nodes that have a mesh, and its index, in depth-first order from the given
    /// nodes. These are in the space of the scene, whether they have a parent or not.
    fn with_meshes(&mut self, roots: Vec<usize>) -> Result<Vec<(usize, usize)>, MeshError> {
        let mut shown = Vec::new();
        let mut visited = BTreeSet::new();
        let mut stack: Vec<_> = roots.into_iter().rev().map(|node| (node, DMat4::IDENTITY)).collect();
        while let Some((i, object_from_parent)) = stack.pop() {
            let node = self.node(i)?;
            if !visited.insert(i) {
                return Err(malformed(format!("node {i} has two parents, or is its own ancestor")));
            }
            let object_from_node = object_from_parent * parent_from_node(node);
            self.object_from_node[i] = Some(object_from_node);
            shown.extend(node.mesh.map(|mesh| (i, mesh.value())));
            let children = node.children.iter().flatten().rev();
            stack.extend(children.map(|child| (child.value(), object_from_node)));
        }
        Ok(shown)
    }

    /// Returns the transform of a node, whether it belongs to the scene or not.
    pub(super) fn object_from_node(&mut self, node: usize) -> Result<DMat4, MeshError> {
        let mut ancestors = Vec::new();
        let mut next = Some(node);
        let mut transform = DMat4::IDENTITY;
        while let Some(i) = next {
            let parent_from_node = parent_from_node(self.node(i)?);
            if let Some(known) = self.object_from_node[i] {
                transform = known;
                break;
            }
            if ancestors.len() == self.nodes.len() {
                return Err(malformed(format!("node {i} is its own ancestor")));
            }
            ancestors.push((i, parent_from_node));
            next = self.parents[i];
        }
        for (i, parent_from_node) in ancestors.into_iter().rev() {
            transform *= parent_from_node;
            self.object_from_node[i] = Some(transform);
        }
        Ok(transform)
    }

    fn node(&self, i: usize) -> Result<&'a Node, MeshError> {
        self.nodes.get(i).ok_or_else(|| malformed(format!("node {i} does not exist")))
    }
}

fn parent_from_node(node: &Node) -> DMat4 {
    if let Some(columns) = node.matrix {
        return DMat4::from_cols_array(&columns.map(f64::from));
    }
    let rotation = node.rotation.map_or(DQuat::IDENTITY, |q| DQuat::from_array(q.0.map(f64::from)));
    let scale = node.scale.map_or(DVec3::ONE, |s| DVec3::from_array(s.map(f64::from)));
    let translation = node.translation.map_or(DVec3::ZERO, |t| DVec3::from_array(t.map(f64::from)));
    DMat4::from_scale_rotation_translation(scale, rotation, translation)
}

/// Returns the transforms of a node's instances (`EXT_mesh_gpu_instancing`).
fn node_from_copies(data: &GltfData<'_>, copies: InstanceAttributes) -> Result<Vec<DMat4>, MeshError> {
    let InstanceAttributes { translation, rotation, scale } = copies;
    let translations = translation.map(|accessor| data.vectors::<3>(accessor)).transpose()?;
    let rotations = rotation.map(|accessor| data.vectors::<4>(accessor)).transpose()?;
    let scales = scale.map(|accessor| data.vectors::<3>(accessor)).transpose()?;
    let counts = [translations.as_ref().map(Vec::len), rotations.as_ref().map(Vec::len)];
    let counts: Vec<usize> = counts.into_iter().chain([scales.as_ref().map(Vec::len)]).flatten().collect();
    // Without attributes there is nothing to place: the node shows its mesh once.
    let count = counts.first().copied().unwrap_or(1);
    if counts.iter().any(|&other| other != count) {
        return Err(malformed(format!(
            "{INSTANCING}: expected as many translations as rotations and scales, found {counts:?}"
        )));
    }
    let vector = |values: &Option<Vec<[f32; 3]>>, i: usize, default| {
        values.as_ref().map_or(default, |values| DVec3::from_array(values[i].map(f64::from)))
    };
    let transform = |i: usize| {
        // Rotations of 8 or 16 bits are not of unit length.
        let rotation = rotations.as_ref().map_or(DQuat::IDENTITY, |rotations| {
            let rotation = DQuat::from_array(rotations[i].map(f64::from));
            if rotation.length_squared() > 0.0 { rotation.normalize() } else { DQuat::IDENTITY }
        });
        let (scale, translation) = (vector(&scales, i, DVec3::ONE), vector(&translations, i, DVec3::ZERO));
        DMat4::from_scale_rotation_translation(scale, rotation, translation)
    };
    Ok((0..count).map(transform).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_limit_counts_every_instance() -> Result<(), MeshError> {
        let count = COUNT_MAX + 1;
        let document = |nodes: &str, instances: u64| {
            let json = format!(
                r#"{{ "nodes": {nodes}, "meshes": [{{ "primitives": [{{ "attributes": {{ "POSITION": 0 }} }}] }}],
                "accessors": [{{ "componentType": 5126, "type": "VEC3", "count": {count} }},
                              {{ "componentType": 5126, "type": "VEC3", "count": {instances} }}] }}"#
            );
            Document::parse(json.as_bytes())
        };
        let check = |nodes: &str, copies: u64, limit: u64| {
            let document = document(nodes, copies)?;
            let data = GltfData::load(&document, None, None);
            check_size(&document.root, &instances(&data)?, limit)
        };
        let gpu = r#"[{ "mesh": 0, "extensions": { "EXT_mesh_gpu_instancing": { "attributes": { "SCALE": 1 } } } }]"#;
        assert!(check(r#"[{ "mesh": 0 }]"#, 1, count + 1).is_ok());
        assert!(matches!(check(r#"[{ "mesh": 0 }]"#, 1, count - 1), Err(MeshError::Malformed { .. })));
        let twice = check(r#"[{ "mesh": 0 }, { "mesh": 0 }]"#, 1, count + 1);
        assert!(matches!(twice, Err(MeshError::Unsupported { .. })));
        assert!(check(gpu, 1, count + 1).is_ok());
        assert!(matches!(check(gpu, 2, count + 1), Err(MeshError::Unsupported { .. })));
        assert!(matches!(check(gpu, u64::MAX, count + 1), Err(MeshError::Unsupported { .. })));
        Ok(())
    }

    #[test]
    fn nodes_outside_the_scene_have_transforms_and_cycles_are_found() -> Result<(), MeshError> {
        let json = r#"{ "nodes": [
            { "children": [1], "translation": [1, 0, 0] }, { "children": [2], "translation": [0, 2, 0] },
            { "scale": [2, 2, 2] }, { "children": [4] }, { "children": [3] }] }"#;
        let document = Document::parse(json.as_bytes())?;
        let mut nodes = Nodes::new(&document.root);
        let transform = nodes.object_from_node(2)?;
        assert_eq!(transform.transform_point3(DVec3::ONE), DVec3::new(3.0, 4.0, 2.0));
        assert!(matches!(nodes.object_from_node(4), Err(MeshError::Malformed { .. })));
        assert!(matches!(nodes.object_from_node(9), Err(MeshError::Malformed { .. })));
        Ok(())
    }
}
