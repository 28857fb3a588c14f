// Interpolates the position and the normal of the surface at each texel.

struct Params {
    texel_count: u32,
    zero: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// The output of `charts`.
@group(0) @binding(1) var<storage, read> face_index: array<u32>;
@group(0) @binding(2) var<storage, read> barycentrics: array<f32>;
@group(0) @binding(3) var<storage, read> faces: array<u32>;
// Position and normal, six floats per vertex.
@group(0) @binding(4) var<storage, read> vertices: array<f32>;
// Position and normal, six words per texel. The first word is NO_POINT if the texel has no face.
@group(0) @binding(5) var<storage, read_write> points: array<u32>;

@compute @workgroup_size(256)
fn texel_points(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let texel = group_of(workgroup, workgroup_count) * 256u + lane;
    if texel >= params.texel_count {
        return;
    }
    let face = face_index[texel];
    if face == NO_FACE {
        points[6u * texel] = NO_POINT;
        return;
    }
    let weights =
        vec3<f32>(barycentrics[3u * texel], barycentrics[3u * texel + 1u], barycentrics[3u * texel + 2u]);
    let corners = vec3<u32>(faces[3u * face], faces[3u * face + 1u], faces[3u * face + 2u]) * 6u;
    for (var i = 0u; i < 6u; i++) {
        let numbers = vec3<f32>(vertices[corners.x + i], vertices[corners.y + i], vertices[corners.z + i]);
        points[6u * texel + i] = bitcast<u32>(weighted_sum(weights, numbers));
    }
}
