// What a view's samples say of each texel, and how many texels it sees.

struct Params {
    texel_count: u32,
    weight: f32,
    exponent: u32,
    // The view's place in `counts`.
    view: u32,
    zero: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// See `splat`.
@group(0) @binding(1) var<storage, read> sums: array<vec2<u32>>;
// Color times trust, and trust, of the views before.
@group(0) @binding(2) var<storage, read> totals: array<vec4<f32>>;
// Color and trust of this one.
@group(0) @binding(3) var<storage, read_write> means: array<vec4<f32>>;
// For each view how many texels it sees, and of how many of those the views before have painted.
@group(0) @binding(4) var<storage, read_write> counts: array<atomic<u32>>;

var<workgroup> seen_count: atomic<u32>;
var<workgroup> painted_count: atomic<u32>;

@compute @workgroup_size(256)
fn mean(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let texel = group_of(workgroup, workgroup_count) * 256u + lane;
    if texel < params.texel_count {
        let weight = sums[5u * texel];
        var mean = vec4<f32>(0.0);
        if weight.x != 0u || weight.y != 0u {
            let color_weight = to_float(times_ones(weight, 8u));
            let cosine = divide(to_float(sums[5u * texel + 4u]), to_float(times_ones(weight, 16u)));
            mean = vec4<f32>(
                divide(to_float(sums[5u * texel + 1u]), color_weight),
                divide(to_float(sums[5u * texel + 2u]), color_weight),
                divide(to_float(sums[5u * texel + 3u]), color_weight),
                floored_product(params.weight, power(cosine, params.exponent)),
            );
        }
        means[texel] = mean;
        if mean.w > 0.0 {
            atomicAdd(&seen_count, 1u);
            if totals[texel].w > 0.0 {
                atomicAdd(&painted_count, 1u);
            }
        }
    }
    workgroupBarrier();
    if lane == 0u && atomicLoad(&seen_count) > 0u {
        atomicAdd(&counts[2u * params.view], atomicLoad(&seen_count));
        atomicAdd(&counts[2u * params.view + 1u], atomicLoad(&painted_count));
    }
}
