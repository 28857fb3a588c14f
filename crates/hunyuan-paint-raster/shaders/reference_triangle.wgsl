// A triangle by the original's coverage rule.

const DEPTH_STEPS: f32 = 262144.0;

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
