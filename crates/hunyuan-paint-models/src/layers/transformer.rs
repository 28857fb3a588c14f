use burn::{
    module::Module,
    nn::{
        GroupNorm, GroupNormConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{Device, Tensor},
};

use super::{
    attention::{Attention, to_map, to_tokens},
    feed_forward::FeedForward,
};

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

/// What the transformer blocks of one forward pass see besides the image.
pub(crate) struct TransformerInputs<'a> {
    /// Text tokens `[B, 77, C]`.
    pub(crate) encoder_hidden_states: Tensor<3>,
    /// What they exchange with other views and with the reference images.
    pub(crate) cross_view: CrossView<'a>,
}

/// How a block takes part in the exchange between views and reference images.
pub(crate) enum CrossView<'a> {
    /// Not at all.
    Off,
    /// The reference pass: every block stores its normalised input `[B, S, C]`.
    Store(&'a mut Vec<Tensor<3>>),
    /// The main pass: every block attends to what its counterpart stored, and to all views.
    Attend {
        /// Views of one object, consecutive in the batch.
        num_views: usize,
        /// The stored tokens `[1, T, C]` of the blocks still to come.
        reference: std::slice::Iter<'a, Tensor<3>>,
        /// For each object in the batch: does it see the reference (`ref_scale` 1) or not (0)?
        sees_reference: &'a [bool],
    },
}

/// One transformer block: self-attention, the 2.5-D UNet's attention to the reference and to all
/// views, cross-attention to the text, feed-forward; each with a residual.
#[derive(Module, Debug)]
struct BasicTransformerBlock {
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
        let norm = || LayerNormConfig::new(channels).init(device);
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

    /// `[B, S, C]` → `[B, S, C]`.
    fn forward(&self, x: Tensor<3>, inputs: &mut TransformerInputs<'_>) -> Tensor<3> {
        // 1. self-attention, and beside it, from the same normalised input, the exchange with the
        //    reference and the other views
        let h = self.norm1.forward(x.clone());
        let mut x = x + self.attn1.forward(h.clone(), h.clone());
        match &mut inputs.cross_view {
            CrossView::Off => {}
            CrossView::Store(stored) => stored.push(h),
            CrossView::Attend { num_views, reference, sees_reference } => {
                if let (Some(attn_refview), Some(tokens)) = (&self.attn_refview, reference.next()) {
                    x = x + attend_to_reference(attn_refview, &h, tokens, sees_reference);
                }
                // As in the original, a lone view has no others to attend to, not even itself.
                if let (Some(attn_multiview), 2..) = (&self.attn_multiview, *num_views) {
                    let [batch, sequence, channels] = h.dims();
                    let all_views = h.reshape([batch / *num_views, *num_views * sequence, channels]);
                    let attended = attn_multiview.forward(all_views.clone(), all_views);
                    x = x + attended.reshape([batch, sequence, channels]);
                }
            }
        }

        // 2. cross-attention to the text
        let text = inputs.encoder_hidden_states.clone();
        let x = x.clone() + self.attn2.forward(self.norm2.forward(x), text);

        // 3. feed-forward
        x.clone() + self.ff.forward(self.norm3.forward(x))
    }
}

/// Attention of all views to the reference tokens. Views of one object share keys and values, so
/// they are one long sequence of queries; objects that do not see the reference get zeros.
fn attend_to_reference(
    attention: &Attention,
    h: &Tensor<3>,
    tokens: &Tensor<3>,
    sees_reference: &[bool],
) -> Tensor<3> {
    let [batch, sequence, channels] = h.dims();
    let objects = sees_reference.len();
    let per_object = batch / objects;
    let outputs = sees_reference.iter().enumerate().map(|(object, &sees)| {
        let queries = h.clone().narrow(0, object * per_object, per_object);
        if !sees {
            return queries.zeros_like();
        }
        attention
            .forward(queries.reshape([1, per_object * sequence, channels]), tokens.clone())
            .reshape([per_object, sequence, channels])
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
            Self::Linear(linear) => linear.forward(to_tokens(map)),
            Self::Conv(conv) => {
                let tokens = to_tokens(conv.forward(map));
                let shape = tokens.dims();
                tokens.reshape([-1]).reshape(shape)
            }
        }
    }

    /// Tokens `[B, H·W, C]` to a map `[B, C, H, W]`.
    fn project_out(&self, tokens: Tensor<3>, height: usize, width: usize) -> Tensor<4> {
        match self {
            Self::Linear(linear) => to_map(linear.forward(tokens), height, width),
            Self::Conv(conv) => conv.forward(to_map(tokens, height, width)),
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
    /// `[B, C, H, W]` → `[B, C, H, W]`.
    pub(crate) fn forward(&self, x: Tensor<4>, inputs: &mut TransformerInputs<'_>) -> Tensor<4> {
        let [_, _, height, width] = x.dims();
        let mut tokens = self.proj_in.project_in(self.norm.forward(x.clone()));
        for block in &self.transformer_blocks {
            tokens = block.forward(tokens, inputs);
        }
        x + self.proj_out.project_out(tokens, height, width)
    }
}
