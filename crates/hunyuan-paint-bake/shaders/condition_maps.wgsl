// Colors normals and positions: two images with a word per pixel, red in the lowest byte. The
// background is white.

struct Params {
    pixel_count: u32,
    zero: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> face_index: array<u32>;
// Six floats per pixel: the color of the position (3) and the normal (3).
@group(0) @binding(2) var<storage, read> attributes: array<f32>;
// The normals of all pixels, then the positions of all pixels.
@group(0) @binding(3) var<storage, read_write> maps: array<u32>;

fn normal_byte(number: f32) -> u32 {
    return to_byte(no_contract(number + 1.0) * 0.5);
}

@compute @workgroup_size(256)
fn condition_maps(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let pixel = group_of(workgroup, workgroup_count) * 256u + lane;
    if pixel >= params.pixel_count {
        return;
    }
    if face_index[pixel] == NO_FACE {
        maps[pixel] = 0xffffffu;
        maps[params.pixel_count + pixel] = 0xffffffu;
        return;
    }
    let first = 6u * pixel;
    maps[pixel] = normal_byte(attributes[first + 3u])
        | (normal_byte(attributes[first + 4u]) << 8u)
        | (normal_byte(attributes[first + 5u]) << 16u);
    maps[params.pixel_count + pixel] = to_byte(attributes[first])
        | (to_byte(attributes[first + 1u]) << 8u)
        | (to_byte(attributes[first + 2u]) << 16u);
}
