// Float operations to the last bit, as IEEE 754 asks, on devices that fuse, reorder and approximate. The module that
// this is joined to has a uniform `params` with a word `zero`, which only the host knows to be 0.
//
// Subnormal numbers, which devices may take for zero, are beyond this, and so is what is not finite.

// An optimization barrier around a product or sum: the compiler cannot know that the word is 0, so it can neither
// fuse nor reorder the operations on both sides.
fn no_contract(number: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(number) ^ params.zero);
}

fn no_contract_2(numbers: vec2<f32>) -> vec2<f32> {
    return bitcast<vec2<f32>>(bitcast<vec2<u32>>(numbers) ^ vec2<u32>(params.zero));
}

fn no_contract_3(numbers: vec3<f32>) -> vec3<f32> {
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
    let product = no_contract(quotient * denominator);
    let a = upper_half(quotient);
    let b = upper_half(denominator);
    let a_rest = no_contract(quotient - a);
    let b_rest = no_contract(denominator - b);
    var lost = no_contract(no_contract(a * b) - product);
    lost = no_contract(lost + no_contract(a * b_rest));
    lost = no_contract(lost + no_contract(a_rest * b));
    lost = no_contract(lost + no_contract(a_rest * b_rest));
    return no_contract(no_contract(numerator - product) - lost);
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
        let estimate = no_contract(mantissas.x / mantissas.y);
        let correction = no_contract(remainder_of(mantissas.x, estimate, mantissas.y) / mantissas.y);
        quotient = bitcast<u32>(no_contract(estimate + correction));
        let left = remainder_of(mantissas.x, bitcast<f32>(quotient), mantissas.y);
        // Steps are 2^-24 below 1, and 2^-23 from there on.
        let half_a_step = no_contract(mantissas.y * power_of_two(select(-25, -24, quotient >= 0x3f800000u)));
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
    return no_contract(bitcast<f32>(quotient | sign) * power_of_two(half)) * power_of_two(exponent - half);
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
    let estimate = no_contract(sqrt(mantissa));
    let correction = no_contract(remainder_of(mantissa, estimate, estimate) / no_contract(2.0 * estimate));
    var root = bitcast<u32>(no_contract(estimate + correction));
    let left = remainder_of(mantissa, bitcast<f32>(root), bitcast<f32>(root));
    let half_a_step = no_contract(bitcast<f32>(root) * power_of_two(-23));
    if left > half_a_step {
        root += 1u;
    } else if left <= -half_a_step {
        root -= 1u;
    }
    return bitcast<f32>(root) * power_of_two(half);
}

// The sum of three numbers in proportion to weights, from left to right.
fn weighted_sum(weights: vec3<f32>, numbers: vec3<f32>) -> f32 {
    let sum = no_contract(no_contract(weights.x * numbers.x) + no_contract(weights.y * numbers.y));
    return no_contract(sum + no_contract(weights.z * numbers.z));
}
