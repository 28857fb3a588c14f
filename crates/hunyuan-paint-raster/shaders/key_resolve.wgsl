// Which face a pixel's finished key names: two words, the face first, then its depth.

@group(0) @binding(5) var<storage, read> keys: array<vec2<u32>>;

fn visible_face(pixel_index: u32) -> u32 {
    return keys[pixel_index].x;
}
