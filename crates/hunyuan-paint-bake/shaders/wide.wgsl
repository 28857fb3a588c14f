// Integers of 64 bits as pairs of words, the low one first.

// A product of at most 26 and 16 bits.
fn wide_product(a: u32, b: u32) -> vec2<u32> {
    let low = (a & 0xffffu) * b;
    let high = (a >> 16u) * b;
    let sum = low + (high << 16u);
    return vec2<u32>(sum, (high >> 16u) + select(0u, 1u, sum < low));
}

// number * (2^bits - 1), for bits from 1 to 31.
fn times_ones(number: vec2<u32>, bits: u32) -> vec2<u32> {
    let shifted = vec2<u32>(number.x << bits, (number.y << bits) | (number.x >> (32u - bits)));
    return shifted - vec2<u32>(number.x, number.y + select(0u, 1u, shifted.x < number.x));
}

// The nearest float, of two the even one.
fn to_float(number: vec2<u32>) -> f32 {
    if number.y == 0u && number.x < 0x1000000u {
        return f32(number.x);
    }
    // The highest bit goes to the top.
    var zeros = countLeadingZeros(number.y);
    var shifted = vec2<u32>(number.x << zeros, (number.y << zeros) | ((number.x >> 1u) >> (31u - zeros)));
    if number.y == 0u {
        zeros = 32u + countLeadingZeros(number.x);
        shifted = vec2<u32>(0u, number.x << (zeros - 32u));
    }
    let mantissa = shifted.y >> 8u;
    let rest = shifted.y & 0xffu;
    let is_odd = (mantissa & 1u) == 1u;
    let rounds_up = rest > 0x80u || (rest == 0x80u && (shifted.x != 0u || is_odd));
    // The mantissa's highest bit adds 1 to the exponent, and so does an overflow.
    return bitcast<f32>(((189u - zeros) << 23u) + mantissa + select(0u, 1u, rounds_up));
}
