use burn::{
    module::Module,
    nn::{Linear, LinearConfig},
    tensor::{Device, Tensor, activation::gelu},
};

/// The transformer's feed-forward with a gated GELU (Shazeer 2020, arXiv 2002.05202): four times as
/// wide inside.
#[derive(Module, Debug)]
pub(crate) struct FeedForward {
    /// `net.0.proj` in the checkpoint: value and gate in one.
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

    /// `[B, S, C]` → `[B, S, C]`.
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = self.proj_in.forward(x);
        let inner = x.dims()[2] / 2;
        let value = x.clone().narrow(2, 0, inner);
        let gate = x.narrow(2, inner, inner);
        self.proj_out.forward(value * gelu(gate))
    }
}
