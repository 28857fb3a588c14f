use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use hunyuan_paint_kernels::{Padding, concat_channels};

use super::config::{DownBlockType, UNet2DConditionConfig, UpBlockType};
use crate::{
    ModelError,
    layers::{
        BlockInputs, Downsample2D, ResnetBlock2D, ResnetBlock2DConfig, Transformer2DModel,
        Transformer2DModelConfig, Upsample2D,
    },
};

/// Creates the blocks of one UNet.
pub(super) struct BlockBuilder<'a> {
    pub(super) config: &'a UNet2DConditionConfig,
    pub(super) time_channels: usize,
    pub(super) cross_view: bool,
    pub(super) device: &'a Device,
}

/// The sizes of one level of resolution.
#[derive(Clone, Copy)]
pub(super) struct Level {
    pub(super) channels: usize,
    pub(super) heads: usize,
    pub(super) layers: usize,
    pub(super) transformer_layers: usize,
}

impl BlockBuilder<'_> {
    fn resnet(&self, in_channels: usize, out_channels: usize) -> ResnetBlock2D {
        ResnetBlock2DConfig {
            in_channels,
            out_channels,
            time_channels: Some(self.time_channels),
            groups: self.config.norm_num_groups,
            eps: self.config.norm_eps,
        }
        .init(self.device)
    }

    fn transformer(&self, level: Level) -> Transformer2DModel {
        Transformer2DModelConfig {
            channels: level.channels,
            heads: level.heads,
            layers: level.transformer_layers,
            cross_attention_dim: self.config.cross_attention_dim,
            groups: self.config.norm_num_groups,
            use_linear_projection: self.config.use_linear_projection,
            cross_view: self.cross_view,
        }
        .init(self.device)
    }

    /// Creates a block with `from` channels in. It halves the feature map unless it is the last
    /// block.
    pub(super) fn down_block(&self, kind: DownBlockType, from: usize, level: Level, last: bool) -> DownBlock {
        let attends = kind == DownBlockType::CrossAttnDownBlock2D;
        DownBlock {
            resnets: (0..level.layers)
                .map(|i| self.resnet(if i == 0 { from } else { level.channels }, level.channels))
                .collect(),
            attentions: (0..level.layers).filter(|_| attends).map(|_| self.transformer(level)).collect(),
            downsampler: (!last).then(|| Downsample2D::new(level.channels, Padding::Around, self.device)),
        }
    }

    pub(super) fn mid_block(&self, level: Level) -> MidBlock {
        let resnet = || self.resnet(level.channels, level.channels);
        MidBlock { resnets: vec![resnet(), resnet()], attentions: vec![self.transformer(level)] }
    }

    /// Creates a block with `from` channels in, which concatenates skip connections of `skips`
    /// channels in this order. It enlarges the feature map unless it is the last block.
    pub(super) fn up_block(
        &self,
        kind: UpBlockType,
        from: usize,
        skips: &[usize],
        level: Level,
        last: bool,
    ) -> UpBlock {
        let attends = kind == UpBlockType::CrossAttnUpBlock2D;
        UpBlock {
            resnets: skips
                .iter()
                .enumerate()
                .map(|(i, skip)| {
                    self.resnet(skip + if i == 0 { from } else { level.channels }, level.channels)
                })
                .collect(),
            attentions: skips.iter().filter(|_| attends).map(|_| self.transformer(level)).collect(),
            upsampler: (!last).then(|| Upsample2D::new(level.channels, self.device)),
        }
    }
}

/// A block of the UNet, on the way down, in the middle or on the way up.
pub(super) trait Block {
    /// Returns the residual blocks in the order of evaluation.
    fn resnets(&self) -> &[ResnetBlock2D];

    /// Returns the transformers in the order of evaluation.
    fn attentions(&self) -> &[Transformer2DModel];
}

macro_rules! impl_block {
    ($($name:ident),*) => {$(
        impl Block for $name {
            fn resnets(&self) -> &[ResnetBlock2D] {
                &self.resnets
            }

            fn attentions(&self) -> &[Transformer2DModel] {
                &self.attentions
            }
        }
    )*};
}

impl_block!(DownBlock, MidBlock, UpBlock);

/// Applies layer `i` of a block: a residual block, then the transformer of the same index, if the
/// block has one.
fn forward_layer(
    block: &impl Block,
    i: usize,
    x: Tensor<4>,
    inputs: &mut BlockInputs<'_>,
) -> Result<Tensor<4>, ModelError> {
    let x = block.resnets()[i].forward(x, Some(inputs.time_shifts.take()?.clone()));
    match block.attentions().get(i) {
        Some(attention) => attention.forward(x, inputs),
        None => Ok(x),
    }
}

/// `DownBlock2D` or, with one transformer for each residual block, `CrossAttnDownBlock2D`.
#[derive(Module, Debug)]
pub(super) struct DownBlock {
    resnets: Vec<ResnetBlock2D>,
    attentions: Vec<Transformer2DModel>,
    downsampler: Option<Downsample2D>,
}

impl DownBlock {
    /// Pushes every intermediate result to `skips`, from which the up blocks take it.
    pub(super) fn forward(
        &self,
        mut x: Tensor<4>,
        inputs: &mut BlockInputs<'_>,
        skips: &mut Vec<Tensor<4>>,
    ) -> Result<Tensor<4>, ModelError> {
        for i in 0..self.resnets.len() {
            x = forward_layer(self, i, x, inputs)?;
            skips.push(x.clone());
        }
        if let Some(downsampler) = &self.downsampler {
            x = downsampler.forward(x);
            skips.push(x.clone());
        }
        Ok(x)
    }
}

/// `UNetMidBlock2DCrossAttn`: one transformer between two residual blocks.
#[derive(Module, Debug)]
pub(super) struct MidBlock {
    resnets: Vec<ResnetBlock2D>,
    attentions: Vec<Transformer2DModel>,
}

impl MidBlock {
    pub(super) fn forward(
        &self,
        mut x: Tensor<4>,
        inputs: &mut BlockInputs<'_>,
    ) -> Result<Tensor<4>, ModelError> {
        for i in 0..self.resnets.len() {
            x = forward_layer(self, i, x, inputs)?;
        }
        Ok(x)
    }
}

/// `UpBlock2D` or, with one transformer for each residual block, `CrossAttnUpBlock2D`.
#[derive(Module, Debug)]
pub(super) struct UpBlock {
    resnets: Vec<ResnetBlock2D>,
    attentions: Vec<Transformer2DModel>,
    upsampler: Option<Upsample2D>,
}

impl UpBlock {
    /// Takes one result from `skips` for every residual block.
    pub(super) fn forward(
        &self,
        mut x: Tensor<4>,
        inputs: &mut BlockInputs<'_>,
        skips: &mut Vec<Tensor<4>>,
    ) -> Result<Tensor<4>, ModelError> {
        for i in 0..self.resnets.len() {
            let skip = skips.pop().ok_or_else(|| skip_error("too few".to_owned()))?;
            x = forward_layer(self, i, concat_channels(x, skip), inputs)?;
        }
        let Some(upsampler) = &self.upsampler else { return Ok(x) };
        // The size of the next skip connection, which is odd where halving rounded up.
        let next = skips.last().ok_or_else(|| skip_error("too few".to_owned()))?;
        let [_, _, height, width] = next.dims();
        Ok(upsampler.forward(x, [height, width]))
    }
}

/// Returns the error for skip connections that do not match the up blocks.
pub(super) fn skip_error(found: String) -> ModelError {
    ModelError::Wiring { input: "skip connections", layer: "residual block of the up blocks", found }
}
