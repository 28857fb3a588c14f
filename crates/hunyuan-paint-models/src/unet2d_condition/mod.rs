//! The denoising network of Stable Diffusion 2.1 (Rombach et al. 2022, arXiv 2112.10752).

mod blocks;
mod config;

use std::path::Path;

use burn::{
    module::Module,
    nn::{
        Embedding, EmbeddingConfig, GroupNorm, GroupNormConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{Device, Int, Tensor, TensorData, activation::silu},
};

use self::blocks::{BlockBuilder, DownBlock, Level, MidBlock, UpBlock};
pub use self::config::{DownBlockType, UNet2DConditionConfig, UpBlockType};
use crate::{
    ModelError, Precision,
    layers::{CrossView, TimestepEmbedding, TransformerInputs, timestep_features},
    weights::{self, KeyMap},
};

/// diffusers' `UNet2DConditionModel`, as far as Stable Diffusion 2.1 and Hunyuan3D-Paint use it.
#[derive(Module, Debug)]
pub struct UNet2DConditionModel {
    conv_in: Conv2d,
    time_embedding: TimestepEmbedding,
    class_embedding: Option<Embedding>,
    down_blocks: Vec<DownBlock>,
    mid_block: MidBlock,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    cross_attention_dim: usize,
}

/// What the 2.5-D UNet adds to the plain one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extensions {
    /// Rows of the class embedding, which is added to the time embedding.
    pub(crate) num_class_embeds: Option<usize>,
    /// Whether the transformer blocks attend to the reference and to all views.
    pub(crate) cross_view: bool,
}

impl UNet2DConditionConfig {
    /// The network with random weights.
    ///
    /// # Errors
    /// If the sizes do not fit together.
    pub fn init(&self, device: &Device) -> Result<UNet2DConditionModel, ModelError> {
        self.check(Path::new("UNet2DConditionConfig"))?;
        Ok(self.init_with(Extensions::default(), device))
    }

    /// The network, from a checked configuration.
    pub(crate) fn init_with(&self, extensions: Extensions, device: &Device) -> UNet2DConditionModel {
        let channels = &self.block_out_channels;
        let outermost = channels[0];
        let innermost = channels[channels.len() - 1];
        let time_channels = 4 * outermost;
        let build = BlockBuilder { config: self, time_channels, cross_view: extensions.cross_view, device };
        let levels = self.levels();
        let last = levels.len() - 1;

        let mut from = outermost;
        let mut skips = vec![outermost];
        let mut down_blocks = Vec::new();
        for (i, (&kind, &level)) in self.down_block_types.iter().zip(&levels).enumerate() {
            down_blocks.push(build.down_block(kind, from, level, i == last));
            skips.extend(vec![level.channels; level.layers + usize::from(i != last)]);
            from = level.channels;
        }

        let mut up_blocks = Vec::new();
        for (i, (&kind, &level)) in self.up_block_types.iter().zip(levels.iter().rev()).enumerate() {
            let used: Vec<usize> = (0..=level.layers).filter_map(|_| skips.pop()).collect();
            up_blocks.push(build.up_block(kind, from, &used, level, i == last));
            from = level.channels;
        }

        let conv3x3 = |from, to| {
            Conv2dConfig::new([from, to], [3, 3])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device)
        };
        UNet2DConditionModel {
            conv_in: conv3x3(self.in_channels, outermost),
            time_embedding: TimestepEmbedding::new(outermost, time_channels, device),
            class_embedding: extensions
                .num_class_embeds
                .map(|rows| EmbeddingConfig::new(rows, time_channels).init(device)),
            down_blocks,
            mid_block: build.mid_block(Level { channels: innermost, ..levels[last] }),
            up_blocks,
            conv_norm_out: GroupNormConfig::new(self.norm_num_groups, outermost)
                .with_epsilon(self.norm_eps)
                .init(device),
            conv_out: conv3x3(outermost, self.out_channels),
            cross_attention_dim: self.cross_attention_dim,
        }
    }

    /// Loads the weights of a network with this configuration from a file.
    ///
    /// # Errors
    /// If the file cannot be read, or its keys or shapes are not the network's.
    pub fn load(&self, file: &Path, device: &Device) -> Result<UNet2DConditionModel, ModelError> {
        weights::load(self.init(device)?, file, KeyMap::Diffusers)
    }

    fn levels(&self) -> Vec<Level> {
        let count = self.block_out_channels.len();
        let expand = |values: &crate::config::PerBlock| values.expand(count).unwrap_or_default();
        let heads = expand(self.heads());
        let layers = expand(&self.layers_per_block);
        let transformer_layers = expand(&self.transformer_layers_per_block);
        self.block_out_channels
            .iter()
            .enumerate()
            .map(|(i, &channels)| Level {
                channels,
                heads: heads[i],
                layers: layers[i],
                transformer_layers: transformer_layers[i],
            })
            .collect()
    }
}

impl UNet2DConditionModel {
    /// The network in another precision; see [`Precision`].
    ///
    /// # Errors
    /// If its device does not compute in that precision.
    pub fn with_precision(self, precision: Precision) -> Result<Self, ModelError> {
        precision.convert(self)
    }

    /// Predicts the noise (or whatever the scheduler's `prediction_type` says).
    ///
    /// - `sample`: `[B, in_channels, H, W]`
    /// - `timestep`: one for the whole batch; may be fractional
    /// - `encoder_hidden_states`: `[B, T, cross_attention_dim]`
    /// - returns `[B, out_channels, H, W]`
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn forward(
        &self,
        sample: Tensor<4>,
        timestep: f64,
        encoder_hidden_states: Tensor<3>,
    ) -> Result<Tensor<4>, ModelError> {
        self.check_inputs(&sample, &encoder_hidden_states)?;
        let mut inputs = TransformerInputs { encoder_hidden_states, cross_view: CrossView::Off };
        Ok(self.forward_with(sample, timestep, None, &mut inputs))
    }

    /// Channels of the input.
    pub(crate) fn in_channels(&self) -> usize {
        self.conv_in.weight.dims()[1]
    }

    fn check_inputs(&self, sample: &Tensor<4>, text: &Tensor<3>) -> Result<(), ModelError> {
        let [batch, channels, height, width] = sample.dims();
        if channels != self.in_channels() || batch == 0 || height == 0 || width == 0 {
            let expected = format!("[B, {}, H, W]", self.in_channels());
            return Err(ModelError::input("sample", expected, format!("{:?}", sample.dims())));
        }
        let [text_batch, tokens, width] = text.dims();
        if text_batch != batch || tokens == 0 || width != self.cross_attention_dim {
            let expected = format!("[{batch}, T, {}]", self.cross_attention_dim);
            return Err(ModelError::input("encoder_hidden_states", expected, format!("{:?}", text.dims())));
        }
        Ok(())
    }

    /// The forward pass on checked inputs. `class_labels [B]` choose rows of the class embedding.
    pub(crate) fn forward_with(
        &self,
        sample: Tensor<4>,
        timestep: f64,
        class_labels: Option<Tensor<1, Int>>,
        inputs: &mut TransformerInputs<'_>,
    ) -> Tensor<4> {
        // 0. from the caller's precision to the network's
        let (outside, inside) = (sample.dtype(), self.conv_in.weight.dtype());
        let sample = sample.cast(inside);
        inputs.encoder_hidden_states = inputs.encoder_hidden_states.clone().cast(inside);

        // 1. time, and class where the network has one
        let batch = sample.dims()[0];
        let channels = self.conv_in.weight.dims()[0];
        let features = TensorData::new(timestep_features(timestep, channels), [1, channels]);
        let features = Tensor::<2>::from_data(features, &sample.device()).cast(inside);
        let mut temb = self.time_embedding.forward(features).expand([batch as i64, -1]);
        if let (Some(class_embedding), Some(labels)) = (&self.class_embedding, class_labels) {
            temb = temb + class_embedding.forward(labels.unsqueeze_dim(0)).squeeze_dim(0);
        }

        // 2. down
        let mut x = self.conv_in.forward(sample);
        let mut skips = vec![x.clone()];
        for block in &self.down_blocks {
            x = block.forward(x, &temb, inputs, &mut skips);
        }

        // 3. mid
        x = self.mid_block.forward(x, &temb, inputs);

        // 4. up
        for block in &self.up_blocks {
            x = block.forward(x, &temb, inputs, &mut skips);
        }

        // 5. out
        self.conv_out.forward(silu(self.conv_norm_out.forward(x))).cast(outside)
    }
}
