// Adds what a view says of each texel to what the others say, unless they have painted more than 99% of what it sees.

struct Params {
    texel_count: u32,
    // The view's place in `counts`.
    view: u32,
    zero: u32,
}

const SEEN_PER_NEW: u32 = 100u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> means: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> counts: array<u32>;
@group(0) @binding(3) var<storage, read_write> totals: array<vec4<f32>>;

@compute @workgroup_size(256)
fn merge(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let texel = group_of(workgroup, workgroup_count) * 256u + lane;
    let seen = counts[2u * params.view];
    let painted = counts[2u * params.view + 1u];
    if texel >= params.texel_count || seen - painted < (seen + SEEN_PER_NEW - 1u) / SEEN_PER_NEW {
        return;
    }
    let mean = means[texel];
    let total = totals[texel];
    totals[texel] = vec4<f32>(
        rounded(total.x + rounded(mean.x * mean.w)),
        rounded(total.y + rounded(mean.y * mean.w)),
        rounded(total.z + rounded(mean.z * mean.w)),
        rounded(total.w + mean.w),
    );
}
