// Converts an image from three bytes per pixel to a word per pixel, red in the lowest byte.

struct Params {
    pixel_count: u32,
    zero: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> packed: array<u32>;
@group(0) @binding(2) var<storage, read_write> pixels: array<u32>;

@compute @workgroup_size(256)
fn unpack(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let pixel = group_of(workgroup, workgroup_count) * 256u + lane;
    if pixel >= params.pixel_count {
        return;
    }
    let first = 3u * pixel;
    let word = first >> 2u;
    let shift = (first & 3u) << 3u;
    var bits = packed[word] >> shift;
    if shift > 8u {
        bits |= packed[word + 1u] << (32u - shift);
    }
    pixels[pixel] = bits & 0xffffffu;
}
