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
    inputs::LayerInputs,
    linear::{linear, linear_plus},
};
use crate::ModelError;

/// Epsilon of the blocks' layer norms.
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
    /// Whether the blocks have the 2.5-D UNet's attention to the reference and to all views.
    pub(crate) cross_view: bool,
}

/// Inputs of the blocks in one forward pass, besides the feature map.
pub(crate) struct BlockInputs<'a> {
    /// For each residual block: the channel biases at this timestep, `[B, C]` or `[1, C]`.
    pub(crate) time_shifts: LayerInputs<'a, Tensor<2>>,
    /// For each transformer block: keys and values of the text.
    pub(crate) text: LayerInputs<'a, KeyValue>,
    /// Exchange with other views and with the reference images.
    pub(crate) cross_view: CrossView<'a>,
}

impl BlockInputs<'_> {
    /// Checks that every input is taken.
    ///
    /// # Errors
    /// If inputs are left.
    pub(crate) fn finish(&self) -> Result<(), ModelError> {
        self.time_shifts.finish()?;
        self.text.finish()?;
        match &self.cross_view {
            CrossView::Off | CrossView::Store(_) => Ok(()),
            CrossView::Attend { reference, .. } => reference.finish(),
        }
    }
}

/// How the transformer blocks exchange information between views and reference images.
pub(crate) enum CrossView<'a> {
    /// Not at all.
    Off,
    /// The reference pass: every block stores its normalized input `[B, S, C]`.
    Store(&'a mut Vec<Tensor<3>>),
    /// The main pass: every block attends to what the same block stored in the reference pass, and
    /// to all views.
    Attend {
        /// Views of one object, consecutive in the batch.
        num_views: usize,
        /// For each transformer block: keys and values of the stored tokens, `[1, T, C]`.
        reference: LayerInputs<'a, KeyValue>,
        /// For each object in the batch: whether it attends to the reference (`ref_scale` 1 or 0).
        sees_reference: &'a [bool],
    },
}

/// A transformer block: self-attention, the 2.5-D UNet's attention to the reference and to all
/// views, cross-attention to the text, and a feed-forward layer. Each has a residual.
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

    /// Computes keys and values of the text `[B, T, C']`.
    pub(crate) fn project_text(&self, text: Tensor<3>) -> KeyValue {
        self.attn2.project(text)
    }

    /// Computes keys and values of tokens `[1, T, C]` that the same block of the reference UNet
    /// stored.
    ///
    /// # Errors
    /// If the tokens do not have the block's width, or the block has no attention to a reference.
    pub(crate) fn project_reference(&self, tokens: Tensor<3>) -> Result<KeyValue, ModelError> {
        let attention = required(&self.attn_refview, "attention to the reference")?;
        let width = tokens.dims()[2];
        if width != attention.context_channels() {
            let expected = format!("tokens of width {}", attention.context_channels());
            return Err(ModelError::input("references", expected, width));
        }
        Ok(attention.project(tokens))
    }

    /// `[B, S, C]` → `[B, S, C]`.
    fn forward(&self, x: Tensor<3>, inputs: &mut BlockInputs<'_>) -> Result<Tensor<3>, ModelError> {
        // 1. self-attention; from the same normalized input, attention to the reference and to
        //    all views
        let h = layer_norm(&self.norm1, x.clone());
        let mut x = self.attn1.attend(h.clone(), &self.attn1.project(h.clone()), x);
        match &mut inputs.cross_view {
            CrossView::Off => {}
            CrossView::Store(stored) => stored.push(h),
            CrossView::Attend { num_views, reference, sees_reference } => {
                let attn_refview = required(&self.attn_refview, "attention to the reference")?;
                x = attend_to_reference(attn_refview, &h, reference.take()?, sees_reference, x);
                // As in the original, a single view does not attend to itself here.
                if *num_views > 1 {
                    let attn_multiview = required(&self.attn_multiview, "attention to all views")?;
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
        let text = inputs.text.take()?;
        x = self.attn2.attend(layer_norm(&self.norm2, x.clone()), text, x);

        // 3. feed-forward
        Ok(self.ff.forward(layer_norm(&self.norm3, x.clone()), x))
    }
}

/// Returns an attention that only the 2.5-D UNet has.
fn required<'a>(attention: &'a Option<Attention>, name: &'static str) -> Result<&'a Attention, ModelError> {
    let error = || {
        let found = "a block without it".to_owned();
        ModelError::Wiring { input: name, layer: "transformer block", found }
    };
    attention.as_ref().ok_or_else(error)
}

fn layer_norm(norm: &LayerNorm, tokens: Tensor<3>) -> Tensor<3> {
    kernels::LayerNorm { tokens, norm, epsilon: NORM_EPSILON }.run()
}

/// Adds to `x` the attention of all views to the reference tokens.
///
/// Views of one object share keys and values, so they form one long sequence of queries. Objects
/// that do not attend to the reference stay unchanged.
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

/// Transformer blocks over the pixels of a feature map, with a residual around all blocks.
#[derive(Module, Debug)]
pub(crate) struct Transformer2DModel {
    norm: GroupNorm,
    proj_in: Projection,
    transformer_blocks: Vec<BasicTransformerBlock>,
    proj_out: Projection,
}

/// The projection before or after the blocks: linear over tokens, or a 1×1 convolution.
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

    /// Projects a map `[B, C, H, W]` to tokens `[B, H·W, C]`, contiguous in memory.
    ///
    /// Contiguous because residuals are added to the tokens. burn adds two tensors in place of one
    /// of them. On a GPU it chooses which one by a reference count that its server thread changes
    /// asynchronously. If the layouts differed, that race would decide the layout of the sum, and
    /// with it the order of summation in the next norm.
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

    /// Projects tokens `[B, H·W, C]` back and adds them to a map `[B, C, H, W]`.
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
    /// Returns the blocks in the order of evaluation.
    pub(crate) fn blocks(&self) -> slice::Iter<'_, BasicTransformerBlock> {
        self.transformer_blocks.iter()
    }

    /// `[B, C, H, W]` → `[B, C, H, W]`.
    pub(crate) fn forward(
        &self,
        x: Tensor<4>,
        inputs: &mut BlockInputs<'_>,
    ) -> Result<Tensor<4>, ModelError> {
        let normed = kernels::GroupNorm { map: x.clone(), norm: &self.norm, silu: false }.run();
        let mut tokens = self.proj_in.project_in(normed);
        for block in &self.transformer_blocks {
            tokens = block.forward(tokens, inputs)?;
        }
        Ok(self.proj_out.project_out(tokens, x))
    }
}
