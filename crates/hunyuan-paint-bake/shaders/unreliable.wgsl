// Masks the pixels that show the background or a depth edge: 1 there, 0 elsewhere.

struct Params {
    pixel_count: u32,
    zero: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> depth: array<u32>;
@group(0) @binding(3) var<storage, read_write> mask: array<u32>;

// Returns whether the root of the pixel's component is a strong candidate.
fn is_edge(pixel: u32) -> bool {
    var label = labels[pixel];
    if label == NO_LABEL {
        return false;
    }
    loop {
        let next = labels[label & INDEX];
        if next == label {
            break;
        }
        label = next;
    }
    return label < WEAK;
}

@compute @workgroup_size(256)
fn unreliable(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let pixel = group_of(workgroup, workgroup_count) * 256u + lane;
    if pixel < params.pixel_count {
        mask[pixel] = select(0u, 1u, depth[pixel] == NO_DEPTH || is_edge(pixel));
    }
}
