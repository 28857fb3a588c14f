// Pillow's bicubic resize of an RGB image, with the integer weights that the host computes.

struct Params {
    // Pixels per row of the source and of the target.
    source_width: u32,
    target_width: u32,
    // Rows of the target.
    row_count: u32,
    // The first pixel of the image in the source and in the target.
    source_start: u32,
    target_start: u32,
    zero: u32,
}

// Fractional bits of the weights.
const PRECISION_BITS: u32 = 22u;
// 0.5 as a fixed-point number, for rounding.
const HALF: i32 = 2097152;

@group(0) @binding(0) var<uniform> params: Params;
// Three words per target sample: the first source sample, the first weight, and the number of
// weights.
@group(0) @binding(1) var<storage, read> taps: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<i32>;
// A word per pixel, red in the lowest byte.
@group(0) @binding(3) var<storage, read> source_pixels: array<u32>;
@group(0) @binding(4) var<storage, read_write> target_pixels: array<u32>;

// Returns a target pixel: the weighted sum of source pixels `stride` apart in the row or column
// that begins at `start`.
fn resample(sample: u32, start: u32, stride: u32) -> u32 {
    let first_weight = taps[3u * sample + 1u];
    let count = taps[3u * sample + 2u];
    var place = params.source_start + start + taps[3u * sample] * stride;
    var sums = vec3<i32>(HALF);
    for (var i = 0u; i < count; i++) {
        let channels = (vec3<u32>(source_pixels[place]) >> vec3<u32>(0u, 8u, 16u)) & vec3<u32>(0xffu);
        sums += vec3<i32>(channels) * weights[first_weight + i];
        place += stride;
    }
    let bytes = vec3<u32>(clamp(sums >> vec3<u32>(PRECISION_BITS), vec3<i32>(0), vec3<i32>(255)));
    return bytes.x | (bytes.y << 8u) | (bytes.z << 16u);
}
