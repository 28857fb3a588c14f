// The key of a pixel is one 64-bit word: the depth in the upper half, the face index in the lower
// one.

@group(0) @binding(5) var<storage, read_write> keys: array<atomic<u64>>;

fn offer(pixel_index: u32, depth: u32, face: u32) {
    atomicMin(&keys[pixel_index], (u64(depth) << 32u) | u64(face));
}
