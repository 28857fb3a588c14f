// The original's coverage rule, in float32.

const DEPTH_SCALE: f32 = 0.49999;
const DEPTH_STEPS: f32 = 262144.0;
const NOT_A_NUMBER: u32 = 0x7fc00000u;

struct Triangle {
    // The first vertex, and from there to the second and third.
    a: vec2<f32>,
    ab: vec2<f32>,
    ac: vec2<f32>,
    // 0 if the triangle covers nothing.
    inverse_area: f32,
    depth: vec3<f32>,
}

fn is_finite(bits: u32) -> bool {
    return (bits & 0x7f800000u) != 0x7f800000u;
}

// x and y in pixels, depth from 0 (near) to 1 (far), w. A compiler may take it that no float is infinite, so
// the bits are asked instead.
fn project_vertex(clip_bits: vec4<u32>) -> vec4<u32> {
    let clip = bitcast<vec4<f32>>(clip_bits);
    let finite = is_finite(clip_bits.x) && is_finite(clip_bits.y) && is_finite(clip_bits.z);
    let w_magnitude = clip_bits.w & 0x7fffffffu;
    if !finite || w_magnitude == 0u || w_magnitude > 0x7f800000u {
        return vec4<u32>(NOT_A_NUMBER);
    }
    let offset = f32(params.half_pixels) * 0.5;
    let position = (clip.xy / clip.w * 0.5 + 0.5) * vec2<f32>(params.span) + offset;
    let depth = clip.z / clip.w * DEPTH_SCALE + 0.5;
    return vec4<u32>(bitcast<vec2<u32>>(position), bitcast<u32>(depth), clip_bits.w);
}

fn is_drawable(corners: array<vec4<u32>, 3>) -> bool {
    let a = corners[0];
    let b = corners[1];
    let c = corners[2];
    return is_finite(a.x) && is_finite(a.y) && is_finite(b.x) && is_finite(b.y) && is_finite(c.x) && is_finite(c.y);
}

// The pixels along an axis that a bounding box touches, and one more on its far side.
fn pixel_range(least: f32, greatest: f32, pixel_count: u32) -> vec2<u32> {
    let end = u32(clamp(ceil(greatest + 1.0), 0.0, f32(pixel_count)));
    return vec2<u32>(u32(clamp(least, 0.0, f32(end))), end);
}

// First column and row, end column and row.
fn bounds_of(corners: array<vec4<u32>, 3>) -> vec4<u32> {
    if !is_drawable(corners) {
        return vec4<u32>(0u);
    }
    let a = bitcast<vec2<f32>>(corners[0].xy);
    let b = bitcast<vec2<f32>>(corners[1].xy);
    let c = bitcast<vec2<f32>>(corners[2].xy);
    let least = min(a, min(b, c));
    let greatest = max(a, max(b, c));
    let columns = pixel_range(least.x, greatest.x, params.width);
    let end_row = params.first_row + params.row_count;
    let rows = pixel_range(least.y, greatest.y, end_row);
    return vec4<u32>(columns.x, max(rows.x, params.first_row), columns.y, rows.y);
}

// Whether the triangle's bounding box is longer than `pixels`, on the image or off.
fn is_longer_than(corners: array<vec4<u32>, 3>, pixels: u32) -> bool {
    let a = bitcast<vec2<f32>>(corners[0].xy);
    let b = bitcast<vec2<f32>>(corners[1].xy);
    let c = bitcast<vec2<f32>>(corners[2].xy);
    let extent = max(a, max(b, c)) - min(a, min(b, c));
    return max(extent.x, extent.y) > f32(pixels);
}

// The triangle for the pixels from `origin` on.
fn triangle_of(corners: array<vec4<u32>, 3>, origin: vec2<u32>) -> Triangle {
    let a = bitcast<vec2<f32>>(corners[0].xy);
    let ab = bitcast<vec2<f32>>(corners[1].xy) - a;
    let ac = bitcast<vec2<f32>>(corners[2].xy) - a;
    let area = ac.x * ab.y - ab.x * ac.y;
    var inverse_area = 0.0;
    // The inverse of less would overflow.
    if abs(area) > 2.9387359e-39 {
        inverse_area = 1.0 / area;
    }
    let depth = bitcast<vec3<f32>>(vec3<u32>(corners[0].z, corners[1].z, corners[2].z));
    return Triangle(a, ab, ac, inverse_area, depth);
}

fn covers_nothing(triangle: Triangle) -> bool {
    return triangle.inverse_area == 0.0;
}

fn barycentrics_at(triangle: Triangle, pixel: vec2<u32>) -> vec3<f32> {
    let d = vec2<f32>(pixel) + 0.5 - triangle.a;
    let beta = (triangle.ac.x * d.y - d.x * triangle.ac.y) * triangle.inverse_area;
    let gamma = (d.x * triangle.ab.y - triangle.ab.x * d.y) * triangle.inverse_area;
    // The original subtracts in double precision: here what rounding took from the sum is subtracted as well
    // (Knuth's two-sum), so that the sign of alpha is right.
    let sum = beta + gamma;
    let from_gamma = sum - beta;
    let lost = (beta - (sum - from_gamma)) + (gamma - from_gamma);
    return vec3<f32>((1.0 - sum) - lost, beta, gamma);
}

// Depth in steps of 2^-18, or NO_FRAGMENT. `pixel_index` counts within the band.
fn fragment_at(triangle: Triangle, pixel: vec2<u32>, pixel_index: u32) -> u32 {
    let weights = barycentrics_at(triangle, pixel);
    if !all(weights >= vec3<f32>(0.0)) {
        return NO_FRAGMENT;
    }
    let depth = weights.x * triangle.depth.x + weights.y * triangle.depth.y + weights.z * triangle.depth.z;
    if params.has_depth_prior != 0u && depth < bitcast<f32>(depth_prior[pixel_index]) {
        return NO_FRAGMENT;
    }
    let steps = depth * DEPTH_STEPS;
    if !(steps > -1.0 && steps < 2147483647.0) {
        return NO_FRAGMENT;
    }
    return u32(max(steps, 0.0));
}
