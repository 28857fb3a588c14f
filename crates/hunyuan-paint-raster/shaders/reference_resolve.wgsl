// The barycentrics of a pixel that a face covers, by the original's rule.

struct Resolved {
    barycentrics: vec3<f32>,
    // The bits of the depth, which is not negative. They have the same order as the depth.
    depth: u32,
}

fn resolve_pixel(corners: array<vec4<u32>, 3>, pixel: vec2<u32>) -> Resolved {
    let triangle = triangle_of(corners, pixel);
    let on_image = barycentrics_at(triangle, pixel);
    let w = bitcast<vec3<f32>>(vec3<u32>(corners[0].w, corners[1].w, corners[2].w));
    var in_space = on_image;
    // Orthographic cameras have w = 1.
    if any(w != vec3<f32>(1.0)) {
        in_space = vec3<f32>(divide(on_image.x, w.x), divide(on_image.y, w.y), divide(on_image.z, w.z));
    }
    let scale = divide(1.0, (in_space.x + in_space.y) + in_space.z);
    return Resolved(in_space * scale, bitcast<u32>(max(depth_at(triangle, on_image), 0.0)));
}
