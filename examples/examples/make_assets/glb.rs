//! Writes a mesh without UVs or texture as binary glTF 2.0.

use glam::Vec3;

/// Returns the content of a `.glb` file: one position and one normal per vertex, and triangles.
pub(crate) fn glb_bytes(positions: &[Vec3], normals: &[Vec3], faces: &[[u32; 3]]) -> Vec<u8> {
    let floats = |vectors: &[Vec3]| -> Vec<u8> {
        vectors.iter().flat_map(|v| v.to_array()).flat_map(f32::to_le_bytes).collect()
    };
    let indices: Vec<u8> = faces.as_flattened().iter().flat_map(|i| i.to_le_bytes()).collect();
    let binary = [floats(positions), floats(normals), indices].concat();

    let (vertex_count, index_count) = (positions.len(), 3 * faces.len());
    let vector_bytes = 12 * vertex_count;
    let (min, max) = positions.iter().fold((Vec3::MAX, Vec3::MIN), |(l, h), &p| (l.min(p), h.max(p)));
    let [min, max] = [min, max].map(|corner| corner.to_array());
    let mut json = format!(
        r#"{{"asset":{{"version":"2.0","generator":"hunyuan-paint make_assets"}},
"scene":0,"scenes":[{{"nodes":[0]}}],"nodes":[{{"mesh":0,"name":"robot"}}],
"meshes":[{{"primitives":[{{"attributes":{{"POSITION":0,"NORMAL":1}},"indices":2}}]}}],
"buffers":[{{"byteLength":{total}}}],
"bufferViews":[
{{"buffer":0,"byteOffset":0,"byteLength":{vector_bytes},"target":34962}},
{{"buffer":0,"byteOffset":{vector_bytes},"byteLength":{vector_bytes},"target":34962}},
{{"buffer":0,"byteOffset":{index_offset},"byteLength":{index_bytes},"target":34963}}],
"accessors":[
{{"bufferView":0,"componentType":5126,"type":"VEC3","count":{vertex_count},"min":{min:?},"max":{max:?}}},
{{"bufferView":1,"componentType":5126,"type":"VEC3","count":{vertex_count}}},
{{"bufferView":2,"componentType":5125,"type":"SCALAR","count":{index_count}}}]}}"#,
        total = binary.len(),
        index_offset = 2 * vector_bytes,
        index_bytes = 4 * index_count,
    )
    .into_bytes();
    json.resize(json.len().next_multiple_of(4), b' ');

    let chunk = |kind: &[u8; 4], bytes: Vec<u8>| [&length(bytes.len()), kind, bytes.as_slice()].concat();
    let chunks = [chunk(b"JSON", json), chunk(b"BIN\0", binary)].concat();
    [b"glTF", &2_u32.to_le_bytes(), &length(12 + chunks.len()), chunks.as_slice()].concat()
}

/// Encodes a number of bytes. The robot is far from 4 GiB.
fn length(bytes: usize) -> [u8; 4] {
    (bytes as u32).to_le_bytes()
}
