//! Reading and writing through the public functions: round trips, glTF scenes, and invalid files.

mod scene;

use std::{fs, path::PathBuf};

use glam::{Vec2, Vec3};
use hunyuan_paint_mesh::{
    AlphaMode, Material, Mesh, MeshError, MeshFormat, MeshPart, glb_bytes, read_mesh, read_mesh_from_bytes,
    vertex_normals, write_glb, write_obj,
};
use image::{Rgb, RgbImage};
use scene::Scene;

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// A temporary folder for one test, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("hunyuan-paint-mesh-{}-{name}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns a tetrahedron with UVs, normals and coordinates that are hard to print exactly.
fn tetrahedron() -> Mesh {
    let positions = vec![
        Vec3::new(0.1, -0.0, 1e-7),
        Vec3::new(1.0 / 3.0, 2.5e3, 0.0),
        Vec3::new(-7.25, 0.3, 0.7),
        Vec3::new(0.0, f32::MIN_POSITIVE, -1234.567),
    ];
    let faces = vec![[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]];
    let normals = vertex_normals(&positions, &faces);
    let uvs = vec![Vec2::new(0.125, 0.25), Vec2::new(1.0, 0.0), Vec2::new(0.0, 1.0), Vec2::new(0.7, 0.5)];
    Mesh { positions, faces, uvs: Some(uvs), normals: Some(normals), ..Mesh::default() }
}

fn texture() -> RgbImage {
    RgbImage::from_fn(5, 3, |x, y| Rgb([x as u8 * 50, y as u8 * 80, 7]))
}

fn bits(mesh: &Mesh) -> Vec<[u32; 3]> {
    mesh.positions.iter().map(|p| p.to_array().map(f32::to_bits)).collect()
}

/// Returns the positions and normals of all face corners.
fn corners(mesh: &Mesh) -> Vec<(Vec3, Option<Vec3>)> {
    let normal = |i: u32| mesh.normals.as_ref().map(|normals| normals[i as usize]);
    mesh.faces.iter().flatten().map(|&i| (mesh.positions[i as usize], normal(i))).collect()
}

/// Returns an error's message with those of its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| (*error).source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

#[test]
fn written_files_read_back_bit_for_bit() -> TestResult {
    let folder = Folder::new("round-trip")?;
    let mesh = tetrahedron();
    write_glb(folder.path("a mesh.glb"), &mesh, &texture())?;
    write_obj(folder.path("a mesh.obj"), &mesh, &texture())?;
    for name in ["a mesh.glb", "a mesh.obj"] {
        let read = read_mesh(folder.path(name))?;
        assert_eq!(bits(&read), bits(&mesh), "{name}");
        assert_eq!((&read.faces, &read.normals), (&mesh.faces, &mesh.normals), "{name}");
        for (uv, expected) in read.uvs.iter().flatten().zip(mesh.uvs.iter().flatten()) {
            assert!(uv.distance(*expected) < 1e-6, "{name}");
        }
    }
    assert_eq!(image::open(folder.path("a mesh.png"))?.into_rgb8(), texture());
    let mtl = fs::read_to_string(folder.path("a mesh.mtl"))?;
    assert!(mtl.contains("map_Kd a mesh.png"));
    assert_eq!(fs::read_dir(&folder.0)?.count(), 4);
    Ok(())
}

#[test]
fn a_written_glb_contains_its_texture_and_a_matte_material() -> TestResult {
    let glb = glb_bytes(&tetrahedron(), &texture())?;
    let (json, binary) = gltf_json(&glb)?;
    let material = &json["materials"][0]["pbrMetallicRoughness"];
    assert_eq!((&material["metallicFactor"], &material["roughnessFactor"]), (&0.0.into(), &1.0.into()));
    let view = &json["bufferViews"][json["images"][0]["bufferView"].as_u64().unwrap_or(99) as usize];
    let start = view["byteOffset"].as_u64().unwrap_or_default() as usize;
    let png = &binary[start..start + view["byteLength"].as_u64().unwrap_or_default() as usize];
    assert_eq!(image::load_from_memory(png)?.into_rgb8(), texture());
    assert_eq!(json["accessors"][0]["max"][1], 2500.0);
    Ok(())
}

/// Returns the JSON and the binary chunk of a `.glb`.
fn gltf_json(glb: &[u8]) -> Result<(serde_json::Value, &[u8]), Box<dyn std::error::Error>> {
    let length = u32::from_le_bytes(*glb[12..].first_chunk().ok_or("short")?) as usize;
    Ok((serde_json::from_slice(&glb[20..20 + length])?, &glb[20 + length + 8..]))
}

#[test]
fn parts_keep_their_names_materials_and_corners_in_round_trips() -> TestResult {
    let folder = Folder::new("parts")?;
    let part = |name: &str, faces, material| MeshPart { name: name.to_owned(), faces, material };
    let named = |name: &str| Material { name: name.to_owned(), ..Material::default() };
    let steel = Material { metallic: 1.0, roughness: 0.25, double_sided: true, ..named("steel") };
    let leaf = Material { alpha: AlphaMode::Mask { cutoff: 0.75 }, ..named("leaf") };
    let glass = Material { alpha: AlphaMode::Blend, ..named("steel") };
    let parts = vec![
        part("body", 0..1, steel.clone()),
        part("body", 1..2, leaf),
        part("", 2..3, glass),
        part("tail #1", 3..4, steel),
    ];
    let mesh = Mesh { parts, ..tetrahedron() };
    write_glb(folder.path("a.glb"), &mesh, &texture())?;
    let read = read_mesh(folder.path("a.glb"))?;
    let opaque = |part: &MeshPart| MeshPart {
        material: Material { alpha: AlphaMode::Opaque, ..part.material.clone() },
        ..part.clone()
    };
    assert_eq!(read.parts, mesh.parts.iter().map(opaque).collect::<Vec<_>>());
    // Every part has vertices of its own.
    assert_eq!((corners(&read), read.positions.len()), (corners(&mesh), 12));
    let (json, _) = gltf_json(&fs::read(folder.path("a.glb"))?).map(|(json, binary)| (json, binary.len()))?;
    assert_eq!(json["materials"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        (json["nodes"].as_array().map(Vec::len), &json["nodes"][0]["name"]),
        (Some(3), &"body".into())
    );

    write_obj(folder.path("a.obj"), &mesh, &texture())?;
    let read = read_mesh(folder.path("a.obj"))?;
    let names: Vec<_> = read
        .parts
        .iter()
        .map(|part| (part.name.as_str(), part.material.name.as_str(), part.faces.len()))
        .collect();
    assert_eq!(names, [("body", "steel", 1), ("body", "leaf", 1), ("", "steel", 1), ("tail _1", "steel", 1)]);
    assert_eq!((bits(&read), &read.faces, &read.normals), (bits(&mesh), &mesh.faces, &mesh.normals));
    let mtl = fs::read_to_string(folder.path("a.mtl"))?;
    assert_eq!((mtl.matches("newmtl").count(), mtl.matches("map_Kd a.png").count()), (2, 2));
    Ok(())
}

#[test]
fn materials_without_pbr_factors_are_matte_and_not_metallic() -> TestResult {
    let read = |material: &str| {
        let primitive = r#"{ "attributes": { "POSITION": 0 }, "material": 0 }"#;
        Scene::triangle()
            .with("meshes", &format!(r#"[{{ "name": "thing", "primitives": [{primitive}] }}]"#))
            .with("materials", &format!("[{material}]"))
            .read()
    };
    let factors =
        |mesh: Mesh| mesh.parts.first().map(|part| (part.material.metallic, part.material.roughness));
    assert_eq!(factors(read(r#"{ "name": "m" }"#)?), Some((0.0, 1.0)));
    let textured = r#"{ "pbrMetallicRoughness": { "roughnessFactor": 0.5, "metallicRoughnessTexture": { "index": 0 } } }"#;
    assert_eq!(factors(read(textured)?), Some((0.0, 1.0)));
    assert_eq!(factors(read(r#"{ "pbrMetallicRoughness": { "roughnessFactor": 0.5 } }"#)?), Some((1.0, 0.5)));
    assert_eq!(read("{}")?.parts.first().map(|part| part.name.clone()), Some("thing".to_owned()));
    Ok(())
}

#[test]
fn long_names_are_truncated() -> TestResult {
    let name = "é".repeat(1000);
    let mesh = Scene::triangle()
        .with(
            "meshes",
            &format!(r#"[{{ "name": "{name}", "primitives": [{{ "attributes": {{ "POSITION": 0 }}, "material": 0 }}] }}]"#),
        )
        .with("materials", &format!(r#"[{{ "name": "{name}" }}]"#))
        .read()?;
    let part = mesh.parts.first().ok_or("a part")?;
    assert_eq!((&part.name, &part.material.name), (&"é".repeat(128), &"é".repeat(128)));
    Ok(())
}

#[test]
fn primitives_with_the_same_attributes_share_vertices() -> TestResult {
    let primitive = r#"{ "attributes": { "POSITION": 0, "TEXCOORD_0": 1 }, "indices": 2 }"#;
    let meshes = format!(r#"[{{ "primitives": [{primitive}, {primitive}] }}]"#);
    let scene = Scene::triangle()
        .with("meshes", &meshes)
        .with("nodes", r#"[{ "mesh": 0 }, { "mesh": 0, "name": "moved", "translation": [0, 0, 1] }]"#)
        .with("scenes", r#"[{ "nodes": [0, 1] }]"#);
    let mesh = scene.read()?;
    assert_eq!(mesh.faces, [[2, 1, 0], [2, 1, 0], [5, 4, 3], [5, 4, 3]]);
    assert_eq!(mesh.positions.len(), 6);
    let names: Vec<_> = mesh.parts.iter().map(|part| (part.name.as_str(), part.faces.clone())).collect();
    assert_eq!(names, [("", 0..1), ("", 1..2), ("moved", 2..3), ("moved", 3..4)]);
    Ok(())
}

#[test]
fn too_many_instances_of_a_mesh_are_rejected() -> TestResult {
    // A small file whose instances have 33 million triangles in total.
    let indices = 3 * 16_384;
    let mut bytes = Vec::new();
    (0..9_u8).for_each(|i| bytes.extend(f32::from(i % 4).to_le_bytes()));
    bytes.resize(36 + indices, 0);
    let nodes: Vec<serde_json::Value> =
        (0..2048).map(|i| serde_json::json!({ "mesh": 0, "translation": [i, 0, 0] })).collect();
    let scene = serde_json::json!({
        "asset": { "version": "2.0" },
        "nodes": nodes,
        "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 }, "indices": 1 }] }],
        "accessors": [
            { "bufferView": 0, "componentType": 5126, "type": "VEC3", "count": 3 },
            { "bufferView": 1, "componentType": 5121, "type": "SCALAR", "count": indices }
        ],
        "bufferViews": [
            { "buffer": 0, "byteOffset": 0, "byteLength": 36 },
            { "buffer": 0, "byteOffset": 36, "byteLength": indices }
        ],
        "buffers": [{ "byteLength": bytes.len(), "uri": "many.bin" }],
    });
    let folder = Folder::new("instances")?;
    fs::write(folder.path("many.gltf"), scene.to_string())?;
    fs::write(folder.path("many.bin"), bytes)?;
    let error = read_mesh(folder.path("many.gltf")).map_err(|error| chain(&error));
    assert!(error.is_err_and(|error| error.contains("vertices and corners")));
    Ok(())
}

#[test]
fn an_obj_path_must_differ_from_its_texture_and_material() -> TestResult {
    let folder = Folder::new("own-texture")?;
    for name in ["a.png", "a.MTL"] {
        let result = write_obj(folder.path(name), &tetrahedron(), &texture());
        assert!(matches!(result, Err(MeshError::Parameter { .. })), "{name}");
    }
    assert_eq!(fs::read_dir(&folder.0)?.count(), 0);
    Ok(())
}

#[test]
fn failed_writes_leave_no_files() -> TestResult {
    let folder = Folder::new("unwritten")?;
    let without_uvs = Mesh { uvs: None, ..tetrahedron() };
    assert!(matches!(write_glb(folder.path("a.glb"), &without_uvs, &texture()), Err(MeshError::MissingUvs)));
    assert!(matches!(write_obj(folder.path("a.obj"), &without_uvs, &texture()), Err(MeshError::MissingUvs)));
    let line_break = write_obj(folder.path("a\nb.obj"), &tetrahedron(), &texture());
    assert!(matches!(line_break, Err(MeshError::Parameter { .. })));
    // A folder has the texture's name, so one of the three files cannot be renamed to its path.
    fs::create_dir(folder.path("b.png"))?;
    assert!(write_obj(folder.path("b.obj"), &tetrahedron(), &texture()).is_err());
    assert_eq!(fs::read_dir(&folder.0)?.count(), 1);
    Ok(())
}

#[test]
fn formats_are_detected_by_extension_or_content() -> TestResult {
    let folder = Folder::new("formats")?;
    let glb = glb_bytes(&tetrahedron(), &texture())?;
    for name in ["mesh.GLB", "mesh.gltf", "mesh.bin", "mesh"] {
        fs::write(folder.path(name), &glb)?;
        assert_eq!(bits(&read_mesh(folder.path(name))?), bits(&tetrahedron()), "{name}");
    }
    fs::write(folder.path("mesh.bin"), "v 0 0 0\n")?;
    let error = read_mesh(folder.path("mesh.bin")).map_err(|error| chain(&error));
    assert!(error.is_err_and(|e| e.contains("mesh.bin") && e.contains("not a mesh format")));
    Ok(())
}

#[test]
fn errors_give_the_path_of_a_bad_file() -> TestResult {
    let folder = Folder::new("bad")?;
    let nan = "v 0 0 0\nv 1 0 0\nv 0 nan 0\nf 1 2 3\n";
    let point = "v 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\n";
    let garbage: Vec<u8> = (0..4096_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for extension in ["glb", "gltf", "obj", "ply", "stl"] {
        for content in [&b""[..], b"\0", b"\xFF\xFE\xFD", b"glTF", b"ply\n", b"solid", b"{}", &garbage] {
            let path = folder.path(&format!("file.{extension}"));
            fs::write(&path, content)?;
            let error = read_mesh(&path);
            assert!(matches!(error, Err(MeshError::File { path: p, .. }) if p == path), "{extension}");
        }
    }
    let read = |text: &str| read_mesh_from_bytes(text.as_bytes(), MeshFormat::Obj);
    assert!(matches!(read(nan), Err(MeshError::NotFinite { vertex: 2, .. })));
    assert!(matches!(read(point), Err(MeshError::Extent { .. })));
    assert!(matches!(read("v 1 1 1\n"), Err(MeshError::NoFaces)));
    let missing = read_mesh(folder.path("missing.glb"));
    assert!(matches!(missing, Err(MeshError::File { source, .. }) if matches!(*source, MeshError::Io(_))));
    Ok(())
}

#[test]
fn truncated_or_corrupted_glb_files_never_panic() -> TestResult {
    let mesh = Mesh { normals: None, ..tetrahedron() };
    let glb = glb_bytes(&mesh, &RgbImage::new(1, 1))?;
    for length in 0..glb.len() {
        assert!(read_mesh_from_bytes(&glb[..length], MeshFormat::Gltf).is_err(), "{length} bytes");
    }
    for i in 0..glb.len() {
        for value in [0, b'9', b'"', 0xFF] {
            let mut changed = glb.clone();
            changed[i] = value;
            let _ = read_mesh_from_bytes(&changed, MeshFormat::Gltf);
        }
    }
    Ok(())
}

#[test]
fn transforms_are_applied_and_mirroring_keeps_faces_oriented_outward() -> TestResult {
    let triangle = Scene::triangle();
    let scene = triangle.with(
        "nodes",
        r#"[
        { "children": [1], "translation": [0, 0, 5], "rotation": [0, 0, 0.70710678118, 0.70710678118] },
        { "mesh": 0, "scale": [-2, 1, 1] }
    ]"#,
    );
    let mesh = scene.read()?;
    let expected = [Vec3::new(0.0, 0.0, 5.0), Vec3::new(0.0, -2.0, 5.0), Vec3::new(-1.0, 0.0, 5.0)];
    for (position, expected) in mesh.positions.iter().zip(expected) {
        assert!(position.distance(expected) < 1e-6, "{position} {expected}");
    }
    assert_eq!(mesh.faces, [[0, 2, 1]]);
    assert_eq!(mesh.uvs.as_ref().map(|uvs| uvs[2]), Some(Vec2::new(0.0, 0.0)));
    Ok(())
}

#[test]
fn meshes_and_primitives_are_merged_and_points_are_skipped() -> TestResult {
    let primitive = r#"{ "attributes": { "POSITION": 0, "TEXCOORD_0": 1 } }"#;
    let strip = r#"{ "attributes": { "POSITION": 0 }, "indices": 2, "mode": 5 }"#;
    let points = r#"{ "attributes": { "POSITION": 0 }, "mode": 0 }"#;
    let scene = Scene::triangle()
        .with(
            "meshes",
            &format!(r#"[{{ "primitives": [{primitive}, {points}] }}, {{ "primitives": [{strip}] }}]"#),
        )
        .with("nodes", r#"[{ "mesh": 0 }, { "mesh": 1, "matrix": [1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,9,1] }]"#)
        .with("scenes", r#"[{ "nodes": [0, 1] }]"#);
    let mesh = scene.read()?;
    assert_eq!(mesh.faces, [[0, 1, 2], [5, 4, 3]]);
    assert_eq!(mesh.positions[5], Vec3::new(0.0, 1.0, 9.0));
    assert_eq!(mesh.uvs, None);

    let only_points = Scene::triangle().with("meshes", &format!(r#"[{{ "primitives": [{points}] }}]"#));
    assert!(matches!(only_points.read(), Err(MeshError::NoFaces)));
    Ok(())
}

#[test]
fn sparse_and_quantized_accessors_are_read() -> TestResult {
    let sparse = Scene::triangle().with_accessor(
        0,
        r#"{
        "bufferView": 0, "componentType": 5126, "type": "VEC3", "count": 3,
        "sparse": { "count": 1, "indices": { "bufferView": 2, "byteOffset": 1, "componentType": 5121 },
                    "values": { "bufferView": 0, "byteOffset": 12 } }
    }"#,
    );
    // Replaces position 1 (the second index in view 2) with itself (the second position in view 0).
    assert_eq!(sparse.read()?.positions, [Vec3::ZERO, Vec3::X, Vec3::Y]);
    let from_zero = Scene::triangle().with_accessor(
        0,
        r#"{
        "componentType": 5126, "type": "VEC3", "count": 3,
        "sparse": { "count": 2, "indices": { "bufferView": 2, "byteOffset": 0, "componentType": 5121 },
                    "values": { "bufferView": 0, "byteOffset": 12 } }
    }"#,
    );
    // Replaces elements 2 and 1 with the second and the third position.
    assert_eq!(from_zero.read()?.positions, [Vec3::ZERO, Vec3::Y, Vec3::X]);
    let quantized = Scene::triangle()
        .with_accessor(
            0,
            r#"{ "bufferView": 3, "componentType": 5120, "type": "VEC3", "count": 3, "normalized": true }"#,
        )
        .with("extensionsRequired", r#"["KHR_mesh_quantization"]"#);
    assert_eq!(quantized.read()?.positions, [Vec3::ZERO, Vec3::X, Vec3::NEG_Y]);
    Ok(())
}

#[test]
fn external_buffers_are_read() -> TestResult {
    let folder = Folder::new("buffers")?;
    let (json, bytes) = Scene::triangle().with_buffer_uri("a%20buffer.bin");
    fs::write(folder.path("mesh.gltf"), &json)?;
    let missing = read_mesh(folder.path("mesh.gltf")).map_err(|error| chain(&error));
    assert!(missing.is_err_and(|e| e.contains("a buffer.bin")));
    fs::write(folder.path("a buffer.bin"), bytes)?;
    assert_eq!(read_mesh(folder.path("mesh.gltf"))?.positions, [Vec3::ZERO, Vec3::X, Vec3::Y]);
    let alone = read_mesh_from_bytes(json.as_bytes(), MeshFormat::Gltf);
    assert!(matches!(alone, Err(MeshError::Unsupported { .. })));
    Ok(())
}

#[test]
fn compressed_scenes_are_unsupported_and_broken_ones_malformed() {
    for extension in ["KHR_draco_mesh_compression", "EXT_meshopt_compression"] {
        let scene = Scene::triangle().with("extensionsRequired", &format!(r#"["{extension}"]"#));
        let error = scene.read();
        assert!(matches!(error, Err(MeshError::Unsupported { feature, .. }) if feature.contains(extension)));
    }
    let harmless = Scene::triangle().with("extensionsRequired", r#"["KHR_materials_unlit"]"#);
    assert!(harmless.read().is_ok());
    let accessor = |fields: &str| Scene::triangle().with_accessor(0, &format!("{{ {fields} }}"));
    let broken = [
        Scene::triangle().with("nodes", r#"[{ "children": [0], "mesh": 0 }]"#),
        Scene::triangle().with("nodes", r#"[{ "mesh": 7 }]"#),
        Scene::triangle().with("scenes", r#"[{ "nodes": [9] }]"#),
        Scene::triangle().with("bufferViews", "[]"),
        Scene::triangle().with("accessors", "[]"),
        accessor(r#""bufferView": 0, "componentType": 5126, "type": "VEC3", "count": 18446744073709551615"#),
        accessor(r#""bufferView": 0, "componentType": 5126, "type": "VEC3", "count": 4"#),
        accessor(r#""bufferView": 0, "componentType": 5126, "type": "VEC2", "count": 3"#),
        accessor(r#""bufferView": 0, "componentType": 1, "type": "VEC3", "count": 3"#),
        accessor(
            r#""componentType": 5126, "type": "VEC3", "count": 1000000000000, "sparse": { "count": 0,
            "indices": { "bufferView": 2, "componentType": 5121 }, "values": { "bufferView": 0 } }"#,
        ),
    ];
    for (i, scene) in broken.iter().enumerate() {
        assert!(matches!(scene.read(), Err(MeshError::Malformed { .. })), "scene {i}: {:?}", scene.read());
    }
}
