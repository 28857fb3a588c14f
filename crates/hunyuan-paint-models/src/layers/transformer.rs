use std::slice;

use burn::{
    module::Module,
    nn::{
        GroupNorm, GroupNormConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{Device, Tensor},
};
use hunyuan_paint_kernels::{self as kernels, Operation, is_channels_last, to_map, to_tokens};

use super::{
    attention::{Attention, KeyValue},
    conv::conv1x1,
    feed_forward::FeedForward,
    linear::{linear, linear_plus},
};

/// What the blocks' norms add to the variance.
const NORM_EPSILON: f64 = 1e-5;

/// The sizes of a [`Transformer2DModel`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transformer2DModelConfig {
    pub(crate) channels: usize,
    pub(crate) heads: usize,
    pub(crate) layers: usize,
    pub(crate) cross_attention_dim: usize,
    pub(crate) groups: usize,
    pub(crate) use_linear_projection: bool,
    /// Whether the blocks have the reference and multiview attention of the 2.5-D UNet.
    pub(crate) cross_view: bool,
}

/// What the blocks of one forward pass take beside the map, each the next of its kind.
pub(crate) struct BlockInputs<'a> {
    /// What each residual block adds to its channels at this time, `[B, C]` or `[1, C]`.
    pub(crate) time_shifts: slice::Iter<'a, Tensor<2>>,
    /// What each transformer block sees of the text.
    pub(crate) text: slice::Iter<'a, KeyValue>,
    /// What they exchange with other views and with the reference images.
    pub(crate) cross_view: CrossView<'a>,
}

/// How a block takes part in the exchange between views and reference images.
pub(crate) enum CrossView<'a> {
    /// Not at all.
    Off,
    /// The reference pass: every block stores its normalized input `[B, S, C]`.
    Store(&'a mut Vec<Tensor<3>>),
    /// The main pass: every block attends to what its counterpart stored, and to all views.
    Attend {
        /// Views of one object, consecutive in the batch.
        num_views: usize,
        /// What the blocks still to come see of what their counterparts stored, `[1, T, C]`.
        reference: slice::Iter<'a, KeyValue>,
        /// For each object in the batch: does it see the reference (`ref_scale` 1) or not (0)?
        sees_reference: &'a [bool],
    },
}

/// One transformer block: self-attention, the 2.5-D UNet's attention to the reference and to all
/// views, cross-attention to the text, feed-forward; each with a residual.
#[derive(Module, Debug)]
pub(crate) struct BasicTransformerBlock {
    norm1: LayerNorm,
    attn1: Attention,
    attn_refview: Option<Attention>,
    attn_multiview: Option<Attention>,
    norm2: LayerNorm,
    attn2: Attention,
    norm3: LayerNorm,
    ff: FeedForward,
}

impl BasicTransformerBlock {
    fn new(config: &Transformer2DModelConfig, device: &Device) -> Self {
        let Transformer2DModelConfig { channels, heads, cross_attention_dim, cross_view, .. } = *config;
        let norm = || LayerNormConfig::new(channels).with_epsilon(NORM_EPSILON).init(device);
        let attention_to = |context| Attention::new(channels, context, heads, false, device);
        Self {
            norm1: norm(),
            attn1: attention_to(channels),
            attn_refview: cross_view.then(|| attention_to(channels)),
            attn_multiview: cross_view.then(|| attention_to(channels)),
            norm2: norm(),
            attn2: attention_to(cross_attention_dim),
            norm3: norm(),
            ff: FeedForward::new(channels, device),
        }
    }

    /// What it sees of the text `[B, T, C']`.
    pub(crate) fn project_text(&self, text: Tensor<3>) -> KeyValue {
        self.attn2.project(text)
    }

    /// What it sees of a counterpart's tokens `[1, T, C]`, if it looks at them.
    pub(crate) fn project_reference(&self, tokens: Tensor<3>) -> Option<KeyValue> {
        Some(self.attn_refview.as_ref()?.project(tokens))
    }

    /// `[B, S, C]` → `[B, S, C]`.
    fn forward(&self, x: Tensor<3>, inputs: &mut BlockInputs<'_>) -> Tensor<3> {
        // 1. self-attention, and beside it, from the same normalized input, the exchange with the
        //    reference and the other views
        let h = layer_norm(&self.norm1, x.clone());
        let mut x = self.attn1.attend(h.clone(), &self.attn1.project(h.clone()), x);
        match &mut inputs.cross_view {
            CrossView::Off => {}
            CrossView::Store(stored) => stored.push(h),
            CrossView::Attend { num_views, reference, sees_reference } => {
                if let (Some(attn_refview), Some(context)) = (&self.attn_refview, reference.next()) {
                    x = attend_to_reference(attn_refview, &h, context, sees_reference, x);
                }
                // As in the original, a lone view has no others to attend to, not even itself.
                if let (Some(attn_multiview), 2..) = (&self.attn_multiview, *num_views) {
                    let shape = h.dims();
                    let [batch, sequence, channels] = shape;
                    let joint = [batch / *num_views, *num_views * sequence, channels];
                    let all_views = h.reshape(joint);
                    let context = attn_multiview.project(all_views.clone());
                    x = attn_multiview.attend(all_views, &context, x.reshape(joint)).reshape(shape);
                }
            }
        }

        // 2. cross-attention to the text
        if let Some(text) = inputs.text.next() {
            x = self.attn2.attend(layer_norm(&self.norm2, x.clone()), text, x);
        }

        // 3. feed-forward
        self.ff.forward(layer_norm(&self.norm3, x.clone()), x)
    }
}

fn layer_norm(norm: &LayerNorm, tokens: Tensor<3>) -> Tensor<3> {
    kernels::LayerNorm { tokens, norm, epsilon: NORM_EPSILON }.run()
}

/// Attention of all views to the reference tokens, added to `x`. Views of one object share keys and values, so
/// they are one long sequence of queries; objects that do not see the reference get nothing.
fn attend_to_reference(
    attention: &Attention,
    h: &Tensor<3>,
    context: &KeyValue,
    sees_reference: &[bool],
    x: Tensor<3>,
) -> Tensor<3> {
    let per_object = h.dims()[0] / sees_reference.len();
    let outputs = sees_reference.iter().enumerate().map(|(object, &sees)| {
        let of_object = |tokens: &Tensor<3>| tokens.clone().narrow(0, object * per_object, per_object);
        if sees { attention.attend(of_object(h), context, of_object(&x)) } else { of_object(&x) }
    });
    Tensor::cat(outputs.collect(), 0)
}

/// Transformer blocks over the pixels of a feature map, with a residual around them.
#[derive(Module, Debug)]
pub(crate) struct Transformer2DModel {
    norm: GroupNorm,
    proj_in: Projection,
    transformer_blocks: Vec<BasicTransformerBlock>,
    proj_out: Projection,
}

/// The projection around the blocks: linear over tokens, or a 1×1 convolution.
#[derive(Module, Debug)]
enum Projection {
    Linear(Linear),
    Conv(Conv2d),
}

impl Projection {
    fn new(channels: usize, linear: bool, device: &Device) -> Self {
        if linear {
            Self::Linear(LinearConfig::new(channels, channels).init(device))
        } else {
            Self::Conv(Conv2dConfig::new([channels, channels], [1, 1]).init(device))
        }
    }

    /// A map `[B, C, H, W]` to tokens `[B, H·W, C]`, contiguous in memory.
    ///
    /// Contiguous because residuals are added to them. burn adds two tensors in place of one of them, and on a GPU
    /// chooses which by a reference count that its server thread changes in passing; were their layouts different, the
    /// sum's layout and with it the order of the sums in the next norm would hang on that.
    fn project_in(&self, map: Tensor<4>) -> Tensor<3> {
        match self {
            Self::Linear(layer) => linear(layer, to_tokens(map)),
            Self::Conv(conv) => {
                let tokens = to_tokens(conv1x1(conv, map));
                let shape = tokens.dims();
                tokens.reshape([-1]).reshape(shape)
            }
        }
    }

    /// Tokens `[B, H·W, C]` to what is added to a map `[B, C, H, W]`.
    fn project_out(&self, tokens: Tensor<3>, map: Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = map.dims();
        match self {
            Self::Linear(layer) if is_channels_last(&map) => {
                to_map(linear_plus(layer, tokens, to_tokens(map)), height, width)
            }
            Self::Linear(layer) => map + to_map(linear(layer, tokens), height, width),
            Self::Conv(conv) => map + conv1x1(conv, to_map(tokens, height, width)),
        }
    }
}

impl Transformer2DModelConfig {
    pub(crate) fn init(&self, device: &Device) -> Transformer2DModel {
        let projection = || Projection::new(self.channels, self.use_linear_projection, device);
        Transformer2DModel {
            norm: GroupNormConfig::new(self.groups, self.channels).with_epsilon(1e-6).init(device),
            proj_in: projection(),
            transformer_blocks: (0..self.layers).map(|_| BasicTransformerBlock::new(self, device)).collect(),
            proj_out: projection(),
        }
    }
}

impl Transformer2DModel {
    /// Its blocks, in the order of evaluation.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &BasicTransformerBlock> {
        self.transformer_blocks.iter()
    }

    /// `[B, C, H, W]` → `[B, C, H, W]`.
    pub(crate) fn forward(&self, x: Tensor<4>, inputs: &mut BlockInputs<'_>) -> Tensor<4> {
        let normed = kernels::GroupNorm { map: x.clone(), norm: &self.norm, silu: false }.run();
        let mut tokens = self.proj_in.project_in(normed);
        for block in &self.transformer_blocks {
            tokens = block.forward(tokens, inputs);
        }
        self.proj_out.project_out(tokens, x)
    }
}
