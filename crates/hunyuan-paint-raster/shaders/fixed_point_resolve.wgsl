// The barycentrics of a pixel that a face covers, in integers.

struct Resolved {
    barycentrics: vec3<f32>,
    // Depth in steps of 2^-24.
    depth: u32,
}

fn resolve_pixel(corners: array<vec4<u32>, 3>, pixel: vec2<u32>) -> Resolved {
    let a = bitcast<vec2<i32>>(corners[0].xy);
    let b = bitcast<vec2<i32>>(corners[1].xy);
    let c = bitcast<vec2<i32>>(corners[2].xy);
    let point = vec2<i32>(pixel) * SUBPIXELS + SUBPIXELS / 2;
    var area: vec2<u32>;
    var beta_edge: vec2<u32>;
    var gamma_edge: vec2<u32>;
    if is_longer_than(corners, 127u) {
        area = edge_at(a, b, c);
        beta_edge = edge_at(c, a, point);
        gamma_edge = edge_at(a, b, point);
        if bitcast<i32>(area.y) < 0 {
            area = negate_wide(area);
            beta_edge = negate_wide(beta_edge);
            gamma_edge = negate_wide(gamma_edge);
        }
    } else {
        let narrow_area = narrow_edge_at(a, b, c);
        let sign = select(1, -1, narrow_area < 0);
        area = vec2<u32>(u32(narrow_area * sign), 0u);
        beta_edge = vec2<u32>(u32(narrow_edge_at(c, a, point) * sign), 0u);
        gamma_edge = vec2<u32>(u32(narrow_edge_at(a, b, point) * sign), 0u);
    }
    let total = total_of(area);
    let beta = fraction_of(total, beta_edge);
    let gamma = fraction_of(total, gamma_edge);

    let depths = bitcast<vec3<i32>>(vec3<u32>(corners[0].z, corners[1].z, corners[2].z));
    let depth = depths.x + scale(depths.y - depths.x, beta) + scale(depths.z - depths.x, gamma);

    let w = vec3<u32>(corners[0].w, corners[1].w, corners[2].w);
    let fractions = perspective_correct(w, vec3<u32>(ONE - beta - gamma, beta, gamma));
    // Both the conversion and the product are exact.
    return Resolved(vec3<f32>(fractions) * 0.000000059604644775390625, u32(depth));
}

// Returns the least w divided by another one, in steps of 2^-30.
fn inverse_of(w: u32, nearest: u32) -> u32 {
    let bits = 30 + i32(nearest >> 23u) - i32(w >> 23u);
    if bits < 0 {
        return 0u;
    }
    return long_division((nearest & 0x7fffffu) | 0x800000u, u32(bits), (w & 0x7fffffu) | 0x800000u);
}

// Converts barycentrics on the image to barycentrics in space. Positive floats and their bits have
// the same order.
fn perspective_correct(w: vec3<u32>, on_image: vec3<u32>) -> vec3<u32> {
    let nearest = min(w.x, min(w.y, w.z));
    if all(w == vec3<u32>(nearest)) {
        return on_image;
    }
    let alpha = multiply_wide(on_image.x, inverse_of(w.x, nearest));
    let beta = multiply_wide(on_image.y, inverse_of(w.y, nearest));
    let gamma = multiply_wide(on_image.z, inverse_of(w.z, nearest));
    let sum = add_wide(add_wide(alpha, beta), gamma);
    if sum.x == 0u && sum.y == 0u {
        return on_image;
    }
    let total = total_of(sum);
    let fractions = vec2<u32>(fraction_of(total, beta), fraction_of(total, gamma));
    return vec3<u32>(ONE - fractions.x - fractions.y, fractions);
}
