// What several stages share. Each stage has a uniform `params` of its own with a word `zero`, as the float operations
// need it.

// The bits of a depth that a pixel has not: they are no number's.
const NO_DEPTH: u32 = 0x7fc00000u;

// The same for a coordinate of a texel that shows nothing.
const NO_POINT: u32 = 0x7fc00000u;

fn is_finite_number(number: f32) -> bool {
    return (bitcast<u32>(number) & 0x7f800000u) != 0x7f800000u;
}

// The bits of a float to an integer of the same order, and back.
fn ordered(bits: u32) -> u32 {
    return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

fn unordered(order: u32) -> u32 {
    return select(~order, order & 0x7fffffffu, order >= 0x80000000u);
}

// 0...1 as a byte, towards zero; what is not a number is 0. The bits of positive floats are in their order.
fn to_byte(number: f32) -> u32 {
    let scaled = rounded(number * 255.0);
    let bits = bitcast<u32>(scaled);
    if bits > 0x7f800000u {
        return 0u;
    }
    if bits >= 0x437f0000u {
        return 255u;
    }
    return u32(scaled);
}
