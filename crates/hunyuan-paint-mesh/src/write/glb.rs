//! Binary glTF 2.0 writer: one primitive per part and one embedded texture for all of them.

use std::path::Path;

use glam::{Vec2, Vec3};
use image::RgbImage;
use serde_json::{Value, json};

use super::{atomic::write_atomically, png_bytes};
use crate::{Material, Mesh, MeshError, MeshFormat, MeshPart, fill_normals::fill_normals};

// glTF's constants for component types, buffer targets and texture sampling.
const FLOAT: u32 = 5126;
const UNSIGNED_INT: u32 = 5125;
const ARRAY_BUFFER: u32 = 34962;
const ELEMENT_ARRAY_BUFFER: u32 = 34963;
const LINEAR: u32 = 9729;
const LINEAR_MIPMAP_LINEAR: u32 = 9987;
const CLAMP_TO_EDGE: u32 = 33071;

/// Largest deviation from unit length at which normals are written unchanged.
const UNIT_TOLERANCE: f32 = 1e-3;

/// Writes a textured mesh as a `.glb` file with [`write_atomically`](crate::write_atomically).
///
/// # Errors
/// As [`glb_bytes`]; or if the file cannot be written.
pub fn write_glb(path: impl AsRef<Path>, mesh: &Mesh, texture: &RgbImage) -> Result<(), MeshError> {
    let path = path.as_ref();
    write_atomically(path, &glb_bytes(mesh, texture)?)
}

/// Returns the content of a `.glb` file of a textured mesh.
///
/// Positions are written bit for bit, in the mesh's own units and axes. Every part with faces
/// becomes a primitive with its material and its own vertices, which are those that its faces use,
/// in their order. The material's base color is the texture (a PNG, row 0 at the top), which is
/// opaque: [`Material::alpha`] is not written. Consecutive parts of the same name become one node.
/// Normals are written if the mesh has them; one that is zero or not finite is replaced by the
/// area-weighted normal of its faces.
///
/// # Errors
/// If the mesh is not valid or has no UVs, the texture cannot be encoded, or the file would exceed
/// 4 GiB.
pub fn glb_bytes(mesh: &Mesh, texture: &RgbImage) -> Result<Vec<u8>, MeshError> {
    mesh.validate()?;
    let uvs = mesh.uvs.as_deref().ok_or(MeshError::MissingUvs)?;
    let normals = mesh.normals.as_ref().map(|normals| unit_normals(normals, mesh));
    let mut body = Body::default();
    let mut new_index = vec![0; mesh.positions.len()];
    let (mut nodes, mut meshes) = (Vec::new(), Vec::<Value>::new());
    let mut materials = Materials::default();
    let whole = [MeshPart { faces: 0..mesh.faces.len(), ..MeshPart::default() }];
    let parts = if mesh.parts.is_empty() { &whole } else { mesh.parts.as_slice() };
    let parts = parts.iter().filter(|part| !part.faces.is_empty()).collect::<Vec<_>>();
    for parts in parts.chunk_by(|a, b| a.name == b.name) {
        let primitives: Vec<Value> = parts
            .iter()
            .map(|part| {
                let corners = mesh.faces[part.faces.clone()].as_flattened();
                let vertices = used_vertices(corners);
                for (new, &old) in (0..).zip(&vertices) {
                    new_index[old as usize] = new;
                }
                let attributes = body.attributes(&mesh.positions, uvs, normals.as_deref(), &vertices);
                let corners: Vec<u32> = corners.iter().map(|&i| new_index[i as usize]).collect();
                let indices = body.indices(&corners);
                let material = materials.index(&part.material);
                json!({ "attributes": attributes, "indices": indices, "material": material })
            })
            .collect();
        let mut node = json!({ "mesh": meshes.len() });
        set_name(&mut node, &parts[0].name);
        nodes.push(node);
        meshes.push(json!({ "primitives": primitives }));
    }
    let image = body.view(&png_bytes(texture)?, None);

    let document = json!({
        "asset": { "version": "2.0", "generator": concat!("hunyuan-paint ", env!("CARGO_PKG_VERSION")) },
        "scene": 0,
        "scenes": [{ "nodes": (0..nodes.len()).collect::<Vec<_>>() }],
        "nodes": nodes,
        "meshes": meshes,
        "materials": materials.json,
        "textures": [{ "sampler": 0, "source": 0 }],
        "samplers": [{
            "magFilter": LINEAR, "minFilter": LINEAR_MIPMAP_LINEAR,
            "wrapS": CLAMP_TO_EDGE, "wrapT": CLAMP_TO_EDGE
        }],
        "images": [{ "bufferView": image, "mimeType": "image/png" }],
        "buffers": [{ "byteLength": body.bytes.len() }],
        "bufferViews": body.views,
        "accessors": body.accessors,
    });
    container(document.to_string().into_bytes(), body.bytes)
}

/// The distinct materials of the parts, in order of first use.
#[derive(Default)]
struct Materials {
    seen: Vec<Material>,
    json: Vec<Value>,
}

impl Materials {
    /// Returns the index of a material, and adds it if it is new.
    fn index(&mut self, material: &Material) -> usize {
        if let Some(i) = self.seen.iter().position(|seen| seen == material) {
            return i;
        }
        self.seen.push(material.clone());
        self.json.push(material_json(material));
        self.json.len() - 1
    }
}

fn material_json(material: &Material) -> Value {
    let unit = |value: f32, default: f32| if value.is_nan() { default } else { value.clamp(0.0, 1.0) };
    let mut json = json!({
        "pbrMetallicRoughness": {
            "baseColorTexture": { "index": 0 },
            "metallicFactor": unit(material.metallic, 0.0),
            "roughnessFactor": unit(material.roughness, 1.0),
        }
    });
    set_name(&mut json, &material.name);
    if material.double_sided {
        json["doubleSided"] = json!(true);
    }
    json
}

fn set_name(json: &mut Value, name: &str) {
    if !name.is_empty() {
        json["name"] = json!(name);
    }
}

/// The binary chunk with the buffer views and accessors that describe it.
#[derive(Default)]
struct Body {
    bytes: Vec<u8>,
    views: Vec<Value>,
    accessors: Vec<Value>,
}

impl Body {
    /// Adds the attributes of some of the mesh's vertices. Returns the JSON that lists them.
    fn attributes(
        &mut self,
        positions: &[Vec3],
        uvs: &[Vec2],
        normals: Option<&[Vec3]>,
        vertices: &[u32],
    ) -> Value {
        let of_vertices = |values: &[Vec3]| -> Vec<Vec3> {
            vertices.iter().map(|&vertex| values[vertex as usize]).collect()
        };
        let positions = of_vertices(positions);
        let position = self.floats(positions.iter().map(|p| p.to_array()));
        let (min, max) = positions.iter().fold((Vec3::MAX, Vec3::MIN), |(l, h), &p| (l.min(p), h.max(p)));
        self.accessors[position]["min"] = json!(min.to_array());
        self.accessors[position]["max"] = json!(max.to_array());
        // glTF's v points down.
        let flipped = |&vertex: &u32| [uvs[vertex as usize].x, 1.0 - uvs[vertex as usize].y];
        let uv = self.floats(vertices.iter().map(flipped));
        let mut attributes = json!({ "POSITION": position, "TEXCOORD_0": uv });
        if let Some(normals) = normals {
            let normals = of_vertices(normals);
            attributes["NORMAL"] = json!(self.floats(normals.iter().map(|n| n.to_array())));
        }
        attributes
    }

    fn floats<const N: usize>(&mut self, vectors: impl ExactSizeIterator<Item = [f32; N]>) -> usize {
        let count = vectors.len();
        let bytes: Vec<u8> = vectors.flatten().flat_map(f32::to_le_bytes).collect();
        let view = self.view(&bytes, Some(ARRAY_BUFFER));
        self.accessor(view, FLOAT, &format!("VEC{N}"), count)
    }

    fn indices(&mut self, indices: &[u32]) -> usize {
        let bytes: Vec<u8> = indices.iter().flat_map(|i| i.to_le_bytes()).collect();
        let view = self.view(&bytes, Some(ELEMENT_ARRAY_BUFFER));
        self.accessor(view, UNSIGNED_INT, "SCALAR", indices.len())
    }

    fn accessor(&mut self, view: usize, component: u32, shape: &str, count: usize) -> usize {
        self.accessors
            .push(json!({ "bufferView": view, "componentType": component, "type": shape, "count": count }));
        self.accessors.len() - 1
    }

    fn view(&mut self, bytes: &[u8], target: Option<u32>) -> usize {
        let mut view = json!({ "buffer": 0, "byteOffset": self.bytes.len(), "byteLength": bytes.len() });
        if let Some(target) = target {
            view["target"] = json!(target);
        }
        self.views.push(view);
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.views.len() - 1
    }
}

/// Assembles the file from its two chunks (glTF 2.0, section 4.4).
fn container(mut json: Vec<u8>, binary: Vec<u8>) -> Result<Vec<u8>, MeshError> {
    json.resize(json.len().next_multiple_of(4), b' ');
    let length = |bytes: usize| {
        let feature = || "a file of more than 4 GiB".to_owned();
        u32::try_from(bytes)
            .map_err(|_| MeshError::Unsupported { format: MeshFormat::Gltf, feature: feature() })
    };
    let total = 12 + 8 + json.len() + 8 + binary.len();
    let mut glb = Vec::with_capacity(total);
    glb.extend_from_slice(b"glTF");
    glb.extend(2_u32.to_le_bytes());
    glb.extend(length(total)?.to_le_bytes());
    for (kind, chunk) in [(b"JSON", json), (b"BIN\0", binary)] {
        glb.extend(length(chunk.len())?.to_le_bytes());
        glb.extend_from_slice(kind);
        glb.extend_from_slice(&chunk);
    }
    Ok(glb)
}

/// Returns the distinct vertices of face corners in ascending order.
fn used_vertices(corners: &[u32]) -> Vec<u32> {
    let mut vertices = corners.to_vec();
    vertices.sort_unstable();
    vertices.dedup();
    vertices
}

/// Returns the normals at unit length, which glTF requires. Unusable ones are replaced (see
/// [`fill_normals`]).
fn unit_normals(normals: &[Vec3], mesh: &Mesh) -> Vec<Vec3> {
    let unit = |n: &Vec3| {
        if (n.length() - 1.0).abs() <= UNIT_TOLERANCE { *n } else { n.try_normalize().unwrap_or_default() }
    };
    let mut unit_normals: Vec<Vec3> = normals.iter().map(unit).collect();
    fill_normals(&mut unit_normals, &mesh.positions, &mesh.faces);
    unit_normals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_normals_become_those_of_the_faces() {
        let mesh = Mesh {
            positions: vec![Vec3::ZERO, Vec3::X, Vec3::Y, Vec3::ONE],
            faces: vec![[0, 1, 2], [3, 3, 3]],
            ..Mesh::default()
        };
        let normals = [Vec3::ZERO, Vec3::NEG_Y * 2.0, Vec3::splat(f32::NAN), Vec3::ZERO];
        assert_eq!(unit_normals(&normals, &mesh), [Vec3::Z, Vec3::NEG_Y, Vec3::Z, Vec3::Z]);
    }
}
