// Adds every reliable pixel of a view to the four texels around its UV. The sums are integers, so that it does not
// matter who comes first.

struct Params {
    pixel_count: u32,
    texture_size: u32,
    weight_bits: u32,
    cosine_min: f32,
    zero: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> depth: array<u32>;
// Six numbers a pixel: UV, view-space normal, view-space z.
@group(0) @binding(2) var<storage, read> attributes: array<f32>;
// Three bytes a pixel.
@group(0) @binding(3) var<storage, read> image: array<u32>;
// For each texel five integers of 64 bits: the weight, and red, green, blue and cosine times weight.
@group(0) @binding(4) var<storage, read_write> sums: array<atomic<u32>>;

fn image_byte(index: u32) -> u32 {
    return (image[index >> 2u] >> ((index & 3u) << 3u)) & 0xffu;
}

// Whether the low word has wrapped is known whoever added to it before.
fn add(place: u32, number: vec2<u32>) {
    let before = atomicAdd(&sums[place], number.x);
    let high = number.y + select(0u, 1u, before + number.x < before);
    if high != 0u {
        atomicAdd(&sums[place + 1u], high);
    }
}

fn add_sample(column: u32, row: u32, weight: u32, color: vec3<u32>, cosine: u32) {
    // A texture of one row or column has no second one.
    if weight == 0u {
        return;
    }
    let place = 10u * (row * params.texture_size + column);
    add(place, vec2<u32>(weight, 0u));
    add(place + 2u, wide_product(weight, color.x));
    add(place + 4u, wide_product(weight, color.y));
    add(place + 6u, wide_product(weight, color.z));
    add(place + 8u, wide_product(weight, cosine));
}

// A fraction of 1 in steps of 1 / one. What is not 0 or 1 does not become it.
fn quantized(fraction: f32, one: u32) -> u32 {
    let steps = u32(rounded(fraction * f32(one)) + 0.5);
    return clamp(steps, select(0u, 1u, fraction > 0.0), one - select(0u, 1u, fraction < 1.0));
}

fn cosine_to_camera(normal: vec3<f32>) -> f32 {
    let xy = rounded(rounded(normal.x * normal.x) + rounded(normal.y * normal.y));
    let length = square_root(rounded(xy + rounded(normal.z * normal.z)));
    return divide(-normal.z, max(length, 1e-8));
}

fn quantized_cosine(cosine: f32) -> u32 {
    if !is_finite_number(cosine) || cosine < params.cosine_min {
        return 0u;
    }
    return min(u32(rounded(cosine * 65535.0) + 0.5), 65535u);
}

@compute @workgroup_size(256)
fn splat(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let pixel = group_of(workgroup, workgroup_count) * 256u + lane;
    if pixel >= params.pixel_count || depth[pixel] == NO_DEPTH {
        return;
    }
    let first = 6u * pixel;
    let uv = vec2<f32>(attributes[first], attributes[first + 1u]);
    if !is_finite_number(uv.x) || !is_finite_number(uv.y) {
        return;
    }
    let texel_scale = f32(params.texture_size - 1u);
    let u = rounded(clamp(uv.x, 0.0, 1.0) * texel_scale);
    let v = rounded(clamp(uv.y, 0.0, 1.0) * texel_scale);
    let last = max(params.texture_size, 2u) - 2u;
    let column = min(u32(u), last);
    let row = min(u32(v), last);
    let one = 1u << params.weight_bits;
    let right = quantized(rounded(u - f32(column)), one);
    let lower = quantized(rounded(v - f32(row)), one);

    let normal = vec3<f32>(attributes[first + 2u], attributes[first + 3u], attributes[first + 4u]);
    let cosine = quantized_cosine(cosine_to_camera(normal));
    let color = vec3<u32>(image_byte(3u * pixel), image_byte(3u * pixel + 1u), image_byte(3u * pixel + 2u));
    add_sample(column, row, (one - right) * (one - lower), color, cosine);
    add_sample(column + 1u, row, right * (one - lower), color, cosine);
    add_sample(column, row + 1u, (one - right) * lower, color, cosine);
    add_sample(column + 1u, row + 1u, right * lower, color, cosine);
}
