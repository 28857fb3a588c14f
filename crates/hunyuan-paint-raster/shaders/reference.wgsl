// The original's coverage rule, in float32, with every operation rounded correctly (IEEE 754).

const DEPTH_SCALE: f32 = 0.49999;
const NOT_A_NUMBER: u32 = 0x7fc00000u;

fn is_finite(bits: u32) -> bool {
    return (bits & 0x7f800000u) != 0x7f800000u;
}

// Returns x and y in pixels, depth from 0 (near) to 1 (far), and w; NaNs if the vertex cannot be
// drawn. Compilers may assume that floats are finite, so the bits are tested instead.
fn project_vertex(clip_bits: vec4<u32>) -> vec4<u32> {
    let clip = bitcast<vec4<f32>>(clip_bits);
    let finite = is_finite(clip_bits.x) && is_finite(clip_bits.y) && is_finite(clip_bits.z);
    let w_magnitude = clip_bits.w & 0x7fffffffu;
    if !finite || w_magnitude == 0u || w_magnitude > 0x7f800000u {
        return vec4<u32>(NOT_A_NUMBER);
    }
    let offset = f32(params.half_pixels) * 0.5;
    let ndc = vec3<f32>(divide(clip.x, clip.w), divide(clip.y, clip.w), divide(clip.z, clip.w));
    let position = no_contract_2((ndc.xy * 0.5 + 0.5) * vec2<f32>(params.span)) + offset;
    let depth = no_contract(ndc.z * DEPTH_SCALE) + 0.5;
    return vec4<u32>(bitcast<vec2<u32>>(position), bitcast<u32>(depth), clip_bits.w);
}

fn is_drawable(corners: array<vec4<u32>, 3>) -> bool {
    let a = corners[0];
    let b = corners[1];
    let c = corners[2];
    return is_finite(a.x) && is_finite(a.y) && is_finite(b.x) && is_finite(b.y) && is_finite(c.x) && is_finite(c.y);
}

// Returns the pixels along an axis that a bounding box touches, and one more on its far side.
fn pixel_range(least: f32, greatest: f32, pixel_count: u32) -> vec2<u32> {
    let end = u32(clamp(ceil(greatest + 1.0), 0.0, f32(pixel_count)));
    return vec2<u32>(u32(clamp(least, 0.0, f32(end))), end);
}

// Returns the pixels of the band that a face may cover: first column and row, end column and row.
fn bounds_of(corners: array<vec4<u32>, 3>) -> vec4<u32> {
    if !is_drawable(corners) {
        return vec4<u32>(0u);
    }
    let a = bitcast<vec2<f32>>(corners[0].xy);
    let b = bitcast<vec2<f32>>(corners[1].xy);
    let c = bitcast<vec2<f32>>(corners[2].xy);
    let least = min(a, min(b, c));
    let greatest = max(a, max(b, c));
    let columns = pixel_range(least.x, greatest.x, params.width);
    let end_row = params.first_row + params.row_count;
    let rows = pixel_range(least.y, greatest.y, end_row);
    return vec4<u32>(columns.x, max(rows.x, params.first_row), columns.y, rows.y);
}

// Returns whether a side of the triangle's bounding box, including parts off the image, is longer
// than `pixels`.
fn is_longer_than(corners: array<vec4<u32>, 3>, pixels: u32) -> bool {
    let a = bitcast<vec2<f32>>(corners[0].xy);
    let b = bitcast<vec2<f32>>(corners[1].xy);
    let c = bitcast<vec2<f32>>(corners[2].xy);
    let extent = max(a, max(b, c)) - min(a, min(b, c));
    return max(extent.x, extent.y) > f32(pixels);
}
