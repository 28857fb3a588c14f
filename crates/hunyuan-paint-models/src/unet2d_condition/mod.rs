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

use self::blocks::{Block, BlockBuilder, DownBlock, Level, MidBlock, UpBlock, skip_error};
pub use self::config::{DownBlockType, UNet2DConditionConfig, UpBlockType};
use crate::{
    LoadOptions, ModelError, Precision,
    layers::{
        BasicTransformerBlock, BlockInputs, CrossView, KeyValue, LayerInputs, TimestepEmbedding,
        Transformer2DModel, conv3x3, norm_silu, timestep_features,
    },
    weights::{self, KeyMap},
};

/// diffusers' `UNet2DConditionModel`, limited to what Stable Diffusion 2.1 and Hunyuan3D-Paint use.
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

/// The parts that the 2.5-D UNet adds to the plain one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extensions {
    /// Rows of the class embedding, which is added to the time embedding.
    pub(crate) num_class_embeds: Option<usize>,
    /// Whether the transformer blocks attend to the reference and to all views.
    pub(crate) cross_view: bool,
}

impl UNet2DConditionConfig {
    /// Creates the network with burn's random initial weights.
    ///
    /// # Errors
    /// If the sizes are inconsistent.
    pub fn init(&self, device: &Device) -> Result<UNet2DConditionModel, ModelError> {
        self.check(Path::new("UNet2DConditionConfig"))?;
        Ok(self.init_with(Extensions::default(), device))
    }

    /// Creates the network from a checked configuration.
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
    /// If the file cannot be read, or its keys or shapes do not match the network.
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
    /// Converts the weights to another precision.
    ///
    /// # Errors
    /// If the network's device does not support the precision.
    pub fn with_precision(self, precision: Precision) -> Result<Self, ModelError> {
        precision.convert(self)
    }

    /// Predicts the noise, or another quantity if the scheduler's `prediction_type` says so.
    ///
    /// - `sample`: `[B, in_channels, H, W]`
    /// - `timestep`: one for the whole batch, possibly fractional
    /// - `encoder_hidden_states`: `[B, T, cross_attention_dim]`
    /// - returns `[B, out_channels, H, W]`
    ///
    /// # Errors
    /// If a shape is wrong.
    pub fn forward(
        &self,
        sample: Tensor<4>,
        timestep: f64,
        encoder_hidden_states: Tensor<3>,
    ) -> Result<Tensor<4>, ModelError> {
        self.denoiser(encoder_hidden_states, &[timestep])?.predict(sample, 0)
    }

    /// Computes everything that stays the same from step to step.
    ///
    /// - `encoder_hidden_states`: `[B, T, cross_attention_dim]`
    /// - `timesteps`: the timestep of each step, in order
    ///
    /// # Errors
    /// If the shape is wrong.
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
        let conditioning = self.condition(encoder_hidden_states, timesteps, None)?;
        Ok(UNet2DDenoiser { unet: self, conditioning, batch })
    }

    /// Returns the number of input channels.
    pub(crate) fn in_channels(&self) -> usize {
        self.conv_in.weight.dims()[1]
    }

    /// Returns the blocks in the order of evaluation.
    fn blocks(&self) -> impl Iterator<Item = &dyn Block> {
        let down = self.down_blocks.iter().map(|block| block as &dyn Block);
        let up = self.up_blocks.iter().map(|block| block as &dyn Block);
        down.chain([&self.mid_block as &dyn Block]).chain(up)
    }

    /// Returns the transformer blocks in the order of evaluation.
    pub(crate) fn transformer_blocks(&self) -> impl Iterator<Item = &BasicTransformerBlock> {
        self.blocks().flat_map(|block| block.attentions()).flat_map(Transformer2DModel::blocks)
    }

    /// Computes everything that stays the same from step to step.
    ///
    /// - `text`: `[B, T, cross_attention_dim]`
    /// - `class_labels`: rows of the class embedding, `[B]`
    pub(crate) fn condition(
        &self,
        text: Tensor<3>,
        timesteps: &[f64],
        class_labels: Option<Tensor<1, Int>>,
    ) -> Result<Conditioning, ModelError> {
        let (device, compute_dtype) = (text.device(), self.conv_in.weight.dtype());

        // 1. keys and values of the text
        let text = text.cast(compute_dtype);
        let text = self.transformer_blocks().map(|block| block.project_text(text.clone())).collect();

        // 2. embeddings of the timesteps, and of the classes if the network has classes
        let (times, channels) = (timesteps.len(), self.conv_in.weight.dims()[0]);
        let features = timesteps.iter().flat_map(|&timestep| timestep_features(timestep, channels));
        let features = TensorData::new(features.collect(), [times, channels]);
        let features = Tensor::<2>::from_data(features, &device).cast(compute_dtype);
        let mut embedded: Tensor<3> = self.time_embedding.forward(features).unsqueeze_dim(1);
        match (&self.class_embedding, class_labels) {
            (Some(class_embedding), Some(labels)) => {
                embedded = embedded + class_embedding.forward(labels.unsqueeze_dim(0));
            }
            (None, None) => {}
            (class_embedding, _) => {
                let found =
                    if class_embedding.is_some() { "none" } else { "labels without a class embedding" };
                return Err(ModelError::Wiring {
                    input: "class labels",
                    layer: "class embedding",
                    found: found.to_owned(),
                });
            }
        }
        let [_, rows, _] = embedded.dims();
        let activated = silu(embedded.flatten::<2>(0, 1));

        // 3. time shifts of the residual blocks, for each timestep
        let resnets = self.blocks().flat_map(|block| block.resnets());
        let shifts: Option<Vec<Tensor<2>>> =
            resnets.map(|resnet| resnet.time_shift(activated.clone())).collect();
        let shifts = shifts.ok_or_else(|| ModelError::Wiring {
            input: TIME_SHIFTS,
            layer: RESIDUAL_BLOCK,
            found: "a block without a time projection".to_owned(),
        })?;
        let at =
            |time: usize| shifts.iter().map(|shift| shift.clone().narrow(0, time * rows, rows)).collect();
        Ok(Conditioning { text, time_shifts: (0..times).map(at).collect() })
    }

    /// Runs the forward pass of a step on checked inputs.
    pub(crate) fn forward_step(
        &self,
        sample: Tensor<4>,
        step: usize,
        conditioning: &Conditioning,
        cross_view: CrossView<'_>,
    ) -> Result<Tensor<4>, ModelError> {
        let inputs = &mut BlockInputs {
            time_shifts: LayerInputs::new(TIME_SHIFTS, RESIDUAL_BLOCK, &conditioning.time_shifts[step]),
            text: LayerInputs::new("text keys and values", TRANSFORMER_BLOCK, &conditioning.text),
            cross_view,
        };
        let (io_dtype, compute_dtype) = (sample.dtype(), self.conv_in.weight.dtype());

        // 1. down
        let mut x = conv3x3(&self.conv_in, sample.cast(compute_dtype)).run();
        let mut skips = vec![x.clone()];
        for block in &self.down_blocks {
            x = block.forward(x, inputs, &mut skips)?;
        }

        // 2. mid
        x = self.mid_block.forward(x, inputs)?;

        // 3. up
        for block in &self.up_blocks {
            x = block.forward(x, inputs, &mut skips)?;
        }

        // 4. out
        inputs.finish()?;
        if !skips.is_empty() {
            return Err(skip_error(format!("{} left over", skips.len())));
        }
        Ok(conv3x3(&self.conv_out, norm_silu(&self.conv_norm_out, x)).run().cast(io_dtype))
    }
}

/// Names of inputs and layers, for errors.
const TIME_SHIFTS: &str = "time shifts";
const RESIDUAL_BLOCK: &str = "residual block";
pub(crate) const TRANSFORMER_BLOCK: &str = "transformer block";

/// Inputs of the blocks that stay the same from step to step.
#[derive(Clone, Debug)]
pub(crate) struct Conditioning {
    /// For each transformer block: keys and values of the text.
    text: Vec<KeyValue>,
    /// For each step, for each residual block: the channel biases.
    time_shifts: Vec<Vec<Tensor<2>>>,
}

impl Conditioning {
    /// Returns the number of steps.
    pub(crate) fn steps(&self) -> usize {
        self.time_shifts.len()
    }
}

/// A [`UNet2DConditionModel`] with everything that stays the same from step to step: keys and
/// values of the text, and embeddings of the timesteps.
#[derive(Debug)]
pub struct UNet2DDenoiser<'a> {
    unet: &'a UNet2DConditionModel,
    conditioning: Conditioning,
    batch: usize,
}

impl UNet2DDenoiser<'_> {
    /// Predicts as [`UNet2DConditionModel::forward`] at the timestep of `step`, which counts from
    /// 0.
    ///
    /// # Errors
    /// If the sample's shape is wrong, or there is no such step.
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
        self.unet.forward_step(sample, step, &self.conditioning, CrossView::Off)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PerBlock;

    /// Changes the conditioning of a small network, then runs a step.
    fn forward_with(
        change: impl FnOnce(&mut Conditioning) -> Option<()>,
    ) -> Result<Result<(), ModelError>, Box<dyn std::error::Error>> {
        let device = Device::flex();
        let config = UNet2DConditionConfig {
            block_out_channels: vec![8, 16, 16, 16],
            layers_per_block: PerBlock::All(1),
            cross_attention_dim: 8,
            attention_head_dim: PerBlock::All(2),
            norm_num_groups: 4,
            ..UNet2DConditionConfig::default()
        };
        let unet = config.init(&device)?;
        let mut conditioning = unet.condition(Tensor::ones([1, 3, 8], &device), &[500.0], None)?;
        change(&mut conditioning).ok_or("nothing to change")?;
        let sample = Tensor::ones([1, 4, 8, 8], &device);
        Ok(unet.forward_step(sample, 0, &conditioning, CrossView::Off).map(drop))
    }

    #[test]
    fn inputs_that_do_not_match_the_blocks_are_errors() -> Result<(), Box<dyn std::error::Error>> {
        forward_with(|_| Some(()))??;
        type Change = fn(&mut Conditioning) -> Option<()>;
        let changes: [(&str, Change); 4] = [
            ("time shifts", |conditioning| conditioning.time_shifts[0].pop().map(drop)),
            ("time shifts", |conditioning| {
                let shifts = conditioning.time_shifts.first_mut()?;
                shifts.push(shifts.last()?.clone());
                Some(())
            }),
            ("text keys and values", |conditioning| conditioning.text.pop().map(drop)),
            ("text keys and values", |conditioning| {
                conditioning.text.push(conditioning.text.last()?.clone());
                Some(())
            }),
        ];
        for (name, change) in changes {
            let refused = forward_with(change)?;
            assert!(matches!(refused, Err(ModelError::Wiring { input, .. }) if input == name), "{refused:?}");
        }
        Ok(())
    }
}
