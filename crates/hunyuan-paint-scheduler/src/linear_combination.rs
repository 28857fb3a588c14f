//! The arithmetic of samples that schedulers use.

/// A sample that can be scaled, added and clamped: a tensor on any device.
///
/// Every operation must round to the sample's precision. A scheduler's result then equals, bit for
/// bit, that of PyTorch doing the same operations. Schedulers only combine samples of equal shapes.
pub trait LinearCombination: Clone {
    /// Returns the dimensions, outermost first.
    fn shape(&self) -> Vec<usize>;
    /// Returns `self + other`, element by element.
    fn add(&self, other: &Self) -> Self;
    /// Returns `self − other`, element by element.
    fn sub(&self, other: &Self) -> Self;
    /// Returns `self · factor`.
    fn mul_scalar(&self, factor: f32) -> Self;
    /// Returns `self / divisor`.
    fn div_scalar(&self, divisor: f32) -> Self;
    /// Clamps every element to `min..=max`. NaN stays NaN.
    fn clamp(&self, min: f32, max: f32) -> Self;
}

/// A flat sample on the host. Its shape is its length.
impl LinearCombination for Vec<f32> {
    fn shape(&self) -> Vec<usize> {
        vec![self.len()]
    }

    fn add(&self, other: &Self) -> Self {
        self.iter().zip(other).map(|(a, b)| a + b).collect()
    }

    fn sub(&self, other: &Self) -> Self {
        self.iter().zip(other).map(|(a, b)| a - b).collect()
    }

    fn mul_scalar(&self, factor: f32) -> Self {
        self.iter().map(|a| a * factor).collect()
    }

    fn div_scalar(&self, divisor: f32) -> Self {
        self.iter().map(|a| a / divisor).collect()
    }

    fn clamp(&self, min: f32, max: f32) -> Self {
        // `f32::clamp` panics on an empty range.
        let limited = |&a: &f32| {
            if a < min {
                min
            } else if a > max {
                max
            } else {
                a
            }
        };
        self.iter().map(limited).collect()
    }
}

/// A tensor of burn, on its own device. Keep samples in float32: they can reach 4096 standard
/// deviations.
#[cfg(feature = "burn")]
impl<const D: usize> LinearCombination for burn::tensor::Tensor<D> {
    fn shape(&self) -> Vec<usize> {
        self.dims().to_vec()
    }

    fn add(&self, other: &Self) -> Self {
        self.clone().add(other.clone())
    }

    fn sub(&self, other: &Self) -> Self {
        self.clone().sub(other.clone())
    }

    fn mul_scalar(&self, factor: f32) -> Self {
        self.clone().mul_scalar(factor)
    }

    fn div_scalar(&self, divisor: f32) -> Self {
        self.clone().div_scalar(divisor)
    }

    fn clamp(&self, min: f32, max: f32) -> Self {
        self.clone().clamp(min, max)
    }
}
