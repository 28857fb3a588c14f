// The blend weight of a view at a texel: weight * cosine^exponent.

// Blend weights below this, 2^-60, become 0, because devices may flush even smaller numbers to 0.
const BLEND_WEIGHT_FLOOR: f32 = 8.673617379884035e-19;
// A texel is covered if the sum of its blend weights is greater.
const BLEND_WEIGHT_MIN: f32 = 1e-8;

fn floored_product(a: f32, b: f32) -> f32 {
    let product = no_contract(a * b);
    return select(product, 0.0, product < BLEND_WEIGHT_FLOOR);
}

// Returns base^exponent by squaring. The exponent is at least 1.
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
