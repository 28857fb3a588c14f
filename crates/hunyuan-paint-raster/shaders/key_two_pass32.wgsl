// Two words a pixel: the least face at the least depth, and that depth. The first pass finds the depth.

@group(0) @binding(5) var<storage, read_write> keys: array<atomic<u32>>;

fn offer(pixel_index: u32, depth: u32, face: u32) {
    if params.second_pass == 0u {
        atomicMin(&keys[2u * pixel_index + 1u], depth);
    } else if atomicLoad(&keys[2u * pixel_index + 1u]) == depth {
        atomicMin(&keys[2u * pixel_index], face);
    }
}
