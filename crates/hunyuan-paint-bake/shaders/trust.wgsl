// How far a view is to be trusted at a texel.

// Trust below that, 2^-60, is none.
const TRUST_FLOOR: f32 = 8.673617379884035e-19;
// The least sum of trust that counts as painted.
const TRUST_MIN: f32 = 1e-8;

fn floored_product(a: f32, b: f32) -> f32 {
    let product = rounded(a * b);
    return select(product, 0.0, product < TRUST_FLOOR);
}

// base^exponent by squaring; the exponent is at least 1.
fn power(base: f32, exponent: u32) -> f32 {
    var result = 1.0;
    var square = base;
    var bits = exponent;
    loop {
        if (bits & 1u) == 1u {
            result = floored_product(result, square);
        }
        bits >>= 1u;
        if bits == 0u {
            break;
        }
        square = floored_product(square, square);
    }
    return result;
}
