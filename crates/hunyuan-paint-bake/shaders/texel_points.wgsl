// The point of the surface that each texel shows, and its normal. Texels that touch a chart without having their centre
// in it get the face of that neighbour, and the point of its plane beyond the face.

struct Params {
    texture_size: u32,
    zero: u32,
}

// Where a texel beside a chart would lie on a face that is this many times smaller, the face says nothing.
const EXTRAPOLATION_MAX: f32 = 64.0;

// Numbers of a vertex: UV, position, normal.
const VERTEX_NUMBERS: u32 = 8u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> face_index: array<u32>;
@group(0) @binding(2) var<storage, read> barycentrics: array<f32>;
@group(0) @binding(3) var<storage, read> faces: array<u32>;
@group(0) @binding(4) var<storage, read> vertices: array<f32>;
// Position and normal, six numbers a texel; NO_POINT first where there is none.
@group(0) @binding(5) var<storage, read_write> points: array<f32>;
// How many texels have a point.
@group(0) @binding(6) var<storage, read_write> point_count: atomic<u32>;

var<workgroup> count_here: atomic<u32>;

// The barycentrics of a pixel that shows a face.
fn barycentrics_of(texel: u32) -> vec3<f32> {
    return vec3<f32>(barycentrics[3u * texel], barycentrics[3u * texel + 1u], barycentrics[3u * texel + 2u]);
}

// The texel at some columns to the right and rows down, if it shows a face, else NO_FACE.
fn neighbor_with_face(texel: u32, right: i32, down: i32) -> u32 {
    let size = i32(params.texture_size);
    let column = i32(texel % params.texture_size) + right;
    let row = i32(texel / params.texture_size) + down;
    if column < 0 || row < 0 || column >= size || row >= size {
        return NO_FACE;
    }
    let neighbor = u32(row * size + column);
    return select(neighbor, NO_FACE, face_index[neighbor] == NO_FACE);
}

// The first neighbour that shows a face: those that share a side come first.
fn first_neighbor(texel: u32) -> u32 {
    var found = neighbor_with_face(texel, -1, 0);
    if found == NO_FACE { found = neighbor_with_face(texel, 1, 0); }
    if found == NO_FACE { found = neighbor_with_face(texel, 0, -1); }
    if found == NO_FACE { found = neighbor_with_face(texel, 0, 1); }
    if found == NO_FACE { found = neighbor_with_face(texel, -1, -1); }
    if found == NO_FACE { found = neighbor_with_face(texel, 1, -1); }
    if found == NO_FACE { found = neighbor_with_face(texel, -1, 1); }
    if found == NO_FACE { found = neighbor_with_face(texel, 1, 1); }
    return found;
}

fn corners_of(face: u32) -> vec3<u32> {
    return vec3<u32>(faces[3u * face], faces[3u * face + 1u], faces[3u * face + 2u]) * VERTEX_NUMBERS;
}

// a.x * b.y - a.y * b.x
fn cross_2(a: vec2<f32>, b: vec2<f32>) -> f32 {
    return rounded(rounded(a.x * b.y) - rounded(a.y * b.x));
}

// Barycentrics of a texel's centre in the plane of a face, in the texture; `otherwise` for a face without an area, or
// one that is so small that rounding would decide.
fn extrapolate(corners: vec3<u32>, texel: u32, otherwise: vec3<f32>) -> vec3<f32> {
    let a = vec2<f32>(vertices[corners.x], vertices[corners.x + 1u]);
    let b = vec2<f32>(vertices[corners.y], vertices[corners.y + 1u]);
    let c = vec2<f32>(vertices[corners.z], vertices[corners.z + 1u]);
    let size = f32(params.texture_size);
    let center = vec2<f32>(
        divide(f32(texel % params.texture_size) + 0.5, size),
        divide(f32(texel / params.texture_size) + 0.5, size),
    );
    let ab = rounded_2(b - a);
    let ac = rounded_2(c - a);
    let ap = rounded_2(center - a);
    let area = cross_2(ab, ac);
    if (bitcast<u32>(area) & 0x7f800000u) == 0u {
        return otherwise;
    }
    let beta = divide(cross_2(ap, ac), area);
    let gamma = divide(cross_2(ab, ap), area);
    let weights = vec3<f32>(rounded(rounded(1.0 - beta) - gamma), beta, gamma);
    return select(otherwise, weights, all(abs(weights) <= vec3<f32>(EXTRAPOLATION_MAX)));
}

@compute @workgroup_size(256)
fn texel_points(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let texel = group_of(workgroup, workgroup_count) * 256u + lane;
    if texel < params.texture_size * params.texture_size {
        var face = face_index[texel];
        var weights = barycentrics_of(texel);
        if face == NO_FACE {
            let neighbor = first_neighbor(texel);
            if neighbor != NO_FACE {
                face = face_index[neighbor];
                weights = extrapolate(corners_of(face), texel, barycentrics_of(neighbor));
            }
        }
        if face == NO_FACE {
            points[6u * texel] = bitcast<f32>(NO_POINT ^ params.zero);
        } else {
            let corners = corners_of(face) + 2u;
            for (var i = 0u; i < 6u; i++) {
                let numbers = vec3<f32>(vertices[corners.x + i], vertices[corners.y + i], vertices[corners.z + i]);
                points[6u * texel + i] = weighted_sum(weights, numbers);
            }
            atomicAdd(&count_here, 1u);
        }
    }
    workgroupBarrier();
    if lane == 0u && atomicLoad(&count_here) > 0u {
        atomicAdd(&point_count, atomicLoad(&count_here));
    }
}
