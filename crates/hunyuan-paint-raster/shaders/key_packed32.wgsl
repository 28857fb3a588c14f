// 13 bits of depth above 19 bits of face + 1.

const FAR: u32 = 8191u;

@group(0) @binding(5) var<storage, read_write> keys: array<atomic<u32>>;

// Depth in steps of 2^-18 to the key's steps.
fn key_depth(steps: u32) -> u32 {
    return (min(steps, 262144u) * FAR) >> 18u;
}

fn offer(pixel_index: u32, depth: u32, face: u32) {
    atomicMin(&keys[pixel_index], (depth << 19u) | (face + 1u));
}
