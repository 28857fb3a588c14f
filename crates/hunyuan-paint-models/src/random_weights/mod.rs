//! Networks with random weights, for measuring speed and memory. They paint noise.

mod checkpoint;
mod folder;

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{DType, Tensor, TensorData},
};
use hunyuan_paint_kernels::arrange_weight;

#[cfg(test)]
pub(crate) use self::folder::write_small_networks;
pub use self::folder::{WeightsFormat, write_random_weights};
use crate::{
    ModelError, Precision,
    parameters::{enter, leave},
};

/// Fills a network with weights that depend on the seed and on their names alone, so they are the
/// same on every device. They are uniform, with a range that keeps the variance of a layer's
/// inputs. Norms and biases have no effect.
pub(crate) fn randomize<M: Module>(network: M, seed: u64, precision: Precision) -> Result<M, ModelError> {
    precision.check(&network)?;
    Ok(network.map(&mut Randomize { seed, dtype: precision.dtype(), path: Vec::new() }))
}

struct Randomize {
    seed: u64,
    dtype: DType,
    path: Vec<String>,
}

impl ModuleMapper for Randomize {
    fn enter_module(&mut self, name: &str, container: &str) {
        enter(&mut self.path, name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        leave(&mut self.path, container);
    }

    fn map_float<const D: usize>(&mut self, weight: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // Reading the weight would initialize it first.
        let (device, shape) = (weight.lazy_device(), weight.lazy_shape());
        let values = Weights::new(self.seed, &self.path, shape.to_vec()).values();
        let data = TensorData::new(values, shape).convert_dtype(self.dtype);
        Param::initialized(weight.id, arrange_weight(Tensor::from_data(data, (&device, self.dtype))))
    }
}

/// A description of one weight, from which its numbers are generated.
struct Weights {
    /// The shape in the module; a file may store the transpose.
    shape: Vec<usize>,
    is_gamma: bool,
    stream: u64,
}

impl Weights {
    fn new(seed: u64, path: &[String], shape: Vec<usize>) -> Self {
        // The FNV-1a hash of the path.
        let stream = path.join(".").bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self { shape, is_gamma: path.last().is_some_and(|name| name == "gamma"), stream }
    }

    fn values(&self) -> Vec<f32> {
        let count = self.shape.iter().product();
        match self.shape[..] {
            [_] => vec![if self.is_gamma { 1.0 } else { 0.0 }; count],
            // Linear layers are `[in, out]`, convolutions `[out, in, height, width]`.
            [inputs, _] => uniform(self.stream, (3.0 / inputs as f32).sqrt(), count),
            [_, ref inputs @ ..] => {
                let inputs: usize = inputs.iter().product();
                uniform(self.stream, (3.0 / inputs as f32).sqrt(), count)
            }
            [] => Vec::new(),
        }
    }
}

/// Generates numbers of −limit…limit (`SplitMix64`, Steele et al. 2014).
fn uniform(mut state: u64, limit: f32, count: usize) -> Vec<f32> {
    let next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let unit = ((bits ^ (bits >> 31)) >> 40) as f32 / (1_u64 << 24) as f32;
        (2.0 * unit - 1.0) * limit
    };
    std::iter::repeat_with(next).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fill_their_range_evenly() {
        let values = uniform(1, 3.0_f32.sqrt(), 10_000);
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let variance = values.iter().map(|x| x * x).sum::<f32>() / values.len() as f32;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
        assert_ne!(values[..4], uniform(2, 3.0_f32.sqrt(), 4));
    }
}
