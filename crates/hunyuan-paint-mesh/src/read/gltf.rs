//! glTF 2.0 reader: traverses the scene and merges its triangles into one mesh.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
};

use glam::{DMat3, DMat4, DQuat, DVec3, Vec2, Vec3};
use gltf::{
    Gltf, Semantic,
    json::{
        Index, Root,
        mesh::{Mode, Primitive},
        scene::Node,
        validation::Checked,
    },
};

use super::{
    gltf_data::{GltfData, malformed, unsupported},
    gltf_material::material,
    short_name,
};
use crate::{Mesh, MeshError, MeshPart};

/// Largest total of vertices and face corners in a scene, unless its buffers have more bytes. A
/// small file can contain many instances of one mesh.
const COUNT_MAX: u64 = 100_000_000;

/// Whether a required extension can be ignored, because positions, indices and UVs are readable
/// without it. This holds for materials, textures, lights and metadata, and for quantization, which
/// only permits more component types.
fn is_harmless(extension: &str) -> bool {
    extension.starts_with("KHR_materials_")
        || matches!(
            extension,
            "KHR_mesh_quantization"
                | "KHR_lights_punctual"
                | "KHR_texture_transform"
                | "KHR_texture_basisu"
                | "EXT_texture_webp"
                | "EXT_texture_avif"
                | "KHR_xmp_json_ld"
        )
}

/// Reads a `.glb` or `.gltf`. `folder` contains the external buffers of a `.gltf`.
pub(super) fn read(bytes: &[u8], folder: Option<&Path>) -> Result<Mesh, MeshError> {
    // The gltf crate subtracts the header's size from the claimed length without a check for
    // underflow.
    let claimed_length = bytes.get(8..12).and_then(<[u8]>::first_chunk).map(|&b| u32::from_le_bytes(b));
    if bytes.starts_with(b"glTF") && claimed_length.is_none_or(|length| length < 12) {
        return Err(malformed("header: expected 12 bytes and a file length of at least 12"));
    }
    // The crate's validation is skipped, because it rejects files for defects of their materials,
    // which do not matter here.
    let gltf = Gltf::from_slice_without_validation(bytes).map_err(|error| malformed(error.to_string()))?;
    let root = gltf.document.as_json();
    if let Some(extension) = root.extensions_required.iter().find(|e| !is_harmless(e)) {
        return Err(unsupported(format!("required extension {extension}; export the file without it")));
    }
    let data = GltfData::load(root, gltf.blob.as_deref(), folder)?;
    let mut merged = Merged::default();
    let instances = instances(root)?;
    check_size(root, &instances, data.byte_count() as u64)?;
    for Instance { mesh, object_from_mesh, name } in instances {
        let mesh = root.meshes.get(mesh).ok_or_else(|| malformed(format!("mesh {mesh} does not exist")))?;
        for primitive in &mesh.primitives {
            if let Some(geometry) = read_primitive(&data, primitive)? {
                let name = short_name(name.or(mesh.name.as_deref()).unwrap_or_default()).to_owned();
                let part = MeshPart { name, material: material(root, primitive), faces: 0..0 };
                merged.push(geometry, part, VertexKey::new(primitive, object_from_mesh), object_from_mesh)?;
            }
        }
    }
    Ok(merged.into_mesh())
}

/// Checks that the scene's instances fit into memory, based on the element counts in the file.
///
/// # Errors
/// If an accessor or the sum over all instances has too many elements.
fn check_size(root: &Root, instances: &[Instance<'_>], byte_count: u64) -> Result<(), MeshError> {
    let shown = instances.iter().filter_map(|instance| root.meshes.get(instance.mesh));
    let accessors = shown.flat_map(|mesh| &mesh.primitives).flat_map(|primitive| {
        let positions = primitive.attributes.get(&Checked::Valid(Semantic::Positions));
        [positions.copied(), primitive.indices]
    });
    let counts = accessors.flatten().filter_map(|index| root.get(index)).map(|accessor| accessor.count.0);
    // A mesh with one instance has at least one byte in the buffers for every vertex and corner.
    let limit = COUNT_MAX.max(byte_count);
    let mut sum = 0_u64;
    for count in counts {
        if count > limit {
            return Err(malformed(format!("accessor: expected at most {limit} elements, found {count}")));
        }
        sum = sum.saturating_add(count);
    }
    if sum > limit {
        return Err(unsupported(format!(
            "a scene of more than {limit} vertices and corners in all instances"
        )));
    }
    Ok(())
}

/// A mesh with the transform of the node that refers to it.
struct Instance<'a> {
    mesh: usize,
    object_from_mesh: DMat4,
    /// The node's name.
    name: Option<&'a str>,
}

/// Returns every mesh instance of the scene in depth-first order.
///
/// A file without scenes contributes all its nodes, a file without nodes all its meshes.
fn instances(root: &Root) -> Result<Vec<Instance<'_>>, MeshError> {
    if root.nodes.is_empty() {
        let instance = |mesh| Instance { mesh, object_from_mesh: DMat4::IDENTITY, name: None };
        return Ok((0..root.meshes.len()).map(instance).collect());
    }
    let scene = root.scene.map_or(0, |scene| scene.value());
    let roots: Vec<usize> = match root.scenes.get(scene) {
        Some(scene) => scene.nodes.iter().map(Index::value).collect(),
        None => {
            let children = root.nodes.iter().filter_map(|node| node.children.as_ref()).flatten();
            let children: BTreeSet<usize> = children.map(Index::value).collect();
            (0..root.nodes.len()).filter(|node| !children.contains(node)).collect()
        }
    };
    let mut instances = Vec::new();
    let mut visited = BTreeSet::new();
    let mut stack: Vec<_> = roots.into_iter().rev().map(|node| (node, DMat4::IDENTITY)).collect();
    while let Some((i, object_from_parent)) = stack.pop() {
        let node = root.nodes.get(i).ok_or_else(|| malformed(format!("node {i} does not exist")))?;
        if !visited.insert(i) {
            return Err(malformed(format!("node {i} has two parents, or is its own ancestor")));
        }
        let object_from_node = object_from_parent * parent_from_node(node);
        if let Some(mesh) = node.mesh {
            let name = node.name.as_deref();
            instances.push(Instance { mesh: mesh.value(), object_from_mesh: object_from_node, name });
        }
        let children = node.children.iter().flatten().rev();
        stack.extend(children.map(|child| (child.value(), object_from_node)));
    }
    Ok(instances)
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

/// Reads the triangles of a primitive, in mesh space. Returns `None` for points, lines, and
/// primitives without positions or triangles.
fn read_primitive(data: &GltfData<'_>, primitive: &Primitive) -> Result<Option<Mesh>, MeshError> {
    let attribute = |semantic| primitive.attributes.get(&Checked::Valid(semantic)).copied();
    let Checked::Valid(mode @ (Mode::Triangles | Mode::TriangleStrip | Mode::TriangleFan)) = primitive.mode
    else {
        return Ok(None);
    };
    let Some(positions) = attribute(Semantic::Positions) else { return Ok(None) };
    let positions: Vec<Vec3> = data.vectors(positions)?.into_iter().map(Vec3::from_array).collect();
    let vertex_count = u32::try_from(positions.len()).map_err(|_| unsupported("more than 2³² vertices"))?;
    let sequence = match primitive.indices {
        Some(indices) => data.indices(indices)?,
        None => (0..vertex_count).collect(),
    };
    let faces = triangles(mode, &sequence)?;
    if faces.is_empty() {
        // An empty primitive must not affect which attributes the merged mesh keeps.
        return Ok(None);
    }
    let uvs = attribute(Semantic::TexCoords(0)).map(|uvs| data.vectors(uvs)).transpose()?;
    let normals = attribute(Semantic::Normals).map(|normals| data.vectors(normals)).transpose()?;
    let mesh = Mesh {
        positions,
        faces,
        // glTF's v points down.
        uvs: uvs.map(|uvs| uvs.into_iter().map(|[u, v]| Vec2::new(u, 1.0 - v)).collect()),
        normals: normals.map(|normals| normals.into_iter().map(Vec3::from_array).collect()),
        ..Mesh::default()
    };
    mesh.validate_structure()?;
    Ok(Some(mesh))
}

/// Assembles a sequence of vertex indices into triangles (glTF 2.0, section 3.7.2.1).
fn triangles(mode: Mode, sequence: &[u32]) -> Result<Vec<[u32; 3]>, MeshError> {
    let faces = match mode {
        Mode::TriangleStrip => {
            let oriented = sequence
                .windows(3)
                .enumerate()
                .map(|(i, w)| if i % 2 == 0 { [w[0], w[1], w[2]] } else { [w[1], w[0], w[2]] });
            // Repeated vertices join strips; their degenerate triangles are dropped.
            oriented.filter(|[a, b, c]| a != b && b != c && c != a).collect()
        }
        Mode::TriangleFan => {
            let (first, rest) = sequence.split_first().unwrap_or((&0, &[]));
            rest.windows(2).map(|w| [w[0], w[1], *first]).collect()
        }
        _ => {
            let (faces, rest) = sequence.as_chunks::<3>();
            if !rest.is_empty() {
                return Err(malformed(format!(
                    "triangles: expected a multiple of 3 indices, found {}",
                    sequence.len()
                )));
            }
            faces.to_vec()
        }
    };
    Ok(faces)
}

/// Identity of a primitive's vertices: the accessors of its attributes, and the transform of its
/// node.
#[derive(PartialEq, Eq, Hash)]
struct VertexKey {
    accessors: [Option<usize>; 3],
    object_from_mesh: [u64; 16],
}

impl VertexKey {
    fn new(primitive: &Primitive, object_from_mesh: DMat4) -> Self {
        let accessor = |semantic| primitive.attributes.get(&Checked::Valid(semantic)).map(Index::value);
        Self {
            accessors: [Semantic::Positions, Semantic::TexCoords(0), Semantic::Normals].map(accessor),
            object_from_mesh: object_from_mesh.to_cols_array().map(f64::to_bits),
        }
    }
}

/// The merged mesh. UVs and normals are kept only if every part has them.
#[derive(Default)]
struct Merged {
    mesh: Mesh,
    uvs: Vec<Vec2>,
    normals: Vec<Vec3>,
    /// The first vertex of each range already in the mesh. Parts with the same key share a range.
    first_vertex: HashMap<VertexKey, usize>,
}

impl Merged {
    fn push(
        &mut self,
        geometry: Mesh,
        part: MeshPart,
        key: VertexKey,
        object_from_mesh: DMat4,
    ) -> Result<(), MeshError> {
        let next = self.mesh.positions.len();
        let first = *self.first_vertex.entry(key).or_insert(next);
        if first + geometry.positions.len() > u32::MAX as usize {
            return Err(unsupported("more than 2³² vertices"));
        }
        let start = self.mesh.faces.len();
        let end = start + geometry.faces.len();
        let is_mirrored = object_from_mesh.determinant() < 0.0;
        let oriented = |[a, b, c]: [u32; 3]| if is_mirrored { [a, c, b] } else { [a, b, c] };
        self.mesh
            .faces
            .extend(geometry.faces.into_iter().map(|face| oriented(face.map(|i| i + first as u32))));
        self.mesh.parts.push(MeshPart { faces: start..end, ..part });
        if first < next {
            return Ok(());
        }
        self.uvs.extend(geometry.uvs.into_iter().flatten());
        let normals = geometry.normals.into_iter().flatten();
        if object_from_mesh == DMat4::IDENTITY {
            self.mesh.positions.extend(geometry.positions);
            self.normals.extend(normals);
        } else {
            let position = |p: Vec3| object_from_mesh.transform_point3(p.as_dvec3()).as_vec3();
            self.mesh.positions.extend(geometry.positions.into_iter().map(position));
            let normal_matrix = normal_matrix(object_from_mesh);
            let normal = |n: Vec3| (normal_matrix * n.as_dvec3()).normalize_or_zero().as_vec3();
            self.normals.extend(normals.map(normal));
        }
        Ok(())
    }

    fn into_mesh(self) -> Mesh {
        let Self { mut mesh, uvs, normals, .. } = self;
        let vertex_count = mesh.positions.len();
        mesh.uvs = Some(uvs).filter(|uvs| uvs.len() == vertex_count);
        mesh.normals = Some(normals).filter(|normals| normals.len() == vertex_count);
        if matches!(mesh.parts.as_slice(), [part] if part.is_plain()) {
            mesh.parts.clear();
        }
        mesh
    }
}

/// Returns the inverse transpose of the linear part, up to a positive factor. The matrix of
/// cofactors is used, because it exists for singular matrices, too.
fn normal_matrix(object_from_mesh: DMat4) -> DMat3 {
    let DMat3 { x_axis, y_axis, z_axis } = DMat3::from_mat4(object_from_mesh);
    let cofactors = DMat3::from_cols(y_axis.cross(z_axis), z_axis.cross(x_axis), x_axis.cross(y_axis));
    if object_from_mesh.determinant() < 0.0 { -cofactors } else { cofactors }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_alternate_orientation_and_fans_share_the_first_vertex() -> Result<(), MeshError> {
        assert_eq!(triangles(Mode::TriangleStrip, &[5, 6, 7, 8])?, [[5, 6, 7], [7, 6, 8]]);
        assert_eq!(triangles(Mode::TriangleStrip, &[5, 6, 6, 8])?, [[0; 3]; 0]);
        assert_eq!(triangles(Mode::TriangleFan, &[5, 6, 7, 8])?, [[6, 7, 5], [7, 8, 5]]);
        assert_eq!(triangles(Mode::TriangleFan, &[])?, [[0; 3]; 0]);
        assert!(triangles(Mode::Triangles, &[1, 2, 3, 4]).is_err());
        Ok(())
    }

    #[test]
    fn the_size_limit_counts_every_instance() -> Result<(), Box<dyn std::error::Error>> {
        let count = COUNT_MAX + 1;
        let root: Root = serde_json::from_value(serde_json::json!({
            "asset": { "version": "2.0" },
            "nodes": [{ "mesh": 0 }, { "mesh": 0 }],
            "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 } }] }],
            "accessors": [{ "componentType": 5126, "type": "VEC3", "count": count }],
        }))?;
        let instances = instances(&root)?;
        assert!(check_size(&root, &instances[..1], count).is_ok());
        assert!(matches!(check_size(&root, &instances, count), Err(MeshError::Unsupported { .. })));
        assert!(matches!(check_size(&root, &instances, count - 1), Err(MeshError::Malformed { .. })));
        Ok(())
    }

    #[test]
    fn normals_of_mirrored_and_stretched_meshes_point_outward() {
        let matrix = DMat4::from_scale(DVec3::new(-2.0, 1.0, 1.0));
        let normal = (normal_matrix(matrix) * DVec3::new(1.0, 1.0, 0.0)).normalize();
        assert!(normal.distance(DVec3::new(-1.0, 2.0, 0.0).normalize()) < 1e-12);
    }
}
