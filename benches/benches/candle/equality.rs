//! Differences of outputs.

use std::error::Error;

use burn::tensor::Tensor as BurnTensor;
use candle_core::Tensor;

use crate::subjects::values;

/// An output of one implementation, as numbers.
#[derive(Clone)]
pub(crate) struct Output {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Output {
    pub(crate) fn of_burn<const D: usize>(tensor: BurnTensor<D>) -> Result<Self, Box<dyn Error>> {
        let shape = tensor.dims().to_vec();
        Ok(Self { shape, values: tensor.into_data().convert::<f32>().try_into_vec()? })
    }

    pub(crate) fn of_candle(tensor: &Tensor) -> candle_core::Result<Self> {
        Ok(Self { shape: tensor.dims().to_vec(), values: values(tensor)? })
    }

    /// Returns the largest absolute difference, relative to the root mean square of `reference`.
    pub(crate) fn distance(&self, reference: &Self) -> Result<f64, Box<dyn Error>> {
        if self.shape != reference.shape {
            return Err(format!("shapes {:?} and {:?}", self.shape, reference.shape).into());
        }
        let pairs = self.values.iter().zip(&reference.values);
        let largest =
            pairs.map(|(a, b)| f64::from(*a) - f64::from(*b)).fold(0.0, |largest: f64, difference| {
                // `max` would ignore NaN.
                if difference.is_nan() { f64::INFINITY } else { largest.max(difference.abs()) }
            });
        let squares: f64 = reference.values.iter().map(|b| f64::from(*b).powi(2)).sum();
        Ok(largest / (squares / reference.values.len() as f64).sqrt())
    }
}

/// Prints and checks a comparison.
pub(crate) fn check(
    what: &str,
    found: &Output,
    reference: &Output,
    limit: f64,
) -> Result<(), Box<dyn Error>> {
    let distance = found.distance(reference)?;
    println!("| {what} | {distance:.1e} | {limit:.0e} |");
    if distance <= limit {
        return Ok(());
    }
    Err(format!("{what}: a difference of {distance:.3e}, more than {limit:.0e}").into())
}
