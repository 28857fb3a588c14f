//! The blend weight of a view at a texel: `weight · cosine^exponent`, with the same bits on every
//! device.

/// A texel is covered if the sum of its blend weights is greater than this.
pub(crate) const BLEND_WEIGHT_MIN: f32 = 1e-8;

/// Blend weights below this, 2^-60, are set to 0. This keeps products away from subnormal numbers,
/// which some devices flush to zero.
const BLEND_WEIGHT_FLOOR: f32 = 8.673_617_4e-19;

/// Returns `base^exponent` by squaring; `exponent` is at least 1. Each product is rounded to single
/// precision, so that the result, unlike that of `powi`, is the same on every device.
#[inline]
pub(crate) fn power(base: f32, exponent: u32) -> f32 {
    let (mut result, mut square, mut bits) = (1.0, base, exponent);
    loop {
        if bits & 1 == 1 {
            result = floored_product(result, square);
        }
        bits >>= 1;
        if bits == 0 {
            return result;
        }
        square = floored_product(square, square);
    }
}

/// Returns the product of two numbers, or 0 if it is below [`BLEND_WEIGHT_FLOOR`].
pub(crate) fn floored_product(a: f32, b: f32) -> f32 {
    let product = a * b;
    if product < BLEND_WEIGHT_FLOOR { 0.0 } else { product }
}

#[cfg(test)]
mod tests {
    use super::power;

    #[test]
    fn power_is_repeated_multiplication() {
        assert_eq!([1, 2, 4, 5].map(|exponent| power(0.5, exponent)), [0.5, 0.25, 0.0625, 0.03125]);
    }

    #[test]
    fn powers_below_the_floor_are_zero() {
        assert_eq!(
            [59, 60, 61, u32::MAX].map(|exponent| power(0.5, exponent) > 0.0),
            [true, true, false, false]
        );
    }
}
