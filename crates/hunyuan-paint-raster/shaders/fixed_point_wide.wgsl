// A triangle of any size, in integers.

struct Triangle {
    // The pixel at which `start`, `beta` and `gamma` are evaluated.
    origin: vec2<u32>,
    // The edge functions at `origin`, minus 1 where pixel centers on the edge do not belong to the
    // triangle, in steps of 256 and clamped to 2^30. Their signs are right for the 32 by 32 pixels
    // from `origin` on.
    start: vec3<i32>,
    // The changes of the edge functions per pixel, in steps of 256.
    step_x: vec3<i32>,
    step_y: vec3<i32>,
    // The exact edge functions opposite to the second and third corner, at `origin`.
    beta: vec2<u32>,
    gamma: vec2<u32>,
    // Twice the area; a shift of NOTHING marks a triangle without area.
    area: Total,
    // The depth of the first corner, and the differences of the other two to it.
    depth: vec3<i32>,
}

// Returns an edge function with its bias, in steps of 256, clamped to 2^30.
fn start_of(edge: vec2<u32>, step_x: i32, step_y: i32) -> i32 {
    // Rows grow downward: the triangle lies to the right of a left edge and below a top edge.
    let inclusive = step_x > 0 || (step_x == 0 && step_y > 0);
    let biased = add_wide(edge, select(vec2<u32>(0xffffffffu), vec2<u32>(0u), inclusive));
    let steps = bitcast<i32>((biased.x >> 8u) | (biased.y << 24u));
    let high = bitcast<i32>(biased.y);
    if high >= 64 {
        return 0x40000000;
    }
    if high < -64 {
        return -0x40000000;
    }
    return steps;
}

// Sets a triangle up for the 32 by 32 pixels from `origin` on, to the right and below.
fn triangle_of(corners: array<vec4<u32>, 3>, origin: vec2<u32>) -> Triangle {
    let a = bitcast<vec2<i32>>(corners[0].xy);
    var b = bitcast<vec2<i32>>(corners[1].xy);
    var c = bitcast<vec2<i32>>(corners[2].xy);
    var area = edge_at(a, b, c);
    let turned = bitcast<i32>(area.y) < 0;
    if turned {
        area = negate_wide(area);
        let other = b;
        b = c;
        c = other;
    }
    var triangle: Triangle;
    if area.x == 0u && area.y == 0u {
        triangle.area.shift = NOTHING;
        return triangle;
    }
    let point = vec2<i32>(origin) * SUBPIXELS + SUBPIXELS / 2;
    let alpha = edge_at(b, c, point);
    let beta = edge_at(c, a, point);
    let gamma = edge_at(a, b, point);
    triangle.origin = origin;
    triangle.step_x = vec3<i32>(b.y - c.y, c.y - a.y, a.y - b.y);
    triangle.step_y = vec3<i32>(c.x - b.x, a.x - c.x, b.x - a.x);
    triangle.start = vec3<i32>(
        start_of(alpha, triangle.step_x.x, triangle.step_y.x),
        start_of(beta, triangle.step_x.y, triangle.step_y.y),
        start_of(gamma, triangle.step_x.z, triangle.step_y.z),
    );
    triangle.beta = beta;
    triangle.gamma = gamma;
    triangle.area = total_of(area);
    let depth = bitcast<vec3<i32>>(vec3<u32>(corners[0].z, corners[1].z, corners[2].z));
    let rise = vec2<i32>(depth.y - depth.x, depth.z - depth.x);
    triangle.depth = vec3<i32>(depth.x, select(rise, rise.yx, turned));
    return triangle;
}

fn covers_nothing(triangle: Triangle) -> bool {
    return triangle.area.shift == NOTHING;
}

// Returns the edge function `start`, changed by `steps` steps of 256, as a fraction of the area.
fn weight_at(area: Total, start: vec2<u32>, steps: i32) -> u32 {
    let change = vec2<u32>(bitcast<u32>(steps) << 8u, bitcast<u32>(steps >> 24u));
    return fraction_of(area, add_wide(start, change));
}

// Returns the depth in steps of 2^-18, or NO_FRAGMENT. `pixel_index` is the index in the band.
fn fragment_at(triangle: Triangle, pixel: vec2<u32>, pixel_index: u32) -> u32 {
    let offset = vec2<i32>(pixel - triangle.origin);
    let steps = triangle.step_x * offset.x + triangle.step_y * offset.y;
    let edges = triangle.start + steps;
    if (edges.x | edges.y | edges.z) < 0 {
        return NO_FRAGMENT;
    }
    let beta = weight_at(triangle.area, triangle.beta, steps.y);
    let gamma = weight_at(triangle.area, triangle.gamma, steps.z);
    let depth = triangle.depth.x + scale(triangle.depth.y, beta) + scale(triangle.depth.z, gamma);
    if depth < 0 || (params.has_depth_prior != 0u && depth < bitcast<i32>(depth_prior[pixel_index])) {
        return NO_FRAGMENT;
    }
    return u32(depth) >> 6u;
}
