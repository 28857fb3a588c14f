// Which face a pixel's finished key names: depth above face + 1.

@group(0) @binding(5) var<storage, read> keys: array<u32>;

fn visible_face(pixel_index: u32) -> u32 {
    // Without a face the result wraps to NO_FACE.
    return (keys[pixel_index] & 0x7ffffu) - 1u;
}
