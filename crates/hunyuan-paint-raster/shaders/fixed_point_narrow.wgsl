// A triangle whose bounding-box sides are at most 127 pixels, in integers. Its edge functions fit
// into 32 bits.

struct Triangle {
    // The pixel at which `start` is evaluated.
    origin: vec2<u32>,
    // The edge functions at `origin`.
    start: vec3<i32>,
    // 0 for edges whose pixel centers belong to the triangle, else -1.
    bias: vec3<i32>,
    // The changes of the edge functions per pixel.
    step_x: vec3<i32>,
    step_y: vec3<i32>,
    // Twice the area; a shift of NOTHING marks a triangle without area.
    area: Total,
    // The depth of the first corner, and the differences of the other two to it.
    depth: vec3<i32>,
}

// Sets a triangle up for the pixels from `origin` on, which must lie within its bounding box.
fn triangle_of(corners: array<vec4<u32>, 3>, origin: vec2<u32>) -> Triangle {
    let a = bitcast<vec2<i32>>(corners[0].xy);
    let b = bitcast<vec2<i32>>(corners[1].xy);
    let c = bitcast<vec2<i32>>(corners[2].xy);
    let area = narrow_edge_at(a, b, c);
    var triangle: Triangle;
    if area == 0 {
        triangle.area.shift = NOTHING;
        return triangle;
    }
    let sign = select(1, -1, area < 0);
    let point = vec2<i32>(origin) * SUBPIXELS + SUBPIXELS / 2;
    let step_x = vec3<i32>(b.y - c.y, c.y - a.y, a.y - b.y) * sign;
    let step_y = vec3<i32>(c.x - b.x, a.x - c.x, b.x - a.x) * sign;
    triangle.origin = origin;
    triangle.start =
        vec3<i32>(narrow_edge_at(b, c, point), narrow_edge_at(c, a, point), narrow_edge_at(a, b, point)) * sign;
    // Rows grow downward: the triangle lies to the right of a left edge and below a top edge.
    let left = step_x > vec3<i32>(0);
    let top = (step_x == vec3<i32>(0)) & (step_y > vec3<i32>(0));
    triangle.bias = select(vec3<i32>(-1), vec3<i32>(0), left | top);
    triangle.step_x = step_x * SUBPIXELS;
    triangle.step_y = step_y * SUBPIXELS;
    triangle.area = total_of(vec2<u32>(u32(abs(area)), 0u));
    let depth = bitcast<vec3<i32>>(vec3<u32>(corners[0].z, corners[1].z, corners[2].z));
    triangle.depth = vec3<i32>(depth.x, depth.y - depth.x, depth.z - depth.x);
    return triangle;
}

fn covers_nothing(triangle: Triangle) -> bool {
    return triangle.area.shift == NOTHING;
}

// Returns the depth in steps of 2^-18, or NO_FRAGMENT. `pixel_index` is the index in the band.
fn fragment_at(triangle: Triangle, pixel: vec2<u32>, pixel_index: u32) -> u32 {
    let offset = vec2<i32>(pixel - triangle.origin);
    let edges = triangle.start + triangle.step_x * offset.x + triangle.step_y * offset.y;
    let biased = edges + triangle.bias;
    if (biased.x | biased.y | biased.z) < 0 {
        return NO_FRAGMENT;
    }
    let beta = fraction_of(triangle.area, vec2<u32>(u32(edges.y), 0u));
    let gamma = fraction_of(triangle.area, vec2<u32>(u32(edges.z), 0u));
    let depth = triangle.depth.x + scale(triangle.depth.y, beta) + scale(triangle.depth.z, gamma);
    if depth < 0 || (params.has_depth_prior != 0u && depth < bitcast<i32>(depth_prior[pixel_index])) {
        return NO_FRAGMENT;
    }
    return u32(depth) >> 6u;
}
