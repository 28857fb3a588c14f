// Divides the color sums of each texel by its sum of blend weights. The result is a word per texel:
// red in the lowest byte, coverage (255) in the highest. The word is 0 if no view covers the texel.

struct Params {
    texel_count: u32,
    zero: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// Per texel, sums over the views: color times blend weight, and blend weight.
@group(0) @binding(1) var<storage, read> totals: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> texels: array<u32>;

fn byte_of(sum: f32, weight: f32) -> u32 {
    return min(u32(no_contract(divide(sum, weight) + 0.5)), 255u);
}

@compute @workgroup_size(256)
fn normalize_colors(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let texel = group_of(workgroup, workgroup_count) * 256u + lane;
    if texel >= params.texel_count {
        return;
    }
    let total = totals[texel];
    var word = 0u;
    if total.w > BLEND_WEIGHT_MIN {
        word = byte_of(total.x, total.w)
            | (byte_of(total.y, total.w) << 8u)
            | (byte_of(total.z, total.w) << 16u)
            | 0xff000000u;
    }
    texels[texel] = word;
}
