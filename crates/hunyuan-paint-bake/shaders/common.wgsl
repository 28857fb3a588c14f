// Constants and functions of several passes. Each pass has a uniform `params` of its own, with the word `zero` that the
// float operations need.
//
// Devices may assume that no float is NaN. So depths and points that may be missing are buffers of words, and NaN is
// tested in integers.

// Depth of a background pixel: the bits of a quiet NaN.
const NO_DEPTH: u32 = 0x7fc00000u;

// First coordinate of a texel that shows no point of the surface.
const NO_POINT: u32 = 0x7fc00000u;

fn is_nan(number: f32) -> bool {
    return (bitcast<u32>(number) & 0x7fffffffu) > 0x7f800000u;
}

fn is_finite_number(number: f32) -> bool {
    return (bitcast<u32>(number) & 0x7f800000u) != 0x7f800000u;
}

// Maps the bits of a float to an integer of the same order, and back.
fn ordered(bits: u32) -> u32 {
    return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

fn unordered(order: u32) -> u32 {
    return select(~order, order & 0x7fffffffu, order >= 0x80000000u);
}

// Returns 0...1 as a byte, rounded towards zero; 0 for NaN. The bits of positive floats are in their order.
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
