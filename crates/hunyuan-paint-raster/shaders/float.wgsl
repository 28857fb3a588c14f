// Float operations to the last bit, as IEEE 754 asks, on devices that fuse, reorder and approximate. The module that
// this is joined to has a uniform `params` with a word `zero`, which only the host knows to be 0.
//
// Subnormal numbers, which devices may take for zero, are beyond this, and so is what is not finite.

// A product or sum that the compiler may not fuse or reorder with others: it cannot know that the word is 0.
fn rounded(number: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(number) ^ params.zero);
}

fn rounded_2(numbers: vec2<f32>) -> vec2<f32> {
    return bitcast<vec2<f32>>(bitcast<vec2<u32>>(numbers) ^ vec2<u32>(params.zero));
}

fn rounded_3(numbers: vec3<f32>) -> vec3<f32> {
    return bitcast<vec3<f32>>(bitcast<vec3<u32>>(numbers) ^ vec3<u32>(params.zero));
}

// The upper 12 bits of the mantissa.
fn upper_half(number: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(number) & 0xfffff000u);
}

// 2^exponent, for an exponent from -126 to 127.
fn power_of_two(exponent: i32) -> f32 {
    return bitcast<f32>(u32(exponent + 127) << 23u);
}

// numerator - quotient * denominator, exactly where the two are close: the product is taken from halves
// (Dekker 1971).
fn remainder_of(numerator: f32, quotient: f32, denominator: f32) -> f32 {
    let product = rounded(quotient * denominator);
    let a = upper_half(quotient);
    let b = upper_half(denominator);
    let a_rest = rounded(quotient - a);
    let b_rest = rounded(denominator - b);
    var lost = rounded(rounded(a * b) - product);
    lost = rounded(lost + rounded(a * b_rest));
    lost = rounded(lost + rounded(a_rest * b));
    lost = rounded(lost + rounded(a_rest * b_rest));
    return rounded(rounded(numerator - product) - lost);
}

// A quotient to the last bit, where GPUs divide less exactly: the mantissas are divided, then what is left of the
// numerator, and if still more than half a step is left, it was the next number.
fn divide(numerator: f32, denominator: f32) -> f32 {
    let bits = vec2<u32>(bitcast<u32>(numerator), bitcast<u32>(denominator));
    let exponents = (bits >> vec2<u32>(23u)) & vec2<u32>(0xffu);
    if any(exponents == vec2<u32>(0u)) || any(exponents == vec2<u32>(255u)) {
        return numerator / denominator;
    }
    let mantissas = bitcast<vec2<f32>>((bits & vec2<u32>(0x7fffffu)) | vec2<u32>(0x3f800000u));
    var quotient = bitcast<u32>(mantissas.x);
    // Cameras without perspective have w = 1.
    if mantissas.y != 1.0 {
        let estimate = rounded(mantissas.x / mantissas.y);
        let correction = rounded(remainder_of(mantissas.x, estimate, mantissas.y) / mantissas.y);
        quotient = bitcast<u32>(rounded(estimate + correction));
        let left = remainder_of(mantissas.x, bitcast<f32>(quotient), mantissas.y);
        // Steps are 2^-24 below 1, and 2^-23 from there on.
        let half_a_step = rounded(mantissas.y * power_of_two(select(-25, -24, quotient >= 0x3f800000u)));
        if left > half_a_step {
            quotient += 1u;
        } else if left < -half_a_step {
            quotient -= 1u;
        }
    }
    let sign = (bits.x ^ bits.y) & 0x80000000u;
    // In two steps, neither of which overflows.
    let exponent = i32(exponents.x) - i32(exponents.y);
    let half = exponent / 2;
    return rounded(bitcast<f32>(quotient | sign) * power_of_two(half)) * power_of_two(exponent - half);
}

// A square root to the last bit: that of the mantissa is corrected by what it leaves, and if still more than half a
// step is left, it was a neighbor. Half a step squared is less than the multiples of 2^-46 that are compared.
fn square_root(number: f32) -> f32 {
    let bits = bitcast<u32>(number);
    let exponent = bits >> 23u;
    // Zero, subnormal, not finite, negative.
    if exponent == 0u || exponent >= 255u {
        return sqrt(number);
    }
    let half = (i32(exponent) - 127) >> 1u;
    // From 1 to 4.
    let mantissa = bitcast<f32>(bits - (u32(2 * half) << 23u));
    let estimate = rounded(sqrt(mantissa));
    let correction = rounded(remainder_of(mantissa, estimate, estimate) / rounded(2.0 * estimate));
    var root = bitcast<u32>(rounded(estimate + correction));
    let left = remainder_of(mantissa, bitcast<f32>(root), bitcast<f32>(root));
    let half_a_step = rounded(bitcast<f32>(root) * power_of_two(-23));
    if left > half_a_step {
        root += 1u;
    } else if left <= -half_a_step {
        root -= 1u;
    }
    return bitcast<f32>(root) * power_of_two(half);
}

// The sum of three numbers in proportion to weights, from left to right.
fn weighted_sum(weights: vec3<f32>, numbers: vec3<f32>) -> f32 {
    let sum = rounded(rounded(weights.x * numbers.x) + rounded(weights.y * numbers.y));
    return rounded(sum + rounded(weights.z * numbers.z));
}
