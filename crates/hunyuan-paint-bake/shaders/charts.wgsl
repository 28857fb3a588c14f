// Finds the face and the barycentrics of each texel. A texel that touches a chart without having
// its center in it gets the face of a neighbor, and barycentrics extrapolated in the plane of that
// face.

struct Params {
    texture_size: u32,
    zero: u32,
}

// The largest extrapolated barycentric. Beyond it, the texel's distance is so many times the size
// of the face that the extrapolation is meaningless.
const EXTRAPOLATION_MAX: f32 = 64.0;

// Offsets of the neighbors, to the right and down. Those that share a side come first.
const NEIGHBORS = array<vec2<i32>, 8>(
    vec2<i32>(-1, 0),
    vec2<i32>(1, 0),
    vec2<i32>(0, -1),
    vec2<i32>(0, 1),
    vec2<i32>(-1, -1),
    vec2<i32>(1, -1),
    vec2<i32>(-1, 1),
    vec2<i32>(1, 1),
);

@group(0) @binding(0) var<uniform> params: Params;
// The rasterizer's output: one face per texel, three barycentrics per texel.
@group(0) @binding(1) var<storage, read> face_index: array<u32>;
@group(0) @binding(2) var<storage, read> barycentrics: array<f32>;
@group(0) @binding(3) var<storage, read> faces: array<u32>;
@group(0) @binding(4) var<storage, read> uvs: array<vec2<f32>>;
// The same, extended to the texels that touch a chart.
@group(0) @binding(5) var<storage, read_write> chart_face_index: array<u32>;
@group(0) @binding(6) var<storage, read_write> chart_barycentrics: array<f32>;
// The number of texels with a face.
@group(0) @binding(7) var<storage, read_write> texel_count: atomic<u32>;

var<workgroup> count_here: atomic<u32>;

fn barycentrics_of(texel: u32) -> vec3<f32> {
    return vec3<f32>(barycentrics[3u * texel], barycentrics[3u * texel + 1u], barycentrics[3u * texel + 2u]);
}

// Returns the index of the texel at an offset in columns and rows if it has a face, else NO_FACE.
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

// Returns the first neighbor that has a face, in the order of NEIGHBORS, or NO_FACE.
fn first_neighbor(texel: u32) -> u32 {
    // Only a variable can be indexed dynamically.
    var offsets = NEIGHBORS;
    var found = NO_FACE;
    for (var i = 0u; i < 8u && found == NO_FACE; i++) {
        found = neighbor_with_face(texel, offsets[i].x, offsets[i].y);
    }
    return found;
}

// Returns a.x * b.y - a.y * b.x.
fn cross_2(a: vec2<f32>, b: vec2<f32>) -> f32 {
    return no_contract(no_contract(a.x * b.y) - no_contract(a.y * b.x));
}

// Returns the barycentrics of a texel's center with respect to a face's triangle in the texture.
// Returns `otherwise` if that triangle has no area, or is so small that a barycentric exceeds
// EXTRAPOLATION_MAX.
fn extrapolate(face: u32, texel: u32, otherwise: vec3<f32>) -> vec3<f32> {
    let a = uvs[faces[3u * face]];
    let b = uvs[faces[3u * face + 1u]];
    let c = uvs[faces[3u * face + 2u]];
    let size = f32(params.texture_size);
    let center = vec2<f32>(
        divide(f32(texel % params.texture_size) + 0.5, size),
        divide(f32(texel / params.texture_size) + 0.5, size),
    );
    let ab = no_contract_2(b - a);
    let ac = no_contract_2(c - a);
    let ap = no_contract_2(center - a);
    let area = cross_2(ab, ac);
    if (bitcast<u32>(area) & 0x7f800000u) == 0u {
        return otherwise;
    }
    let beta = divide(cross_2(ap, ac), area);
    let gamma = divide(cross_2(ab, ap), area);
    let weights = vec3<f32>(no_contract(no_contract(1.0 - beta) - gamma), beta, gamma);
    return select(otherwise, weights, all(abs(weights) <= vec3<f32>(EXTRAPOLATION_MAX)));
}

@compute @workgroup_size(256)
fn charts(
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
                weights = extrapolate(face, texel, barycentrics_of(neighbor));
            }
        }
        chart_face_index[texel] = face;
        chart_barycentrics[3u * texel] = weights.x;
        chart_barycentrics[3u * texel + 1u] = weights.y;
        chart_barycentrics[3u * texel + 2u] = weights.z;
        if face != NO_FACE {
            atomicAdd(&count_here, 1u);
        }
    }
    workgroupBarrier();
    if lane == 0u && atomicLoad(&count_here) > 0u {
        atomicAdd(&texel_count, atomicLoad(&count_here));
    }
}
