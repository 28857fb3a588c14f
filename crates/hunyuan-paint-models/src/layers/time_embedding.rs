use burn::{
    module::Module,
    nn::{Linear, LinearConfig},
    tensor::{Device, Tensor, activation::silu},
};

use super::linear::linear;

/// Returns `channels` sinusoidal features of a timestep, `[cos .., sin ..]` (Ho et al. 2020, with
/// the halves swapped as in Stable Diffusion). With an odd number of channels, the last one is 0.
///
/// The features are computed on the host with portable functions, and rounded to single precision
/// at the same points as in PyTorch, so they are the same on every device.
pub(crate) fn timestep_features(timestep: f64, channels: usize) -> Vec<f32> {
    let half = channels / 2;
    let timestep = timestep as f32;
    let arguments: Vec<f64> = (0..half)
        .map(|i| {
            let exponent = -(libm::log(10_000.0)) as f32 * i as f32 / half as f32;
            let frequency = libm::exp(f64::from(exponent)) as f32;
            f64::from(timestep * frequency)
        })
        .collect();
    let cosines = arguments.iter().map(|&x| libm::cos(x) as f32);
    let sines = arguments.iter().map(|&x| libm::sin(x) as f32);
    cosines.chain(sines).chain(std::iter::repeat_n(0.0, channels % 2)).collect()
}

/// Two linear layers that map timestep features to the embedding for all residual blocks.
#[derive(Module, Debug)]
pub(crate) struct TimestepEmbedding {
    linear_1: Linear,
    linear_2: Linear,
}

impl TimestepEmbedding {
    pub(crate) fn new(channels: usize, time_channels: usize, device: &Device) -> Self {
        Self {
            linear_1: LinearConfig::new(channels, time_channels).init(device),
            linear_2: LinearConfig::new(time_channels, time_channels).init(device),
        }
    }

    /// `[T, C]` → `[T, E]`, one row for each timestep.
    pub(crate) fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        linear(&self.linear_2, silu(linear(&self.linear_1, features.unsqueeze()))).squeeze_dim(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frequency_is_one() {
        let features = timestep_features(2.0, 8);
        assert_eq!(features.len(), 8);
        assert_eq!(features[0], libm::cos(2.0) as f32);
        assert_eq!(features[4], libm::sin(2.0) as f32);
    }
}
