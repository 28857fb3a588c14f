//! A small glTF scene with replaceable fields.

use hunyuan_paint_mesh::{Mesh, MeshError, MeshFormat, read_mesh_from_bytes};
use serde_json::{Value, json};

/// The JSON and the binary data of a scene.
pub(crate) struct Scene {
    json: Value,
    bytes: Vec<u8>,
}

impl Scene {
    /// Returns a scene with one triangle (0,0,0), (1,0,0), (0,1,0). Buffer views: 0 positions; 1
    /// UVs; 2 the bytes 2, 1, 0 as indices; 3 signed bytes for (0,0,0), (1,0,0), (0,−1,0).
    pub(crate) fn triangle() -> Self {
        let floats: [f32; 15] = [0., 0., 0., 1., 0., 0., 0., 1., 0., /* UVs */ 0., 0., 1., 0., 0., 1.];
        let mut bytes: Vec<u8> = floats.iter().flat_map(|x| x.to_le_bytes()).collect();
        bytes.extend([2, 1, 0, 0]);
        bytes.extend([0, 0, 0, 127, 0, 0, 0, 0x81, 0, 0, 0, 0]);
        let json = json!({
            "asset": { "version": "2.0" },
            "scenes": [{ "nodes": [0] }],
            "nodes": [{ "mesh": 0 }],
            "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0, "TEXCOORD_0": 1, "_OWN": 1 } }] }],
            "accessors": [
                { "bufferView": 0, "componentType": 5126, "type": "VEC3", "count": 3 },
                { "bufferView": 1, "componentType": 5126, "type": "VEC2", "count": 3 },
                { "bufferView": 2, "componentType": 5121, "type": "SCALAR", "count": 3 }
            ],
            "bufferViews": [
                { "buffer": 0, "byteOffset": 0, "byteLength": 36 },
                { "buffer": 0, "byteOffset": 36, "byteLength": 24 },
                { "buffer": 0, "byteOffset": 60, "byteLength": 4 },
                { "buffer": 0, "byteOffset": 64, "byteLength": 12 }
            ],
            "buffers": [{ "byteLength": bytes.len() }],
        });
        Self { json, bytes }
    }

    /// Replaces a top-level field.
    pub(crate) fn with(mut self, field: &str, value: &str) -> Self {
        self.json[field] = parsed(value);
        self
    }

    /// Replaces an accessor.
    pub(crate) fn with_accessor(mut self, i: usize, value: &str) -> Self {
        self.json["accessors"][i] = parsed(value);
        self
    }

    /// Returns the JSON of a `.gltf` with an external buffer, and the buffer.
    pub(crate) fn with_buffer_uri(mut self, uri: &str) -> (String, Vec<u8>) {
        self.json["buffers"][0]["uri"] = uri.into();
        (self.json.to_string(), self.bytes)
    }

    /// Encodes the scene as a `.glb` and reads it.
    pub(crate) fn read(&self) -> Result<Mesh, MeshError> {
        let mut json = self.json.to_string().into_bytes();
        json.resize(json.len().next_multiple_of(4), b' ');
        let mut glb = b"glTF\x02\0\0\0".to_vec();
        let total = 12 + 8 + json.len() + 8 + self.bytes.len();
        glb.extend((total as u32).to_le_bytes());
        for (kind, chunk) in [(b"JSON", &json), (b"BIN\0", &self.bytes)] {
            glb.extend((chunk.len() as u32).to_le_bytes());
            glb.extend(kind);
            glb.extend(chunk);
        }
        read_mesh_from_bytes(&glb, MeshFormat::Gltf)
    }
}

fn parsed(value: &str) -> Value {
    let parsed = serde_json::from_str(value);
    assert!(parsed.is_ok(), "{value}");
    parsed.unwrap_or_default()
}
