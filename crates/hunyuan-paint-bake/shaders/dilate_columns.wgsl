// Dilates a mask along the columns and removes the depth of the pixels in it. The remaining depth
// is reliable.

struct Params {
    width: u32,
    height: u32,
    radius: u32,
    zero: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> row_dilated: array<u32>;
@group(0) @binding(2) var<storage, read_write> depth: array<u32>;

@compute @workgroup_size(256)
fn dilate_columns(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let pixel = group_of(workgroup, workgroup_count) * 256u + lane;
    if pixel >= params.width * params.height {
        return;
    }
    let row = pixel / params.width;
    let first = min(params.radius, row);
    let count = first + min(params.radius, params.height - 1u - row) + 1u;
    var near = pixel - first * params.width;
    var found = 0u;
    for (var i = 0u; i < count; i++) {
        found |= row_dilated[near];
        near += params.width;
    }
    if found != 0u {
        depth[pixel] = NO_DEPTH;
    }
}
