//! glTF 2.0 reader: traverses the scene and merges its triangles into one mesh.

use std::path::Path;

use gltf::{
    Semantic,
    json::{mesh::Primitive, validation::Checked},
};

use super::{
    glb_container::Container,
    gltf_data::{GltfData, compressed, malformed, unsupported},
    gltf_document::{DRACO, Document, INSTANCING, MESHOPT},
    gltf_material::material,
    gltf_merge::{Merged, Placement},
    gltf_primitive::read_primitive,
    gltf_scene::{Instance, check_size, instances},
    gltf_skin::Skinned,
    short_name,
};
use crate::{Mesh, MeshError, MeshPart, MeshWarning};

/// Whether a required extension can be ignored, because positions, indices and UVs are readable
/// without it. This holds for materials, textures, lights, animations and metadata, and for
/// quantization, which only permits more component types. Instances are read.
fn is_harmless(extension: &str) -> bool {
    const PREFIXES: [&str; 6] =
        ["KHR_materials_", "KHR_texture_", "EXT_texture_", "KHR_lights_", "EXT_lights_", "KHR_animation_"];
    PREFIXES.iter().any(|prefix| extension.starts_with(prefix))
        || matches!(
            extension,
            INSTANCING | "KHR_mesh_quantization" | "MSFT_texture_dds" | "KHR_xmp" | "KHR_xmp_json_ld"
        )
}

fn check_extensions(required: &[String]) -> Result<(), MeshError> {
    match required.iter().find(|extension| !is_harmless(extension)) {
        None => Ok(()),
        Some(name) if name == DRACO || MESHOPT.contains(&name.as_str()) => Err(compressed(name)),
        Some(name) => Err(unsupported(format!("required extension {name}; export the file without it"))),
    }
}

/// Reads a `.glb` or `.gltf`. `folder` contains the external buffers of a `.gltf`.
pub(super) fn read(bytes: &[u8], folder: Option<&Path>) -> Result<Mesh, MeshError> {
    let Container { json, binary } = Container::split(bytes)?;
    let document = Document::parse(json)?;
    check_extensions(&document.root.extensions_required)?;
    let data = GltfData::load(&document, binary, folder);
    let instances = instances(&data)?;
    check_size(&document.root, &instances, data.byte_count() as u64)?;
    let mut merged = Merged::default();
    for instance in &instances {
        read_instance(&data, instance, &mut merged)?;
    }
    Ok(merged.into_mesh())
}

/// Adds each primitive of a mesh as one part, which has all instances of the node.
fn read_instance(data: &GltfData<'_>, instance: &Instance<'_>, merged: &mut Merged) -> Result<(), MeshError> {
    let i = instance.mesh;
    let mesh = data.root.meshes.get(i).ok_or_else(|| malformed(format!("mesh {i} does not exist")))?;
    let name = short_name(instance.name.or(mesh.name.as_deref()).unwrap_or_default());
    let transforms = instance.transforms(data)?;
    let mut is_skinned = false;
    for (k, primitive) in mesh.primitives.iter().enumerate() {
        if data.document.draco.contains(&(i, k)) && !has_fallback(data, primitive) {
            return Err(compressed(DRACO));
        }
        let Some(geometry) = read_primitive(data, primitive)? else { continue };
        let skin = match &instance.skin {
            Some((skin, joints)) => Skinned::read(data, primitive, joints, geometry.positions.len())?
                .map(|skinned| (*skin, skinned)),
            None => None,
        };
        // A primitive without joints is placed by its node, although the node has a skin.
        if let Some((skin, skinned)) = &skin {
            merged.push(&geometry, primitive, &Placement::Skin(*skin, skinned))?;
            is_skinned = true;
        } else {
            for transform in &transforms {
                merged.push(&geometry, primitive, &Placement::Rigid(*transform))?;
            }
        }
        let material = material(data.root, primitive);
        merged.end_part(MeshPart { name: name.to_owned(), material, faces: 0..0 });
    }
    if is_skinned {
        merged.warn(MeshWarning::RestPose { name: name.to_owned() });
    }
    if instance.ignores_copies {
        merged.warn(MeshWarning::ExtensionIgnored { name: INSTANCING.to_owned() });
    }
    Ok(())
}

/// Whether the positions and indices of a primitive with Draco data can be read without it.
fn has_fallback(data: &GltfData<'_>, primitive: &Primitive) -> bool {
    let positions = primitive.attributes.get(&Checked::Valid(Semantic::Positions)).copied();
    let accessors = [positions, primitive.indices].into_iter().flatten();
    let mut accessors = accessors.filter_map(|index| data.root.get(index));
    accessors.all(|accessor| accessor.buffer_view.is_some() || accessor.sparse.is_some())
}
