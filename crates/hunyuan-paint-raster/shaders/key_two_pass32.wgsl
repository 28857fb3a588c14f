// The key of a pixel is two 32-bit words: the face index, then the depth. The first pass over the
// faces finds the least depth, the second one the least face index at that depth.

@group(0) @binding(5) var<storage, read_write> keys: array<atomic<u32>>;

fn offer(pixel_index: u32, depth: u32, face: u32) {
    if params.second_pass == 0u {
        atomicMin(&keys[2u * pixel_index + 1u], depth);
    } else if atomicLoad(&keys[2u * pixel_index + 1u]) == depth {
        atomicMin(&keys[2u * pixel_index], face);
    }
}
