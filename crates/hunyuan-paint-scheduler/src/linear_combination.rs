//! The arithmetic that a scheduler needs of a sample.

/// Something that can be scaled, added and clamped: a tensor, wherever it lives.
///
/// Every operation rounds to the sample's own precision, one after the other: a scheduler's result is then bit for
/// bit that of PyTorch doing the same operations. Schedulers call these only with equal shapes.
pub trait LinearCombination: Clone {
    /// The dimensions, outermost first.
    fn shape(&self) -> Vec<usize>;
    /// `self + other`, element by element.
    fn add(&self, other: &Self) -> Self;
    /// `self − other`, element by element.
    fn sub(&self, other: &Self) -> Self;
    /// `self · factor`.
    fn mul_scalar(&self, factor: f32) -> Self;
    /// `self / divisor`.
    fn div_scalar(&self, divisor: f32) -> Self;
    /// Every element limited to `min..=max`; a NaN stays one.
    fn clamp(&self, min: f32, max: f32) -> Self;
}

/// A flat sample on the host; its shape is its length.
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
        // Not `f32::clamp`, which panics on an empty range.
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

/// A tensor of burn, on its own device. Keep it in float32: a sample can reach 4096 standard deviations.
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
