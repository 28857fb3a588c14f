//! glTF files as exporters write them: skins, instances, compression, odd containers and defects of
//! what a mesh does not need.

use glam::Vec3;
use hunyuan_paint_mesh::{
    AlphaMode, Material, Mesh, MeshError, MeshFormat, MeshPart, MeshWarning, glb_bytes, read_mesh,
    read_mesh_from_bytes,
};
use serde_json::{Value, json};

type TestResult = Result<(), Box<dyn std::error::Error>>;

const UNSIGNED_BYTE: u32 = 5121;
const UNSIGNED_SHORT: u32 = 5123;
const FLOAT: u32 = 5126;

/// A `.glb` in the making. Accessor 0 has the positions (0,0,0), (1,0,0), (0,1,0).
struct Glb {
    json: Value,
    bytes: Vec<u8>,
}

impl Glb {
    /// Returns a scene with one node that shows one triangle.
    fn triangle() -> Self {
        let json = json!({
            "asset": { "version": "2.0" },
            "scene": 0,
            "scenes": [{ "nodes": [0] }],
            "nodes": [{ "mesh": 0, "name": "node" }],
            "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 } }] }],
            "accessors": [], "bufferViews": [], "buffers": [{ "byteLength": 0 }],
        });
        let mut glb = Self { json, bytes: Vec::new() };
        glb.floats("VEC3", &[0., 0., 0., 1., 0., 0., 0., 1., 0.]);
        glb
    }

    fn with(mut self, pointer: &str, value: Value) -> Self {
        self.set(pointer, value);
        self
    }

    /// Sets a field or an item, given as a JSON pointer. Its object or list must exist.
    fn set(&mut self, pointer: &str, value: Value) {
        if let Some(place) = self.json.pointer_mut(pointer) {
            *place = value;
            return;
        }
        let (object, field) = pointer.rsplit_once('/').unwrap_or_default();
        if let Some(Value::Object(object)) = self.json.pointer_mut(object) {
            object.insert(field.to_owned(), value);
        }
    }

    /// Adds an accessor with its own buffer view. Returns its index.
    fn accessor(&mut self, component: u32, shape: &str, bytes: &[u8]) -> usize {
        let components = match shape {
            "SCALAR" => 1,
            "VEC2" => 2,
            "VEC3" => 3,
            "VEC4" => 4,
            _ => 16,
        };
        let size = match component {
            UNSIGNED_BYTE => 1,
            UNSIGNED_SHORT => 2,
            _ => 4,
        };
        let count = bytes.len() / (components * size);
        let view = self.push(
            "bufferViews",
            json!({ "buffer": 0, "byteOffset": self.bytes.len(), "byteLength": bytes.len() }),
        );
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.set("/buffers/0/byteLength", self.bytes.len().into());
        let accessor =
            json!({ "bufferView": view, "componentType": component, "type": shape, "count": count });
        self.push("accessors", accessor)
    }

    fn floats(&mut self, shape: &str, values: &[f32]) -> usize {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.accessor(FLOAT, shape, &bytes)
    }

    fn push(&mut self, list: &str, value: Value) -> usize {
        let Some(list) = self.json[list].as_array_mut() else { return 0 };
        list.push(value);
        list.len() - 1
    }

    fn bytes(&self) -> Vec<u8> {
        container(&[(b"JSON", self.json.to_string().as_bytes()), (b"BIN\0", &self.bytes)])
    }

    fn read(&self) -> Result<Mesh, MeshError> {
        read_mesh_from_bytes(&self.bytes(), MeshFormat::Gltf)
    }

    /// Returns the message of the error that reading gives; empty if there is none.
    fn error(&self) -> String {
        self.read().map_or_else(|error| error.to_string(), |_| String::new())
    }
}

/// Returns a `.glb` whose chunks are padded with NUL bytes.
fn container(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut glb = b"glTF\x02\0\0\0\0\0\0\0".to_vec();
    for (kind, content) in chunks {
        let length = content.len().next_multiple_of(4);
        glb.extend((length as u32).to_le_bytes());
        glb.extend(*kind);
        glb.extend(*content);
        glb.resize(glb.len().next_multiple_of(4), 0);
    }
    let length = glb.len() as u32;
    glb[8..12].copy_from_slice(&length.to_le_bytes());
    glb
}

const TRIANGLE: [Vec3; 3] = [Vec3::ZERO, Vec3::X, Vec3::Y];

fn assert_near(found: &[Vec3], expected: &[Vec3]) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.distance(*expected) < 1e-5, "expected {expected}, found {found}");
    }
}

#[test]
fn containers_may_have_unknown_chunks_and_nul_padding() -> TestResult {
    let glb = Glb::triangle();
    let json = glb.json.to_string();
    let bytes = container(&[(b"JSON", json.as_bytes()), (b"OWN\0", b"own"), (b"BIN\0", &glb.bytes)]);
    assert_eq!(read_mesh_from_bytes(&bytes, MeshFormat::Gltf)?.positions, TRIANGLE);

    let uri = "data:application/octet-stream;base64,AAAAAAAAAAAAAAAAAACAPwAAAAAAAAAAAAAAAAAAgD8AAAAA";
    let embedded = Glb::triangle().with("/buffers/0/uri", uri.into()).json.to_string();
    let bytes = container(&[(b"JSON", embedded.as_bytes()), (b"OWN\0", b"own")]);
    assert_eq!(read_mesh_from_bytes(&bytes, MeshFormat::Gltf)?.positions, TRIANGLE);
    Ok(())
}

#[test]
fn defects_of_what_a_mesh_does_not_need_are_ignored() -> TestResult {
    let channel = json!({ "sampler": 0, "target": { "path": "pointer", "extensions": { "KHR_animation_pointer": {} } } });
    let defects = [
        ("/animations", Value::Null),
        ("/animations", json!([{ "channels": [channel], "samplers": [] }])),
        ("/cameras", json!([{ "type": "none" }])),
        ("/textures", json!([{ "source": -1 }])),
        ("/images", json!([{ "uri": 7 }])),
        ("/samplers", json!([{ "wrapS": "no" }])),
        ("/skins", json!([{}])),
        ("/extras", json!(7)),
        ("/extensions", json!([])),
        (
            "/materials",
            json!([{ "pbrMetallicRoughness": { "baseColorTexture": {} }, "emissiveFactor": "red" }]),
        ),
        ("/meshes/0/primitives/0/material", json!(-1)),
        ("/meshes/0/primitives/0/attributes/COLOR_0", json!(99)),
        ("/meshes/0/primitives/0/targets", json!("none")),
        ("/nodes/0/camera", json!("x")),
        ("/nodes/0/children", Value::Null),
        ("/scenes/0/name", json!(5)),
        ("/bufferViews/0/byteStride", json!(0)),
        ("/buffers/0/byteLength", json!(1_000_000)),
        ("/accessors/0/min", json!("low")),
    ];
    for (pointer, value) in defects {
        let mesh = Glb::triangle().with(pointer, value.clone()).read();
        let positions = mesh.as_ref().map(|mesh| mesh.positions.as_slice());
        assert!(positions.is_ok_and(|positions| positions == TRIANGLE), "{pointer} {value}: {mesh:?}");
    }
    let mut glb = Glb::triangle();
    glb.push("scenes", json!({ "name": "Scene.001" }));
    glb.push("buffers", json!({ "byteLength": 9, "uri": "missing.bin" }));
    glb.push("bufferViews", json!({ "buffer": 1, "byteLength": 9 }));
    glb.push("accessors", json!({ "bufferView": 99 }));
    assert_eq!(glb.read()?.positions, TRIANGLE);
    Ok(())
}

#[test]
fn an_empty_default_scene_shows_all_nodes() -> TestResult {
    for (scenes, nodes) in [
        (json!([{ "name": "empty" }, { "nodes": [0] }]), json!([{ "mesh": 0, "translation": [0, 0, 2] }])),
        (json!([{ "nodes": [1] }]), json!([{ "mesh": 0, "translation": [0, 0, 2] }, { "name": "light" }])),
    ] {
        let mesh = Glb::triangle().with("/scenes", scenes).with("/nodes", nodes).read()?;
        assert_near(&mesh.positions, &TRIANGLE.map(|p| p + Vec3::Z * 2.0));
    }
    let without_shown_nodes = Glb::triangle().with("/nodes", json!([{ "name": "light" }]));
    assert_eq!(without_shown_nodes.read()?.positions, TRIANGLE);
    Ok(())
}

#[test]
fn accessors_without_a_view_are_zeros() -> TestResult {
    let mut glb = Glb::triangle();
    let zeros = |shape| json!({ "componentType": FLOAT, "type": shape, "count": 3 });
    let (normals, uvs) = (glb.push("accessors", zeros("VEC3")), glb.push("accessors", zeros("VEC2")));
    let attributes = json!({ "POSITION": 0, "NORMAL": normals, "TEXCOORD_0": uvs });
    glb.set("/meshes/0/primitives/0/attributes", attributes);
    let mesh = glb.read()?;
    assert_eq!((mesh.normals, mesh.uvs.map(|uvs| uvs.len())), (Some(vec![Vec3::Z; 3]), Some(3)));

    glb.set(&format!("/accessors/{normals}/count"), json!(1_000_000));
    assert!(glb.error().contains("accessor without a buffer view"), "{}", glb.error());
    Ok(())
}

/// Returns a triangle in centimeters with z up, as Blender's FBX importer makes it: an armature
/// rotates and scales it to meters with y up. The node of the mesh has a transform of its own.
fn skinned(joints: &[u8], weights: &[f32]) -> Glb {
    let mut glb = Glb::triangle();
    let joints = glb.accessor(UNSIGNED_BYTE, "VEC4", joints);
    let weights = glb.floats("VEC4", weights);
    let columns = [1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1., 0., 0., 0., -10., 1.];
    let inverse_bind = glb.floats("MAT4", &[columns, columns].concat());
    let half = 0.5_f32.sqrt();
    let attributes = json!({ "POSITION": 0, "JOINTS_0": joints, "WEIGHTS_0": weights });
    glb.with("/meshes/0/primitives/0/attributes", attributes)
        .with("/scenes/0/nodes", json!([0]))
        .with(
            "/nodes",
            json!([
                { "mesh": 0, "skin": 0, "name": "Body", "translation": [7, 7, 7] },
                { "name": "Hips", "translation": [0, 0, 10] },
                { "name": "Armature", "children": [1, 3], "rotation": [-half, 0, 0, half], "scale": [0.01, 0.01, 0.01] },
                { "name": "Head", "translation": [0, 0, 110] },
            ]),
        )
        .with("/skins", json!([{ "joints": [1, 3], "inverseBindMatrices": inverse_bind }]))
}

const FIRST_JOINT: [u8; 12] = [0; 12];
const ONE_INFLUENCE: [f32; 12] = [1., 0., 0., 0., 1., 0., 0., 0., 1., 0., 0., 0.];

#[test]
fn joints_place_skinned_meshes_and_their_node_does_not() -> TestResult {
    let mesh = skinned(&FIRST_JOINT, &ONE_INFLUENCE).read()?;
    // The y axis of the file becomes −z.
    assert_near(&mesh.positions, &[Vec3::ZERO, Vec3::X * 0.01, Vec3::NEG_Z * 0.01]);
    assert_eq!(mesh.warnings, [MeshWarning::RestPose { name: "Body".to_owned() }]);
    assert_eq!(mesh.parts.first().map(|part| part.name.as_str()), Some("Body"));
    Ok(())
}

#[test]
fn weights_blend_joints_and_need_not_add_up_to_1() -> TestResult {
    // The second joint moves up by 1. The vertices follow the first, the second, and a quarter of
    // the second; joints of weight 0 do not have to exist.
    let joints = [0, 99, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0];
    let weights = [1., 0., 0., 0., 0., 0.5, 0., -1., 1., 3., 0., f32::NAN];
    let expected = [Vec3::ZERO, Vec3::new(0.01, 1.0, 0.0), Vec3::new(0.0, 0.25, -0.01)];
    assert_near(&skinned(&joints, &weights).read()?.positions, &expected);
    // Without weights, a vertex follows its first joint.
    let weights = [0., 0., 0., 0., 0., 1., 0., 0., 0., 0., 0., 0.];
    let expected = [Vec3::ZERO, Vec3::new(0.01, 1.0, 0.0), Vec3::new(0.0, 1.0, -0.01)];
    assert_near(&skinned(&joints, &weights).read()?.positions, &expected);

    // Joints of 16 bits, normalized weights of 8 bits, and the second joint in a second set.
    let mut glb = skinned(&FIRST_JOINT, &ONE_INFLUENCE);
    let words = |joint: u16| [joint.to_le_bytes(), [0; 2], [0; 2], [0; 2]].concat().repeat(3);
    let joints =
        [glb.accessor(UNSIGNED_SHORT, "VEC4", &words(0)), glb.accessor(UNSIGNED_SHORT, "VEC4", &words(1))];
    let weights = [64, 192].map(|weight| glb.accessor(UNSIGNED_BYTE, "VEC4", &[weight, 0, 0, 0].repeat(3)));
    weights.iter().for_each(|weights| glb.set(&format!("/accessors/{weights}/normalized"), true.into()));
    let attributes = json!({ "POSITION": 0, "NORMAL": 0, "JOINTS_0": joints[0], "WEIGHTS_0": weights[0],
                             "JOINTS_1": joints[1], "WEIGHTS_1": weights[1] });
    glb.set("/meshes/0/primitives/0/attributes", attributes);
    let mesh = glb.read()?;
    let up = Vec3::Y * 0.75;
    assert_near(&mesh.positions, &[up, up + Vec3::X * 0.01, up + Vec3::NEG_Z * 0.01]);
    // The first normal is zero in the file, so it is that of the face.
    assert_near(mesh.normals.as_deref().unwrap_or_default(), &[Vec3::Y, Vec3::X, Vec3::NEG_Z]);
    Ok(())
}

#[test]
fn missing_bind_matrices_are_the_identity_and_each_skin_has_its_own_vertices() -> TestResult {
    let mut glb = skinned(&FIRST_JOINT, &ONE_INFLUENCE);
    glb.push("nodes", json!({ "mesh": 0, "skin": 1 }));
    glb.push("nodes", json!({ "mesh": 0, "skin": 1 }));
    glb.push("skins", json!({ "joints": [3] }));
    glb.set("/scenes/0/nodes", json!([0, 4, 5]));
    let mesh = glb.read()?;
    let up = Vec3::Y * 1.1;
    let expected = [Vec3::ZERO, Vec3::X * 0.01, Vec3::NEG_Z * 0.01];
    assert_near(&mesh.positions, &[expected, expected.map(|p| p + up)].concat());
    assert_eq!((mesh.faces.len(), mesh.parts.len(), mesh.warnings.len()), (3, 3, 3));
    Ok(())
}

#[test]
fn broken_skins_are_malformed() {
    let glb = || skinned(&FIRST_JOINT, &ONE_INFLUENCE);
    let bad_joint = skinned(&[0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0], &ONE_INFLUENCE);
    for (scene, message) in [
        (bad_joint, "expected joints below 2, found 2"),
        (skinned(&FIRST_JOINT[..8], &ONE_INFLUENCE), "one per vertex, found 2"),
        (glb().with("/nodes/0/skin", json!(5)), "skin 5 does not exist"),
        (glb().with("/skins/0/joints", json!([1, 9])), "node 9 does not exist"),
        (glb().with("/skins/0/joints", json!([1, 3, 1])), "for 3 joints, found 2"),
        (glb().with("/skins/0", json!({})), "expected joints below 0"),
        (glb().with("/nodes/3/children", json!([2])), "its own ancestor"),
    ] {
        assert!(scene.error().contains(message), "{message}: {}", scene.error());
        assert!(matches!(scene.read(), Err(MeshError::Malformed { .. })), "{message}");
    }
}

#[test]
fn primitives_without_joints_are_placed_by_their_node() -> TestResult {
    let glb = skinned(&FIRST_JOINT, &ONE_INFLUENCE);
    let mesh = glb.with("/meshes/0/primitives/0/attributes", json!({ "POSITION": 0 })).read()?;
    assert_near(&mesh.positions, &TRIANGLE.map(|p| p + Vec3::splat(7.0)));
    assert_eq!(mesh.warnings, []);
    Ok(())
}

#[test]
fn gpu_instances_are_expanded() -> TestResult {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/field/gpu_instancing_used.glb");
    let mesh = read_mesh(path)?;
    assert_eq!((mesh.faces.len(), mesh.positions.len(), mesh.parts.len()), (36, 72, 1));

    let mut glb = Glb::triangle();
    let translation = glb.floats("VEC3", &[0., 0., 0., 0., 0., 5.]);
    let scale = glb.floats("VEC3", &[2., 2., 2., -1., 1., 1.]);
    // Turns by 90° about z and by none, in normalized bytes.
    let rotation = glb.accessor(5120, "VEC4", &[0, 0, 90, 90, 0, 0, 0, 127]);
    glb.set(&format!("/accessors/{rotation}/normalized"), true.into());
    glb.set(&format!("/accessors/{rotation}/count"), 2.into());
    let attributes = json!({ "TRANSLATION": translation, "ROTATION": rotation, "SCALE": scale });
    let extension = json!({ "EXT_mesh_gpu_instancing": { "attributes": attributes } });
    let glb = glb.with("/nodes/0/extensions", extension).with("/nodes/0/translation", json!([10, 0, 0]));
    for required in [json!([]), json!(["EXT_mesh_gpu_instancing"])] {
        let mesh = Glb { json: glb.json.clone(), bytes: glb.bytes.clone() }
            .with("/extensionsRequired", required)
            .read()?;
        let first = [[10., 0., 0.], [10., 2., 0.], [8., 0., 0.]].map(Vec3::from_array);
        let second = [[10., 0., 5.], [9., 0., 5.], [10., 1., 5.]].map(Vec3::from_array);
        assert_near(&mesh.positions, &[first, second].concat());
        assert_eq!(mesh.faces, [[0, 1, 2], [3, 5, 4]]);
        assert_eq!(mesh.parts.iter().map(|part| part.faces.len()).collect::<Vec<_>>(), [2]);
    }
    let uneven = glb.with(&format!("/accessors/{scale}/count"), 1.into());
    assert!(uneven.error().contains("as many translations as rotations and scales"), "{}", uneven.error());
    Ok(())
}

#[test]
fn instances_of_a_skinned_mesh_are_ignored_with_a_warning() -> TestResult {
    let extension = json!({ "EXT_mesh_gpu_instancing": { "attributes": { "TRANSLATION": 0 } } });
    let mesh = skinned(&FIRST_JOINT, &ONE_INFLUENCE).with("/nodes/0/extensions", extension).read()?;
    assert_eq!(mesh.faces.len(), 1);
    let ignored = MeshWarning::ExtensionIgnored { name: "EXT_mesh_gpu_instancing".to_owned() };
    assert!(mesh.warnings.contains(&ignored));
    Ok(())
}

#[test]
fn compressed_data_is_named_unless_there_is_a_fallback() -> TestResult {
    for name in ["KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression"] {
        let required = Glb::triangle().with("/extensionsRequired", json!([name])).error();
        assert!(required.contains(name) && required.contains("gltf-transform copy"), "{required}");
    }
    let unknown = Glb::triangle().with("/extensionsRequired", json!(["OWN_shape"])).error();
    assert!(unknown.contains("required extension OWN_shape"), "{unknown}");

    let draco = || {
        let extension =
            json!({ "KHR_draco_mesh_compression": { "bufferView": 0, "attributes": { "POSITION": 0 } } });
        Glb::triangle().with("/meshes/0/primitives/0/extensions", extension)
    };
    assert_eq!(draco().read()?.positions, TRIANGLE);
    let without = draco().with("/accessors/0/bufferView", Value::Null);
    assert!(matches!(without.read(), Err(MeshError::Unsupported { .. })));
    assert!(without.error().contains("KHR_draco_mesh_compression"));

    let extension =
        json!({ "EXT_meshopt_compression": { "buffer": 0, "byteLength": 4, "mode": "ATTRIBUTES" } });
    let meshopt = Glb::triangle().with("/bufferViews/0/extensions", extension);
    assert_eq!(meshopt.read()?.positions, TRIANGLE);
    let placeholder =
        json!({ "byteLength": 36, "extensions": { "EXT_meshopt_compression": { "fallback": true } } });
    let without = meshopt.with("/buffers/0", placeholder);
    assert!(matches!(without.read(), Err(MeshError::Unsupported { .. })));
    assert!(without.error().contains("EXT_meshopt_compression"));
    Ok(())
}

#[test]
fn only_missing_normals_are_computed() -> TestResult {
    let mut glb = Glb::triangle();
    let slanted = [0., 3., 4., 0., 0., 0., 0., f32::NAN, 1.];
    let normals = glb.floats("VEC3", &slanted);
    let moved = glb.floats("VEC3", &[0., 0., 0., 0., 0., 2., 0., 2., 0.]);
    glb.set(
        "/meshes/0/primitives",
        json!([{ "attributes": { "POSITION": 0, "NORMAL": normals } }, { "attributes": { "POSITION": moved } }]),
    );
    let mesh = glb.read()?;
    let own = Vec3::new(0.0, 3.0, 4.0);
    let expected = [own, Vec3::Z, Vec3::Z, Vec3::NEG_X, Vec3::NEG_X, Vec3::NEG_X];
    assert_eq!(mesh.normals, Some(expected.to_vec()));
    glb.set("/meshes/0/primitives/0/attributes", json!({ "POSITION": 0 }));
    assert_eq!(glb.read()?.normals, None);
    Ok(())
}

#[test]
fn uvs_that_are_not_finite_are_dropped_with_a_warning() -> TestResult {
    let mut glb = Glb::triangle();
    let uvs = glb.floats("VEC2", &[0., 0., f32::NAN, 0., 0., 1.]);
    glb.set("/meshes/0/primitives/0/attributes/TEXCOORD_0", uvs.into());
    let mesh = glb.read()?;
    assert_eq!((mesh.uvs, mesh.warnings.as_slice()), (None, &[MeshWarning::UvsDropped][..]));
    Ok(())
}

#[test]
fn written_parts_have_their_own_vertices_and_are_opaque() -> TestResult {
    let part = |faces, alpha| MeshPart {
        name: "part".to_owned(),
        faces,
        material: Material { alpha, ..Material::default() },
    };
    let mesh = Mesh {
        positions: (0..5).map(|i| Vec3::new(i as f32, (i * i) as f32, 0.0)).collect(),
        faces: vec![[4, 2, 0], [1, 2, 3], [3, 2, 4]],
        uvs: Some(vec![glam::Vec2::splat(0.5); 5]),
        parts: vec![part(0..1, AlphaMode::Blend), part(1..3, AlphaMode::Mask { cutoff: 0.5 })],
        ..Mesh::default()
    };
    let bytes = glb_bytes(&mesh, &image::RgbImage::new(1, 1))?;
    let length = u32::from_le_bytes(*bytes[12..].first_chunk().ok_or("short")?) as usize;
    let json: Value = serde_json::from_slice(&bytes[20..20 + length])?;
    let primitives = json["meshes"][0]["primitives"].as_array().ok_or("primitives")?;
    let counts: Vec<_> = primitives
        .iter()
        .map(|primitive| {
            let index = primitive["attributes"]["POSITION"].as_u64().unwrap_or(99) as usize;
            (json["accessors"][index]["count"].as_u64(), json["accessors"][index]["min"][0].as_f64())
        })
        .collect();
    assert_eq!(counts, [(Some(3), Some(0.0)), (Some(4), Some(1.0))]);
    assert!(!json.to_string().contains("alpha"));

    let read = read_mesh_from_bytes(&bytes, MeshFormat::Gltf)?;
    assert_eq!(read.faces, [[2, 1, 0], [3, 4, 5], [5, 4, 6]]);
    let corners = |mesh: &Mesh| -> Vec<Vec3> {
        mesh.faces.iter().flatten().map(|&i| mesh.positions[i as usize]).collect()
    };
    assert_eq!(corners(&read), corners(&mesh));
    assert_eq!(read.parts.iter().map(|part| part.faces.clone()).collect::<Vec<_>>(), [0..1, 1..3]);
    Ok(())
}
