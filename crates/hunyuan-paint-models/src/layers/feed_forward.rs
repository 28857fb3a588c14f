use burn::{
    module::Module,
    nn::{Linear, LinearConfig},
    tensor::{Device, Tensor},
};

use super::linear::{linear_gated, linear_plus};

/// A transformer's feed-forward layer with a gated GELU (Shazeer 2020, arXiv 2002.05202). The
/// hidden layer is four times as wide.
#[derive(Module, Debug)]
pub(crate) struct FeedForward {
    /// `net.0.proj` in the checkpoint: values and gates.
    proj_in: Linear,
    /// `net.2` in the checkpoint.
    proj_out: Linear,
}

impl FeedForward {
    pub(crate) fn new(channels: usize, device: &Device) -> Self {
        let inner = 4 * channels;
        Self {
            proj_in: LinearConfig::new(channels, 2 * inner).init(device),
            proj_out: LinearConfig::new(inner, channels).init(device),
        }
    }

    /// Adds the layer's output for `x [B, S, C]` to `residual [B, S, C]`.
    pub(crate) fn forward(&self, x: Tensor<3>, residual: Tensor<3>) -> Tensor<3> {
        linear_plus(&self.proj_out, linear_gated(&self.proj_in, x), residual)
    }
}
