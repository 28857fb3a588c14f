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

use hunyuan_paint_kernels::Operation;

use self::blocks::{BlockBuilder, DownBlock, Level, MidBlock, UpBlock};
pub use self::config::{DownBlockType, UNet2DConditionConfig, UpBlockType};
use crate::{
    LoadOptions, ModelError, Precision,
    layers::{
        BasicTransformerBlock, BlockInputs, CrossView, KeyValue, ResnetBlock2D, TimestepEmbedding, conv3x3,
        norm_silu, timestep_features,
    },
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
    pub fn load(
        &self,
        file: &Path,
        options: impl Into<LoadOptions>,
    ) -> Result<UNet2DConditionModel, ModelError> {
        let options = options.into();
        weights::load(self.init(&options.device)?, file, KeyMap::Diffusers, &options)
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
        self.denoiser(encoder_hidden_states, &[timestep])?.predict(sample, 0)
    }

    /// The network with everything that stays the same from step to step.
    ///
    /// - `encoder_hidden_states`: `[B, T, cross_attention_dim]`
    /// - `timesteps`: of the steps, in their order
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn denoiser(
        &self,
        encoder_hidden_states: Tensor<3>,
        timesteps: &[f64],
    ) -> Result<UNet2DDenoiser<'_>, ModelError> {
        let [batch, tokens, width] = encoder_hidden_states.dims();
        if batch == 0 || tokens == 0 || width != self.cross_attention_dim {
            let expected = format!("[B, T, {}]", self.cross_attention_dim);
            let found = format!("{:?}", encoder_hidden_states.dims());
            return Err(ModelError::input("encoder_hidden_states", expected, found));
        }
        let conditioning = self.condition(encoder_hidden_states, timesteps, None);
        Ok(UNet2DDenoiser { unet: self, conditioning, batch })
    }

    /// Channels of the input.
    pub(crate) fn in_channels(&self) -> usize {
        self.conv_in.weight.dims()[1]
    }

    /// In the order of evaluation.
    pub(crate) fn transformer_blocks(&self) -> impl Iterator<Item = &BasicTransformerBlock> {
        let down = self.down_blocks.iter().flat_map(DownBlock::transformer_blocks);
        let up = self.up_blocks.iter().flat_map(UpBlock::transformer_blocks);
        down.chain(self.mid_block.transformer_blocks()).chain(up)
    }

    /// In the order of evaluation.
    fn resnets(&self) -> impl Iterator<Item = &ResnetBlock2D> {
        let down = self.down_blocks.iter().flat_map(DownBlock::resnets);
        down.chain(self.mid_block.resnets()).chain(self.up_blocks.iter().flat_map(UpBlock::resnets))
    }

    /// What stays the same from step to step. `class_labels [B]` choose rows of the class embedding.
    pub(crate) fn condition(
        &self,
        text: Tensor<3>,
        timesteps: &[f64],
        class_labels: Option<Tensor<1, Int>>,
    ) -> Conditioning {
        let (device, inside) = (text.device(), self.conv_in.weight.dtype());

        // 1. keys and values of the text
        let text = text.cast(inside);
        let text = self.transformer_blocks().map(|block| block.project_text(text.clone())).collect();

        // 2. time, and class where the network has one
        let (times, channels) = (timesteps.len(), self.conv_in.weight.dims()[0]);
        let features = timesteps.iter().flat_map(|&timestep| timestep_features(timestep, channels));
        let features = TensorData::new(features.collect(), [times, channels]);
        let features = Tensor::<2>::from_data(features, &device).cast(inside);
        let mut embedded: Tensor<3> = self.time_embedding.forward(features).unsqueeze_dim(1);
        if let (Some(class_embedding), Some(labels)) = (&self.class_embedding, class_labels) {
            embedded = embedded + class_embedding.forward(labels.unsqueeze_dim(0));
        }
        let [_, rows, _] = embedded.dims();
        let activated = silu(embedded.flatten::<2>(0, 1));
        let shifts: Vec<Tensor<2>> =
            self.resnets().filter_map(|resnet| resnet.time_shift(activated.clone())).collect();
        let at =
            |time: usize| shifts.iter().map(|shift| shift.clone().narrow(0, time * rows, rows)).collect();
        Conditioning { text, time_shifts: (0..times).map(at).collect() }
    }

    /// The forward pass of a step on checked inputs.
    pub(crate) fn forward_step(
        &self,
        sample: Tensor<4>,
        step: usize,
        conditioning: &Conditioning,
        cross_view: CrossView<'_>,
    ) -> Tensor<4> {
        let inputs = &mut BlockInputs {
            time_shifts: conditioning.time_shifts[step].iter(),
            text: conditioning.text.iter(),
            cross_view,
        };
        let outside = sample.dtype();

        // 1. from the caller's precision to the network's, and down
        let mut x = conv3x3(&self.conv_in, sample.cast(self.conv_in.weight.dtype())).run();
        let mut skips = vec![x.clone()];
        for block in &self.down_blocks {
            x = block.forward(x, inputs, &mut skips);
        }

        // 2. mid
        x = self.mid_block.forward(x, inputs);

        // 3. up
        for block in &self.up_blocks {
            x = block.forward(x, inputs, &mut skips);
        }

        // 4. out
        conv3x3(&self.conv_out, norm_silu(&self.conv_norm_out, x)).run().cast(outside)
    }
}

/// What stays the same from step to step.
#[derive(Clone, Debug)]
pub(crate) struct Conditioning {
    /// What each transformer block sees of the text.
    text: Vec<KeyValue>,
    /// For each step what each residual block adds to its channels.
    time_shifts: Vec<Vec<Tensor<2>>>,
}

/// A [`UNet2DConditionModel`] with everything that stays the same from step to step: the text's keys and values, and the
/// embeddings of the times.
#[derive(Debug)]
pub struct UNet2DDenoiser<'a> {
    unet: &'a UNet2DConditionModel,
    conditioning: Conditioning,
    batch: usize,
}

impl UNet2DDenoiser<'_> {
    /// As [`UNet2DConditionModel::forward`], at the step's time; `step` counts from 0.
    ///
    /// # Errors
    /// If the sample's shape does not fit, or there is no such step.
    pub fn predict(&self, sample: Tensor<4>, step: usize) -> Result<Tensor<4>, ModelError> {
        let [batch, channels, height, width] = sample.dims();
        let expected = self.unet.in_channels();
        if batch != self.batch || channels != expected || height == 0 || width == 0 {
            let expected = format!("[{}, {expected}, H, W]", self.batch);
            return Err(ModelError::input("sample", expected, format!("{:?}", sample.dims())));
        }
        let steps = self.conditioning.steps();
        if step >= steps {
            return Err(ModelError::input("step", format!("below {steps}"), step));
        }
        Ok(self.unet.forward_step(sample, step, &self.conditioning, CrossView::Off))
    }
}

impl Conditioning {
    /// How many steps there are.
    pub(crate) fn steps(&self) -> usize {
        self.time_shifts.len()
    }
}
