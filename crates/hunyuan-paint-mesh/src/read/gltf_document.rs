//! The JSON of a glTF file, reduced to what a mesh needs.

use std::collections::{BTreeMap, BTreeSet};

use gltf::json::{Index, Root, accessor::Accessor};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::gltf_data::{malformed, unsupported};
use crate::MeshError;

pub(super) const INSTANCING: &str = "EXT_mesh_gpu_instancing";
pub(super) const DRACO: &str = "KHR_draco_mesh_compression";
pub(super) const MESHOPT: [&str; 2] = ["EXT_meshopt_compression", "KHR_meshopt_compression"];

/// The fields of an object that are kept, with the values that are kept.
type Fields = [(&'static str, fn(&Value) -> bool)];

const BUFFER: &Fields = &[("byteLength", is_present), ("uri", Value::is_string)];
// A stride of 0 means the same as none.
const VIEW: &Fields = &[
    ("buffer", is_present),
    ("byteLength", is_present),
    ("byteOffset", is_present),
    ("byteStride", is_present),
];
const ACCESSOR: &Fields = &[
    ("bufferView", is_present),
    ("byteOffset", is_present),
    ("componentType", is_present),
    ("count", is_present),
    ("normalized", Value::is_boolean),
    ("sparse", is_present),
    ("type", is_present),
];
const MESH: &Fields = &[("name", Value::is_string), ("primitives", is_present)];
const PRIMITIVE: &Fields =
    &[("attributes", is_present), ("indices", is_present), ("material", is_index), ("mode", is_present)];
const NODE: &Fields = &[
    ("children", is_present),
    ("matrix", is_present),
    ("mesh", is_present),
    ("name", Value::is_string),
    ("rotation", is_present),
    ("scale", is_present),
    ("skin", is_present),
    ("translation", is_present),
];
const SCENE: &Fields = &[("nodes", is_present)];
const SKIN: &Fields = &[("inverseBindMatrices", is_present), ("joints", is_present)];
const MATERIAL: &Fields = &[
    ("alphaCutoff", Value::is_number),
    ("alphaMode", Value::is_string),
    ("doubleSided", Value::is_boolean),
    ("name", Value::is_string),
    ("pbrMetallicRoughness", Value::is_object),
];
const PBR: &Fields = &[
    ("metallicFactor", Value::is_number),
    ("metallicRoughnessTexture", Value::is_object),
    ("roughnessFactor", Value::is_number),
];

fn is_present(value: &Value) -> bool {
    !value.is_null()
}

fn is_index(value: &Value) -> bool {
    value.as_u64().is_some_and(|index| u32::try_from(index).is_ok())
}

/// A glTF document without anything that a mesh does not need, such as animations, cameras,
/// textures and extras. Defects of these do not matter.
pub(super) struct Document {
    pub(super) root: Root,
    /// The instances of a node with [`INSTANCING`].
    pub(super) instancing: BTreeMap<usize, InstanceAttributes>,
    /// The primitives with Draco data: indices of the mesh, and of the primitive in the mesh.
    pub(super) draco: BTreeSet<(usize, usize)>,
    /// The buffer views with meshopt data, and the name of the extension.
    pub(super) meshopt: BTreeMap<usize, &'static str>,
    /// The buffers without content, to which the views of [`MESHOPT`] refer.
    pub(super) placeholders: BTreeSet<usize>,
}

/// The accessors that place the instances of a node.
#[derive(Clone, Copy)]
pub(super) struct InstanceAttributes {
    pub(super) translation: Option<Index<Accessor>>,
    pub(super) rotation: Option<Index<Accessor>>,
    pub(super) scale: Option<Index<Accessor>>,
}

impl Document {
    /// Parses JSON, which may have a byte order mark.
    ///
    /// Of buffer views, accessors and skins, those of the wrong form are an error only where they
    /// are used.
    pub(super) fn parse(json: &[u8]) -> Result<Self, MeshError> {
        // Names in other encodings than UTF-8 are not worth an error.
        let text = String::from_utf8_lossy(json);
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
        let parsed = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        let Value::Object(mut json) = parsed else {
            return Err(malformed("expected a JSON object"));
        };
        let version = json.get("asset").and_then(|asset| asset.get("version")).and_then(Value::as_str);
        if let Some(version) = version.filter(|version| !version.trim_start().starts_with('2')) {
            return Err(unsupported(format!("version {version}; export the file as glTF 2.0")));
        }
        let instancing = extended(&json, "nodes", INSTANCING).map(|(i, of)| (i, instance_attributes(of)));
        let instancing = instancing.collect();
        let draco = draco_primitives(&json);
        let of_meshopt = |list, name| extended(&json, list, name).map(move |(i, _)| (i, name));
        let meshopt = MESHOPT.iter().flat_map(|name| of_meshopt("bufferViews", *name)).collect();
        let placeholders = MESHOPT.iter().flat_map(|name| of_meshopt("buffers", *name));
        let placeholders = placeholders.map(|(i, _)| i).collect();

        let none = || None;
        let root = Root {
            accessors: items(
                &mut json,
                "accessors",
                |item| keep(item, ACCESSOR),
                || Some(json!({ "count": 0, "componentType": 0, "type": "" })),
            )?,
            buffers: items(&mut json, "buffers", |item| keep(item, BUFFER), || Some(json!({})))?,
            buffer_views: items(
                &mut json,
                "bufferViews",
                |item| keep(item, VIEW),
                || Some(json!({ "buffer": u32::MAX, "byteLength": 0 })),
            )?,
            extensions_required: names(&json, "extensionsRequired"),
            materials: items(&mut json, "materials", keep_material, || Some(json!({})))?,
            meshes: items(&mut json, "meshes", keep_mesh, none)?,
            nodes: items(&mut json, "nodes", |item| keep(item, NODE), none)?,
            scene: json.get("scene").filter(|scene| is_index(scene)).and_then(index),
            scenes: items(&mut json, "scenes", keep_scene, none)?,
            skins: items(&mut json, "skins", |item| keep(item, SKIN), || Some(json!({ "joints": [] })))?,
            ..Root::default()
        };
        Ok(Self { root, instancing, draco, meshopt, placeholders })
    }
}

/// Takes a list of items out of the document; an empty list if it is missing. An item of the wrong
/// form is replaced by `placeholder`, if there is one.
fn items<T: DeserializeOwned>(
    json: &mut Map<String, Value>,
    list: &'static str,
    reduce: impl Fn(&mut Value),
    placeholder: impl Fn() -> Option<Value>,
) -> Result<Vec<T>, MeshError> {
    let values = match json.remove(list) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(values)) => values,
        Some(_) => return Err(malformed(format!("{list}: expected an array"))),
    };
    let item = |(i, mut value): (usize, Value)| {
        reduce(&mut value);
        let item = serde_json::from_value(value).or_else(|error| match placeholder() {
            Some(value) => serde_json::from_value(value),
            None => Err(error),
        });
        item.map_err(|error| malformed(format!("{list}, item {i}: {error}")))
    };
    values.into_iter().enumerate().map(item).collect()
}

/// Removes all fields of an object but the given ones.
fn keep(object: &mut Value, fields: &Fields) {
    let is_kept =
        |name: &str, value: &Value| fields.iter().any(|(field, has_use)| *field == name && has_use(value));
    if let Value::Object(object) = object {
        object.retain(|name, value| is_kept(name, value));
    }
}

fn keep_mesh(mesh: &mut Value) {
    keep(mesh, MESH);
    if let Value::Object(mesh) = mesh {
        mesh.entry("primitives").or_insert_with(|| json!([]));
    }
    for primitive in mesh.get_mut("primitives").and_then(Value::as_array_mut).into_iter().flatten() {
        keep(primitive, PRIMITIVE);
        if let Value::Object(primitive) = primitive {
            let attributes = primitive.entry("attributes").or_insert_with(|| json!({}));
            if let Value::Object(attributes) = attributes {
                attributes.retain(|name, value| is_present(value) && is_used_attribute(name));
            }
        }
    }
}

fn is_used_attribute(name: &str) -> bool {
    matches!(name, "POSITION" | "NORMAL" | "TEXCOORD_0")
        || name.starts_with("JOINTS_")
        || name.starts_with("WEIGHTS_")
}

fn keep_scene(scene: &mut Value) {
    keep(scene, SCENE);
    if let Value::Object(scene) = scene {
        scene.entry("nodes").or_insert_with(|| json!([]));
    }
}

fn keep_material(material: &mut Value) {
    keep(material, MATERIAL);
    let Some(pbr) = material.get_mut("pbrMetallicRoughness") else { return };
    keep(pbr, PBR);
    // Only whether there is a texture matters.
    if let Some(texture) = pbr.get_mut("metallicRoughnessTexture") {
        *texture = json!({ "index": 0 });
    }
}

/// Returns the items of a list that have an extension, with their indices.
fn extended<'a>(
    json: &'a Map<String, Value>,
    list: &str,
    extension: &'a str,
) -> impl Iterator<Item = (usize, &'a Value)> {
    let items = json.get(list).and_then(Value::as_array).into_iter().flatten().enumerate();
    items.filter_map(move |(i, item)| Some((i, item.get("extensions")?.get(extension)?)))
}

fn draco_primitives(json: &Map<String, Value>) -> BTreeSet<(usize, usize)> {
    let meshes = json.get("meshes").and_then(Value::as_array).into_iter().flatten().enumerate();
    let primitives = meshes.flat_map(|(i, mesh)| {
        let primitives = mesh.get("primitives").and_then(Value::as_array).into_iter().flatten();
        primitives.enumerate().map(move |(k, primitive)| ((i, k), primitive))
    });
    let is_draco = |primitive: &Value| primitive.get("extensions").is_some_and(|e| e.get(DRACO).is_some());
    primitives.filter(|(_, primitive)| is_draco(primitive)).map(|(key, _)| key).collect()
}

fn instance_attributes(extension: &Value) -> InstanceAttributes {
    let attribute = |name| extension.get("attributes")?.get(name).filter(|value| is_present(value));
    let accessor = |name| attribute(name).and_then(index);
    InstanceAttributes {
        translation: accessor("TRANSLATION"),
        rotation: accessor("ROTATION"),
        scale: accessor("SCALE"),
    }
}

/// Returns an index. One that is not a number of 32 bits becomes one that nothing has.
fn index<T>(value: &Value) -> Option<Index<T>> {
    let index = value.as_u64().and_then(|index| u32::try_from(index).ok());
    Some(Index::new(index.unwrap_or(u32::MAX)))
}

fn names(json: &Map<String, Value>, list: &str) -> Vec<String> {
    let names = json.get(list).and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_behind_may_have_any_form() -> Result<(), MeshError> {
        let json = json!({
            "asset": { "version": "2.0", "extras": 1 },
            "animations": null, "cameras": 7, "images": [{ "uri": 5 }], "textures": "none", "extras": [],
            "materials": [null, { "name": 3, "doubleSided": 1, "alphaMode": "BLEND", "extensions": 0 }],
            "nodes": [{ "mesh": 0, "camera": "x", "children": null, "extras": null, "weights": 0 }],
            "scenes": [{ "nodes": [0] }, { "name": "empty" }, { "nodes": null }],
            "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0, "COLOR_0": -1 }, "material": -1 }] }],
            "accessors": [{ "bufferView": 0 }, { "type": "VEC3", "componentType": 5126, "count": 3 }],
            "bufferViews": [{}], "skins": [{}], "buffers": null,
        });
        let Document { root, .. } = Document::parse(json.to_string().as_bytes())?;
        assert_eq!((root.materials.len(), root.scenes.len(), root.accessors.len()), (2, 3, 2));
        assert_eq!((root.buffers.len(), root.buffer_views.len(), root.skins.len()), (0, 1, 1));
        assert_eq!((root.accessors[1].count.0, root.meshes[0].primitives[0].attributes.len()), (3, 1));
        assert!(root.meshes[0].primitives[0].material.is_none() && root.nodes[0].children.is_none());
        Ok(())
    }

    #[test]
    fn documents_that_are_not_gltf_2_are_rejected() {
        let message = |json: &str| Document::parse(json.as_bytes()).err().map(|e| e.to_string());
        let contains = |json, part: &str| message(json).is_some_and(|message| message.contains(part));
        assert!(contains(r#"{ "asset": { "version": "1.0" } }"#, "version 1.0"));
        assert!(contains("[]", "a JSON object"));
        assert!(contains("{", "EOF"));
        assert!(contains(r#"{ "nodes": {} }"#, "nodes: expected an array"));
        assert!(contains(r#"{ "nodes": [{}, { "mesh": "a" }] }"#, "nodes, item 1"));
        assert_eq!(message("\u{FEFF}{}"), None);
    }
}
