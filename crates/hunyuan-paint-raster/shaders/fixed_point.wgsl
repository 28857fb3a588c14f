// The coverage rule in integers: watertight, and bit-identical on every device.
//
// The input floats are decoded from their bits, and the arithmetic is in integers, so that a
// compiler has nothing to round, fuse or reorder. Numbers of 64 bits are pairs of words, the low
// one first. Fractions of 1 have steps of 2^-24.

const SUBPIXELS: i32 = 256;
// 0.49999, half the depth range, in steps of 2^-24.
const DEPTH_SCALE: u32 = 8388440u;
// The largest distance of a vertex from the image's first corner along each axis, in subpixels.
const GUARD_BAND: i32 = 8388607;
const ONE: u32 = 0x1000000u;

// The value of `Total.shift` that marks a triangle without area.
const NOTHING: i32 = 64;

// A sum, set up for dividing parts of it by it.
struct Total {
    // The shift to the right that leaves 24 bits of the sum; negative for a shift to the left.
    shift: i32,
    // 2^47 divided by the shifted sum.
    reciprocal: u32,
}

fn multiply_wide(a: u32, b: u32) -> vec2<u32> {
    let low = (a & 0xffffu) * (b & 0xffffu);
    let middle_a = (a & 0xffffu) * (b >> 16u);
    let middle_b = (a >> 16u) * (b & 0xffffu);
    let middle = (low >> 16u) + (middle_a & 0xffffu) + (middle_b & 0xffffu);
    let high = (a >> 16u) * (b >> 16u) + (middle_a >> 16u) + (middle_b >> 16u) + (middle >> 16u);
    return vec2<u32>((low & 0xffffu) | (middle << 16u), high);
}

fn multiply_wide_signed(a: i32, b: i32) -> vec2<u32> {
    let product = multiply_wide(bitcast<u32>(a), bitcast<u32>(b));
    let correction = select(0u, bitcast<u32>(b), a < 0) + select(0u, bitcast<u32>(a), b < 0);
    return vec2<u32>(product.x, product.y - correction);
}

fn add_wide(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}

fn negate_wide(a: vec2<u32>) -> vec2<u32> {
    return vec2<u32>(~a.x + 1u, ~a.y + select(0u, 1u, a.x == 0u));
}

// Returns the low word of a shift to the right, or to the left if `shift` is negative.
// -32 < shift < 64.
fn shift_right_wide(a: vec2<u32>, shift: i32) -> u32 {
    if shift <= 0 {
        return a.x << u32(-shift);
    }
    if shift >= 32 {
        return a.y >> u32(shift - 32);
    }
    return (a.x >> u32(shift)) | (a.y << u32(32 - shift));
}

// Returns numerator * 2^bits / denominator, rounded down. The operands have at most 24 bits, and
// the result must fit into 32 bits.
fn long_division(numerator: u32, bits: u32, denominator: u32) -> u32 {
    var quotient = numerator / denominator;
    var remainder = numerator - quotient * denominator;
    var left = bits;
    while left > 0u {
        let digit_bits = min(left, 8u);
        remainder <<= digit_bits;
        let digit = remainder / denominator;
        remainder -= digit * denominator;
        quotient = (quotient << digit_bits) | digit;
        left -= digit_bits;
    }
    return quotient;
}

// Returns value * factor * 2^-24, rounded to the nearest integer, halves away from zero.
fn scale(value: i32, factor: u32) -> i32 {
    let product = add_wide(multiply_wide(u32(abs(value)), factor), vec2<u32>(0x800000u, 0u));
    let magnitude = i32((product.x >> 24u) | (product.y << 8u));
    return select(magnitude, -magnitude, value < 0);
}

// Returns 2^47 / divisor, rounded down, for a divisor of 24 bits. The float estimate may be off by
// a few units, which the loops correct until the remainder is from 0 to the divisor. The magnitude
// of the remainder is below 2^31.
fn reciprocal_of(divisor: u32) -> u32 {
    var reciprocal = u32(140737488355328.0 / f32(divisor));
    // The low word of 2^47 is 0.
    var remainder = bitcast<i32>(0u - reciprocal * divisor);
    while remainder < 0 {
        reciprocal -= 1u;
        remainder += i32(divisor);
    }
    while remainder >= i32(divisor) {
        reciprocal += 1u;
        remainder -= i32(divisor);
    }
    return reciprocal;
}

fn total_of(sum: vec2<u32>) -> Total {
    var leading_zeros = countLeadingZeros(sum.y);
    if sum.y == 0u {
        leading_zeros = 32u + countLeadingZeros(sum.x);
    }
    let shift = 40 - i32(leading_zeros);
    return Total(shift, reciprocal_of(shift_right_wide(sum, shift)));
}

// Returns `part` divided by the sum.
fn fraction_of(total: Total, part: vec2<u32>) -> u32 {
    let product = multiply_wide(shift_right_wide(part, total.shift), total.reciprocal);
    return (product.x >> 23u) | (product.y << 9u);
}

// The result of `ratio` where it cannot be represented.
const NO_RATIO: i32 = 0x7fffffff;

// Returns numerator / denominator in steps of 2^-24, rounded to the nearest step, halves away from
// zero. Returns NO_RATIO if the magnitude is 32 or more, or the numerator is not finite. The
// denominator is positive and neither subnormal nor infinite.
fn ratio(numerator_bits: u32, denominator_bits: u32) -> i32 {
    var exponent = i32((numerator_bits >> 23u) & 0xffu);
    var numerator = numerator_bits & 0x7fffffu;
    if exponent == 255 {
        return NO_RATIO;
    }
    if exponent == 0 {
        exponent = 1;
    } else {
        numerator |= 0x800000u;
    }
    let denominator = (denominator_bits & 0x7fffffu) | 0x800000u;
    // One extra bit, for rounding.
    let bits = exponent - i32(denominator_bits >> 23u) + 25;
    if bits < 0 || numerator == 0u {
        return 0;
    }
    if bits > 30 {
        return NO_RATIO;
    }
    var halves: u32;
    if denominator == 0x800000u {
        // Orthographic cameras have w = 1.
        halves = select(numerator << (u32(bits - 23) & 31u), numerator >> (u32(23 - bits) & 31u), bits < 23);
    } else {
        halves = long_division(numerator, u32(bits), denominator);
    }
    if halves >= 0x40000000u {
        return NO_RATIO;
    }
    let magnitude = i32((halves + 1u) >> 1u);
    return select(magnitude, -magnitude, (numerator_bits >> 31u) == 1u);
}

// Returns column and row in subpixels, depth from 0 (near) to 1 (far) in steps of 2^-24, and the
// bits of w; zeros if the vertex cannot be drawn.
fn project_vertex(clip: vec4<u32>) -> vec4<u32> {
    // w must be positive, not subnormal, and finite.
    if clip.w < 0x800000u || clip.w >= 0x7f800000u {
        return vec4<u32>(0u);
    }
    let ndc = vec3<i32>(ratio(clip.x, clip.w), ratio(clip.y, clip.w), ratio(clip.z, clip.w));
    if any(ndc == vec3<i32>(NO_RATIO)) {
        return vec4<u32>(0u);
    }
    let offset = i32(params.half_pixels) * (SUBPIXELS / 2);
    let position = vec2<i32>(
        scale(ndc.x + i32(ONE), params.span.x * 128u),
        scale(ndc.y + i32(ONE), params.span.y * 128u),
    ) + offset;
    if any(abs(position) > vec2<i32>(GUARD_BAND)) {
        return vec4<u32>(0u);
    }
    let depth = scale(ndc.z, DEPTH_SCALE) + i32(ONE / 2u);
    return vec4<u32>(bitcast<vec2<u32>>(position), bitcast<u32>(depth), clip.w);
}

fn is_drawable(corners: array<vec4<u32>, 3>) -> bool {
    return corners[0].w != 0u && corners[1].w != 0u && corners[2].w != 0u;
}

// Returns the first column and row, and the end column and row, of the pixels of the band whose
// centers lie within the bounding box.
fn bounds_of(corners: array<vec4<u32>, 3>) -> vec4<u32> {
    if !is_drawable(corners) {
        return vec4<u32>(0u);
    }
    let a = bitcast<vec2<i32>>(corners[0].xy);
    let b = bitcast<vec2<i32>>(corners[1].xy);
    let c = bitcast<vec2<i32>>(corners[2].xy);
    // A range starts at the first pixel whose center is at or after a position. Shifts round down.
    let first = (min(a, min(b, c)) + 127) >> vec2<u32>(8u);
    let end = (max(a, max(b, c)) + 128) >> vec2<u32>(8u);
    let least = vec2<i32>(0, i32(params.first_row));
    let greatest = vec2<i32>(i32(params.width), i32(params.first_row + params.row_count));
    return vec4<u32>(vec4<i32>(clamp(first, least, greatest), clamp(end, least, greatest)));
}

// Returns whether a side of the triangle's bounding box, including parts off the image, is longer
// than `pixels`.
fn is_longer_than(corners: array<vec4<u32>, 3>, pixels: u32) -> bool {
    let a = bitcast<vec2<i32>>(corners[0].xy);
    let b = bitcast<vec2<i32>>(corners[1].xy);
    let c = bitcast<vec2<i32>>(corners[2].xy);
    let extent = max(a, max(b, c)) - min(a, min(b, c));
    return max(extent.x, extent.y) > i32(pixels) * SUBPIXELS;
}

// Returns the edge function from one corner to another, at a point.
fn edge_at(start: vec2<i32>, end: vec2<i32>, point: vec2<i32>) -> vec2<u32> {
    let along = end - start;
    let to_point = point - start;
    return add_wide(
        multiply_wide_signed(along.x, to_point.y),
        negate_wide(multiply_wide_signed(along.y, to_point.x)),
    );
}

// Returns the edge function in 32 bits. Start, end and point must be at most 127 pixels apart.
fn narrow_edge_at(start: vec2<i32>, end: vec2<i32>, point: vec2<i32>) -> i32 {
    let along = end - start;
    let to_point = point - start;
    return along.x * to_point.y - along.y * to_point.x;
}
