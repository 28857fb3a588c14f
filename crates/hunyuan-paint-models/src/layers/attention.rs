use burn::{
    module::Module,
    nn::{GroupNorm, Linear, LinearConfig},
    tensor::{Device, Tensor, module::attention, ops::AttentionModuleOptions},
};

/// Beyond this many scores the queries are taken in chunks, so that a backend that materialises
/// them needs at most 256 MiB in single precision.
const MAX_SCORES: usize = 1 << 26;

/// Multi-head attention (Vaswani et al. 2017): queries from one sequence, keys and values from
/// another or the same.
#[derive(Module, Debug)]
pub(crate) struct Attention {
    /// Before attention over the pixels of a feature map; the transformers have their own norms.
    group_norm: Option<GroupNorm>,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: usize,
}

impl Attention {
    /// `channels` in and out, keys and values from `context_channels`; only the output has a bias,
    /// unless `qkv_bias`.
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

    /// `hidden_states [B, S, C]`, `context [B, T, C']` → `[B, S, C]`.
    pub(crate) fn forward(&self, hidden_states: Tensor<3>, context: Tensor<3>) -> Tensor<3> {
        let query = self.split_heads(self.to_q.forward(hidden_states));
        let key = self.split_heads(self.to_k.forward(context.clone()));
        let value = self.split_heads(self.to_v.forward(context));
        let attended = scaled_dot_product_attention(query, key, value, false);
        self.to_out.forward(attended.swap_dims(1, 2).flatten(2, 3))
    }

    /// With a norm for [`forward_map`](Self::forward_map).
    pub(crate) fn with_group_norm(self, group_norm: GroupNorm) -> Self {
        Self { group_norm: Some(group_norm), ..self }
    }

    /// Normalised attention of every pixel to every other, with a residual:
    /// `[B, C, H, W]` → `[B, C, H, W]`.
    pub(crate) fn forward_map(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = x.dims();
        let normed = match &self.group_norm {
            Some(group_norm) => group_norm.forward(x.clone()),
            None => x.clone(),
        };
        let tokens = to_tokens(normed);
        x + to_map(self.forward(tokens.clone(), tokens), height, width)
    }

    /// `[B, S, C]` → `[B, heads, S, C / heads]`.
    fn split_heads(&self, x: Tensor<3>) -> Tensor<4> {
        let [batch, sequence, channels] = x.dims();
        x.reshape([batch, sequence, self.heads, channels / self.heads]).swap_dims(1, 2)
    }
}

/// `[B, C, H, W]` → `[B, H·W, C]`.
pub(crate) fn to_tokens(x: Tensor<4>) -> Tensor<3> {
    x.flatten::<3>(2, 3).swap_dims(1, 2)
}

/// `[B, H·W, C]` → `[B, C, H, W]`.
pub(crate) fn to_map(x: Tensor<3>, height: usize, width: usize) -> Tensor<4> {
    let [batch, _, channels] = x.dims();
    x.swap_dims(1, 2).reshape([batch, channels, height, width])
}

/// `softmax(q·kᵀ / √d)·v` on `[B, heads, S, d]`, with a causal mask if asked.
pub(crate) fn scaled_dot_product_attention(
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
    is_causal: bool,
) -> Tensor<4> {
    let options = AttentionModuleOptions { is_causal, ..Default::default() };
    let [batch, heads, queries, _] = query.dims();
    let keys = key.dims()[2];
    let chunk = (MAX_SCORES / (batch * heads * keys).max(1)).max(1);
    if is_causal || queries <= chunk {
        return attention(query, key, value, None, None, options);
    }
    let chunks = query
        .split(chunk, 2)
        .into_iter()
        .map(|query| attention(query, key.clone(), value.clone(), None, None, options))
        .collect();
    Tensor::cat(chunks, 2)
}
