use burn::{
    module::Module,
    nn::{GroupNorm, Linear, LinearConfig},
    tensor::{Device, Tensor},
};
use hunyuan_paint_kernels::{self as kernels, Operation, to_map, to_tokens};

use super::linear::{linear, linear_plus};

/// Multi-head attention (Vaswani et al. 2017). Queries come from one sequence, keys and values from
/// the same or from another one.
#[derive(Module, Debug)]
pub(crate) struct Attention {
    /// The norm before attention over the pixels of a feature map. Transformers have their own
    /// norms.
    group_norm: Option<GroupNorm>,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: usize,
}

/// Keys and values of the tokens that are attended to, `[B, T, C]` each. They can be reused as long
/// as the tokens stay the same.
#[derive(Clone, Debug)]
pub(crate) struct KeyValue {
    key: Tensor<3>,
    value: Tensor<3>,
}

impl Attention {
    /// Creates attention of `channels` in and out, with keys and values from `context_channels`.
    /// Without `qkv_bias`, only the output has a bias.
    pub(crate) fn new(
        channels: usize,
        context_channels: usize,
        heads: usize,
        qkv_bias: bool,
        device: &Device,
    ) -> Self {
        let project = |from| LinearConfig::new(from, channels).with_bias(qkv_bias).init(device);
        Self {
            group_norm: None,
            to_q: project(channels),
            to_k: project(context_channels),
            to_v: project(context_channels),
            to_out: LinearConfig::new(channels, channels).init(device),
            heads,
        }
    }

    /// Returns the width of the tokens that are attended to.
    pub(crate) fn context_channels(&self) -> usize {
        // burn stores linear weights as `[in, out]`.
        self.to_k.weight.lazy_shape()[0]
    }

    /// Computes keys and values of `context [B, T, C']`.
    pub(crate) fn project(&self, context: Tensor<3>) -> KeyValue {
        KeyValue { key: linear(&self.to_k, context.clone()), value: linear(&self.to_v, context) }
    }

    /// Adds to `residual [B, S, C]` the attention of `hidden_states [B, S, C]` to the context. If
    /// the context has a smaller batch, consecutive sequences share one of its sequences.
    pub(crate) fn attend(
        &self,
        hidden_states: Tensor<3>,
        context: &KeyValue,
        residual: Tensor<3>,
    ) -> Tensor<3> {
        let shape = hidden_states.dims();
        let [batch, sequence, channels] = shape;
        let contexts = context.key.dims()[0];
        let query = linear(&self.to_q, hidden_states);
        let query = query.reshape([contexts, batch / contexts * sequence, channels]);
        let KeyValue { key, value } = context.clone();
        let attended = kernels::Attention { query, key, value, heads: self.heads }.run();
        linear_plus(&self.to_out, attended.reshape(shape), residual)
    }

    /// Adds a norm for [`forward_map`](Self::forward_map).
    pub(crate) fn with_group_norm(self, group_norm: GroupNorm) -> Self {
        Self { group_norm: Some(group_norm), ..self }
    }

    /// Adds the normalized attention of every pixel to every pixel: `[B, C, H, W]` →
    /// `[B, C, H, W]`.
    pub(crate) fn forward_map(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = x.dims();
        let normed = match &self.group_norm {
            Some(norm) => kernels::GroupNorm { map: x.clone(), norm, silu: false }.run(),
            None => x.clone(),
        };
        let tokens = to_tokens(normed);
        let context = self.project(tokens.clone());
        to_map(self.attend(tokens, &context, to_tokens(x)), height, width)
    }
}
