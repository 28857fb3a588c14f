// Constants and functions that several passes share. Each pass declares its own uniform `params`,
// which contains the word `zero` that the float operations need.
//
// Devices may assume that no float is NaN. Therefore depths and points that may be missing are
// stored as words, and NaN is tested with integers.

// Depth of a background pixel: the bits of a quiet NaN.
const NO_DEPTH: u32 = 0x7fc00000u;

// First word of the point of a texel without a face.
const NO_POINT: u32 = 0x7fc00000u;

fn is_nan(number: f32) -> bool {
    return (bitcast<u32>(number) & 0x7fffffffu) > 0x7f800000u;
}

fn is_finite_number(number: f32) -> bool {
    return (bitcast<u32>(number) & 0x7f800000u) != 0x7f800000u;
}

// Maps the bits of a float to an integer with the same order.
fn ordered(bits: u32) -> u32 {
    return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

// The inverse of `ordered`.
fn unordered(order: u32) -> u32 {
    return select(~order, order & 0x7fffffffu, order >= 0x80000000u);
}

// Maps a number from 0 to 1 to a byte, rounded toward zero. Larger numbers give 255; negative
// numbers and NaN give 0. The bits are compared instead of the floats; those of positive floats
// have the same order.
fn to_byte(number: f32) -> u32 {
    let scaled = no_contract(number * 255.0);
    let bits = bitcast<u32>(scaled);
    if bits > 0x7f800000u {
        return 0u;
    }
    if bits >= 0x437f0000u {
        return 255u;
    }
    return u32(scaled);
}
