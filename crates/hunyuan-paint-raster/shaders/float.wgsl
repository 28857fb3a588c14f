// Correctly rounded float operations (IEEE 754) on devices that fuse, reorder and approximate. The
// module that includes this file must declare a uniform `params` with a field `zero: u32`, which
// the host sets to 0.
//
// Subnormal numbers, which devices may flush to zero, infinity and NaN are not covered.

// An optimization barrier around a product or sum. The compiler cannot know that `params.zero` is
// 0, so it can neither fuse nor reorder the operations on both sides.
fn no_contract(number: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(number) ^ params.zero);
}

fn no_contract_2(numbers: vec2<f32>) -> vec2<f32> {
    return bitcast<vec2<f32>>(bitcast<vec2<u32>>(numbers) ^ vec2<u32>(params.zero));
}

fn no_contract_3(numbers: vec3<f32>) -> vec3<f32> {
    return bitcast<vec3<f32>>(bitcast<vec3<u32>>(numbers) ^ vec3<u32>(params.zero));
}

// Returns the number with only the upper 12 bits of its mantissa, including the implicit one.
fn upper_half(number: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(number) & 0xfffff000u);
}

// Returns 2^exponent, for an exponent from -126 to 127.
fn power_of_two(exponent: i32) -> f32 {
    return bitcast<f32>(u32(exponent + 127) << 23u);
}

// Returns numerator - quotient * denominator. The result is exact if the two terms are close: the
// rounding error of the product is computed from halves of its factors (Dekker 1971).
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

// Returns the correctly rounded quotient; GPUs divide less exactly. The quotient of the mantissas
// is corrected by the quotient of the remainder. If the remainder is then still more than half a
// step, the result is the neighboring number.
fn divide(numerator: f32, denominator: f32) -> f32 {
    let bits = vec2<u32>(bitcast<u32>(numerator), bitcast<u32>(denominator));
    let exponents = (bits >> vec2<u32>(23u)) & vec2<u32>(0xffu);
    if any(exponents == vec2<u32>(0u)) || any(exponents == vec2<u32>(255u)) {
        return numerator / denominator;
    }
    let mantissas = bitcast<vec2<f32>>((bits & vec2<u32>(0x7fffffu)) | vec2<u32>(0x3f800000u));
    var quotient = bitcast<u32>(mantissas.x);
    // Orthographic cameras have w = 1, which needs no division.
    if mantissas.y != 1.0 {
        let estimate = no_contract(mantissas.x / mantissas.y);
        let correction = no_contract(remainder_of(mantissas.x, estimate, mantissas.y) / mantissas.y);
        quotient = bitcast<u32>(no_contract(estimate + correction));
        let left = remainder_of(mantissas.x, bitcast<f32>(quotient), mantissas.y);
        // The step between floats is 2^-24 below 1, and 2^-23 from 1 on.
        let half_a_step = no_contract(mantissas.y * power_of_two(select(-25, -24, quotient >= 0x3f800000u)));
        if left > half_a_step {
            quotient += 1u;
        } else if left < -half_a_step {
            quotient -= 1u;
        }
    }
    let sign = (bits.x ^ bits.y) & 0x80000000u;
    // The scale factor is split into two, neither of which overflows.
    let exponent = i32(exponents.x) - i32(exponents.y);
    let half = exponent / 2;
    return no_contract(bitcast<f32>(quotient | sign) * power_of_two(half)) * power_of_two(exponent - half);
}

// Returns the correctly rounded square root. The root of the mantissa is corrected by the
// remainder. If the remainder is then still more than half a step, the result is the neighboring
// number. The remainder and the bound are multiples of 2^-46; the square of half a step is smaller
// and is neglected.
fn square_root(number: f32) -> f32 {
    let bits = bitcast<u32>(number);
    let exponent = bits >> 23u;
    // The number is zero, subnormal, not finite or negative.
    if exponent == 0u || exponent >= 255u {
        return sqrt(number);
    }
    let half = (i32(exponent) - 127) >> 1u;
    // From 1 to below 4.
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

// Returns the weighted sum of three numbers, added from left to right.
fn weighted_sum(weights: vec3<f32>, numbers: vec3<f32>) -> f32 {
    let sum = no_contract(no_contract(weights.x * numbers.x) + no_contract(weights.y * numbers.y));
    return no_contract(sum + no_contract(weights.z * numbers.z));
}
