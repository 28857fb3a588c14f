// Dilates a mask along the rows.

struct Params {
    width: u32,
    height: u32,
    radius: u32,
    zero: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> mask: array<u32>;
@group(0) @binding(2) var<storage, read_write> row_dilated: array<u32>;

@compute @workgroup_size(256)
fn dilate_rows(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let pixel = group_of(workgroup, workgroup_count) * 256u + lane;
    if pixel >= params.width * params.height {
        return;
    }
    let column = pixel % params.width;
    let start = pixel - min(params.radius, column);
    let end = pixel + min(params.radius, params.width - 1u - column);
    var found = 0u;
    for (var near = start; near <= end; near++) {
        found |= mask[near];
    }
    row_dilated[pixel] = found;
}
