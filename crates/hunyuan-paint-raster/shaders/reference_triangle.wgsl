// A triangle by the original's coverage rule.

const DEPTH_STEPS: f32 = 262144.0;
const TWO_TO_MINUS_30: f32 = 9.313225746154785e-10;

struct Triangle {
    // The first vertex, and from there to the second and third.
    a: vec2<f32>,
    ab: vec2<f32>,
    ac: vec2<f32>,
    // 0 if the triangle covers nothing.
    inverse_area: f32,
    depth: vec3<f32>,
}

// The triangle for the pixels from `origin` on.
fn triangle_of(corners: array<vec4<u32>, 3>, origin: vec2<u32>) -> Triangle {
    let a = bitcast<vec2<f32>>(corners[0].xy);
    let ab = bitcast<vec2<f32>>(corners[1].xy) - a;
    let ac = bitcast<vec2<f32>>(corners[2].xy) - a;
    let area = rounded(ac.x * ab.y) - rounded(ab.x * ac.y);
    var inverse_area = 0.0;
    // The inverse of less would overflow.
    if abs(area) > 2.9387359e-39 {
        inverse_area = divide(1.0, area);
    }
    let depth = bitcast<vec3<f32>>(vec3<u32>(corners[0].z, corners[1].z, corners[2].z));
    return Triangle(a, ab, ac, inverse_area, depth);
}

fn covers_nothing(triangle: Triangle) -> bool {
    return triangle.inverse_area == 0.0;
}

fn barycentrics_at(triangle: Triangle, pixel: vec2<u32>) -> vec3<f32> {
    let d = rounded_2(vec2<f32>(pixel) + 0.5) - triangle.a;
    let beta_area = rounded(triangle.ac.x * d.y) - rounded(d.x * triangle.ac.y);
    let gamma_area = rounded(d.x * triangle.ab.y) - rounded(triangle.ab.x * d.y);
    let beta = rounded(beta_area * triangle.inverse_area);
    let gamma = rounded(gamma_area * triangle.inverse_area);
    return vec3<f32>(remainder(beta, gamma), beta, gamma);
}

// What two barycentrics leave of 1. The original subtracts in double precision; here what rounding takes from each sum
// is subtracted as well (Knuth's and Dekker's two-sum). Only beside a midpoint may a weight below 2^-49 be missed.
fn remainder(beta: f32, gamma: f32) -> f32 {
    // In double precision 1 - beta is a multiple of 2^-53.
    let exact_beta = select(beta, rounded(rounded(beta + TWO_TO_MINUS_30) - TWO_TO_MINUS_30), beta < TWO_TO_MINUS_30);
    let sum = rounded(exact_beta + gamma);
    let from_gamma = rounded(sum - exact_beta);
    let from_beta = rounded(sum - from_gamma);
    let sum_lost = rounded(exact_beta - from_beta) + rounded(gamma - from_gamma);
    let rest = rounded(1.0 - sum);
    let rest_lost = rounded(rounded(1.0 - rest) - sum);
    return rest + rounded(rest_lost - sum_lost);
}

// From 0 (near) to 1 (far).
fn depth_at(triangle: Triangle, weights: vec3<f32>) -> f32 {
    return (rounded(weights.x * triangle.depth.x) + rounded(weights.y * triangle.depth.y))
        + rounded(weights.z * triangle.depth.z);
}

// Depth in steps of 2^-18, or NO_FRAGMENT. `pixel_index` counts within the band.
fn fragment_at(triangle: Triangle, pixel: vec2<u32>, pixel_index: u32) -> u32 {
    let weights = barycentrics_at(triangle, pixel);
    if !all(weights >= vec3<f32>(0.0)) {
        return NO_FRAGMENT;
    }
    let depth = depth_at(triangle, weights);
    var least_depth = 0.0;
    if params.has_depth_prior != 0u {
        least_depth = bitcast<f32>(depth_prior[pixel_index]);
    }
    if depth < least_depth {
        return NO_FRAGMENT;
    }
    let steps = depth * DEPTH_STEPS;
    if !(steps > -1.0 && steps < 2147483647.0) {
        return NO_FRAGMENT;
    }
    return u32(max(steps, 0.0));
}
