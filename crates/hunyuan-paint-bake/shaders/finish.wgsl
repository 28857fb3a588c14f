// The mean color of each texel; and whether it is painted, as 1 or 0.

struct Params {
    texel_count: u32,
    zero: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> totals: array<vec4<f32>>;

@compute @workgroup_size(256)
fn finish(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let texel = group_of(workgroup, workgroup_count) * 256u + lane;
    if texel >= params.texel_count {
        return;
    }
    let total = totals[texel];
    let trust = max(total.w, TRUST_MIN);
    totals[texel] = vec4<f32>(
        divide(total.x, trust),
        divide(total.y, trust),
        divide(total.z, trust),
        select(0.0, 1.0, total.w > TRUST_MIN),
    );
}
