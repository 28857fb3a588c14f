// Adds the color that a view shows at each texel to the sums of the texel, if the view sees it.

struct Params {
    // Rows of the matrix from canonical space to clip space.
    clip_x: vec4<f32>,
    clip_y: vec4<f32>,
    clip_w: vec4<f32>,
    // The third row of the matrix from canonical space to view space.
    z_view: vec4<f32>,
    // The number of pixels between NDC -1 and 1, along x and y.
    span: vec2<f32>,
    // Pixels of the image per pixel of the view, along x and y.
    image_scale: vec2<f32>,
    // Width and height of the view and of the image, in pixels.
    view_size: vec2<u32>,
    image_size: vec2<u32>,
    // The largest gap along the normal between the texel and the surface in the view, where w is 1.
    tolerance: f32,
    cosine_squared_min: f32,
    weight: f32,
    exponent: u32,
    texel_count: u32,
    zero: u32,
}

// The smallest squared length of a normal. Shorter normals have no reliable direction.
const NORMAL_SQUARED_MIN: f32 = 1e-12;

struct Taps {
    // Four neighboring pixels along an axis, and their weights.
    pixels: vec4<u32>,
    weights: vec4<f32>,
}

@group(0) @binding(0) var<uniform> params: Params;
// Position and normal, six words per texel: the output of `texel_points`.
@group(0) @binding(1) var<storage, read> points: array<u32>;
// The bits of the reliable depth of the view, in view-space z.
@group(0) @binding(2) var<storage, read> depth: array<u32>;
// A word per pixel, red in the lowest byte.
@group(0) @binding(3) var<storage, read> image: array<u32>;
// Per texel, sums over the views: color times blend weight, and blend weight.
@group(0) @binding(4) var<storage, read_write> totals: array<vec4<f32>>;

fn add(a: f32, b: f32) -> f32 {
    return no_contract(a + b);
}

fn multiply(a: f32, b: f32) -> f32 {
    return no_contract(a * b);
}

// Returns the dot product, summed from left to right.
fn dot_3(a: vec3<f32>, b: vec3<f32>) -> f32 {
    return add(add(multiply(a.x, b.x), multiply(a.y, b.y)), multiply(a.z, b.z));
}

// Returns the product of a matrix row and the point (x, y, z, 1).
fn at(row: vec4<f32>, point: vec3<f32>) -> f32 {
    return add(dot_3(row.xyz, point), row.w);
}

// Converts a clip-space coordinate to pixels from the center of the first pixel.
fn place_on_view(clip: f32, w: f32, span: f32) -> f32 {
    return multiply(add(divide(clip, w) * 0.5, 0.5), span);
}

// Returns the four pixels around a coordinate and Keys' cubic weights for them (1981, a = -0.5).
// Pixels outside the image are clamped to its edge.
fn taps_at(coordinate: f32, pixel_count: u32) -> Taps {
    let first = floor(coordinate);
    let t = add(coordinate, -first);
    let last = i32(pixel_count) - 1;
    let pixels = clamp(vec4<i32>(i32(first)) + vec4<i32>(-1, 0, 1, 2), vec4<i32>(0), vec4<i32>(last));
    let weights = vec4<f32>(
        multiply(add(multiply(add(-0.5 * t, 1.0), t), -0.5), t),
        add(multiply(multiply(add(multiply(1.5, t), -2.5), t), t), 1.0),
        multiply(add(multiply(add(multiply(-1.5, t), 2.0), t), 0.5), t),
        multiply(multiply(add(0.5 * t, -0.5), t), t),
    );
    return Taps(vec4<u32>(pixels), weights);
}

// Returns the color of the image at a point of the view, 0 to 255.
fn sample(view_x: f32, view_y: f32) -> vec3<f32> {
    let columns = taps_at(add(multiply(add(view_x, 0.5), params.image_scale.x), -0.5), params.image_size.x);
    let rows = taps_at(add(multiply(add(view_y, 0.5), params.image_scale.y), -0.5), params.image_size.y);
    var sum = vec3<f32>(0.0);
    for (var i = 0u; i < 4u; i++) {
        let start = rows.pixels[i] * params.image_size.x;
        var row_sum = vec3<f32>(0.0);
        for (var j = 0u; j < 4u; j++) {
            let word = image[start + columns.pixels[j]];
            let channels = vec3<f32>((vec3<u32>(word) >> vec3<u32>(0u, 8u, 16u)) & vec3<u32>(0xffu));
            row_sum = no_contract_3(row_sum + no_contract_3(channels * columns.weights[j]));
        }
        sum = no_contract_3(sum + no_contract_3(row_sum * rows.weights[i]));
    }
    return clamp(sum, vec3<f32>(0.0), vec3<f32>(255.0));
}

@compute @workgroup_size(256)
fn gather(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let texel = group_of(workgroup, workgroup_count) * 256u + lane;
    if texel >= params.texel_count || points[6u * texel] == NO_POINT {
        return;
    }
    let place = 6u * texel;
    let position = bitcast<vec3<f32>>(vec3<u32>(points[place], points[place + 1u], points[place + 2u]));
    let normal = bitcast<vec3<f32>>(vec3<u32>(points[place + 3u], points[place + 4u], points[place + 5u]));

    // 1. The cosine of the view angle. Normals in canonical space point inward, so those of visible
    // faces point away from the camera.
    let normal_squared = dot_3(normal, normal);
    let along = -dot_3(params.z_view.xyz, normal);
    if is_nan(normal_squared) || is_nan(along) || normal_squared < NORMAL_SQUARED_MIN || along <= 0.0 {
        return;
    }
    let cosine_squared = divide(multiply(along, along), normal_squared);
    if is_nan(cosine_squared) || cosine_squared < params.cosine_squared_min {
        return;
    }
    let cosine = square_root(cosine_squared);

    // 2. The pixel of the view.
    let w = at(params.clip_w, position);
    if is_nan(w) || w <= 0.0 {
        return;
    }
    let view_x = place_on_view(at(params.clip_x, position), w, params.span.x);
    let view_y = place_on_view(at(params.clip_y, position), w, params.span.y);
    let column = add(view_x, 0.5);
    let row = add(view_y, 0.5);
    let view_size = vec2<f32>(params.view_size);
    if is_nan(column) || is_nan(row) {
        return;
    }
    if column < 0.0 || row < 0.0 || column >= view_size.x || row >= view_size.y {
        return;
    }

    // 3. The visibility: the view must show this point and not one in front of it.
    let seen_bits = depth[u32(row) * params.view_size.x + u32(column)];
    if (seen_bits & 0x7f800000u) == 0x7f800000u {
        return;
    }
    let gap = abs(add(at(params.z_view, position), -bitcast<f32>(seen_bits)));
    let gap_along_normal = multiply(gap, cosine);
    let gap_max = multiply(params.tolerance, w);
    if is_nan(gap_along_normal) || is_nan(gap_max) || gap_along_normal > gap_max {
        return;
    }

    let weight = floored_product(params.weight, power(cosine, params.exponent));
    let total = totals[texel];
    let color = no_contract_3(total.xyz + no_contract_3(sample(view_x, view_y) * weight));
    totals[texel] = vec4<f32>(color, add(total.w, weight));
}
