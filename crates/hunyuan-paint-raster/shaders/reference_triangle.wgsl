// A triangle, tested by the original's coverage rule.

const DEPTH_STEPS: f32 = 262144.0;
const TWO_TO_MINUS_30: f32 = 9.313225746154785e-10;

struct Triangle {
    // The first vertex, and the vectors from it to the second and third.
    a: vec2<f32>,
    ab: vec2<f32>,
    ac: vec2<f32>,
    // 0 if the triangle covers nothing.
    inverse_area: f32,
    depth: vec3<f32>,
}

// Sets a triangle up. The fixed-point rule also uses `origin`.
fn triangle_of(corners: array<vec4<u32>, 3>, origin: vec2<u32>) -> Triangle {
    let a = bitcast<vec2<f32>>(corners[0].xy);
    let ab = bitcast<vec2<f32>>(corners[1].xy) - a;
    let ac = bitcast<vec2<f32>>(corners[2].xy) - a;
    let area = no_contract(ac.x * ab.y) - no_contract(ab.x * ac.y);
    var inverse_area = 0.0;
    // The inverse of a smaller area would overflow.
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
    let d = no_contract_2(vec2<f32>(pixel) + 0.5) - triangle.a;
    let beta_area = no_contract(triangle.ac.x * d.y) - no_contract(d.x * triangle.ac.y);
    let gamma_area = no_contract(d.x * triangle.ab.y) - no_contract(triangle.ab.x * d.y);
    let beta = no_contract(beta_area * triangle.inverse_area);
    let gamma = no_contract(gamma_area * triangle.inverse_area);
    return vec3<f32>(remainder(beta, gamma), beta, gamma);
}

// Returns 1 - beta - gamma. The original subtracts in double precision. Here the rounding error of
// each sum is computed and subtracted as well (two-sum by Knuth and Dekker). The results can differ
// only where a weight is below 2^-49 and the result is next to a rounding midpoint.
fn remainder(beta: f32, gamma: f32) -> f32 {
    // In double precision, 1 - beta is a multiple of 2^-53.
    let exact_beta = select(beta, no_contract(no_contract(beta + TWO_TO_MINUS_30) - TWO_TO_MINUS_30), beta < TWO_TO_MINUS_30);
    let sum = no_contract(exact_beta + gamma);
    let from_gamma = no_contract(sum - exact_beta);
    let from_beta = no_contract(sum - from_gamma);
    let sum_lost = no_contract(exact_beta - from_beta) + no_contract(gamma - from_gamma);
    let rest = no_contract(1.0 - sum);
    let rest_lost = no_contract(no_contract(1.0 - rest) - sum);
    return rest + no_contract(rest_lost - sum_lost);
}

// Returns the depth, from 0 (near) to 1 (far).
fn depth_at(triangle: Triangle, weights: vec3<f32>) -> f32 {
    return (no_contract(weights.x * triangle.depth.x) + no_contract(weights.y * triangle.depth.y))
        + no_contract(weights.z * triangle.depth.z);
}

// Returns the depth in steps of 2^-18, or NO_FRAGMENT. `pixel_index` is the index in the band.
fn fragment_at(triangle: Triangle, pixel: vec2<u32>, pixel_index: u32) -> u32 {
    let weights = barycentrics_at(triangle, pixel);
    // Tests for negative numbers and NaN in integers, as compilers may assume that floats are not
    // NaN.
    let bits = bitcast<vec3<u32>>(weights);
    if any((bits > vec3<u32>(0x7f800000u)) & (bits != vec3<u32>(0x80000000u))) {
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
    let is_nan = (bitcast<u32>(steps) & 0x7fffffffu) > 0x7f800000u;
    if is_nan || steps <= -1.0 || steps >= 2147483647.0 {
        return NO_FRAGMENT;
    }
    return u32(max(steps, 0.0));
}
