// The finished keys. Each is two words: the face index, then the depth. A little-endian 64-bit key
// has the same layout.

@group(0) @binding(5) var<storage, read> keys: array<vec2<u32>>;

fn visible_face(pixel_index: u32) -> u32 {
    return keys[pixel_index].x;
}
