use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use hunyuan_paint_kernels::{Padding, concat_channels};

use super::config::{DownBlockType, UNet2DConditionConfig, UpBlockType};
use crate::layers::{
    BasicTransformerBlock, BlockInputs, Downsample2D, ResnetBlock2D, ResnetBlock2DConfig, Transformer2DModel,
    Transformer2DModelConfig, Upsample2D,
};

/// What all blocks of one UNet have in common.
pub(super) struct BlockBuilder<'a> {
    pub(super) config: &'a UNet2DConditionConfig,
    pub(super) time_channels: usize,
    pub(super) cross_view: bool,
    pub(super) device: &'a Device,
}

/// The sizes of one level.
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

    /// `from` channels in; halves the image unless it is the last block.
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

    /// `from` channels in, `skips` channels of the skip connections in the order of their use;
    /// enlarges the image unless it is the last block.
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

/// `DownBlock2D` or, with attentions, `CrossAttnDownBlock2D`.
#[derive(Module, Debug)]
pub(super) struct DownBlock {
    resnets: Vec<ResnetBlock2D>,
    attentions: Vec<Transformer2DModel>,
    downsampler: Option<Downsample2D>,
}

impl DownBlock {
    pub(super) fn resnets(&self) -> impl Iterator<Item = &ResnetBlock2D> {
        self.resnets.iter()
    }

    pub(super) fn transformer_blocks(&self) -> impl Iterator<Item = &BasicTransformerBlock> {
        self.attentions.iter().flat_map(Transformer2DModel::blocks)
    }

    /// Every intermediate result is pushed to `skips`, from where the up blocks take it.
    pub(super) fn forward(
        &self,
        mut x: Tensor<4>,
        inputs: &mut BlockInputs<'_>,
        skips: &mut Vec<Tensor<4>>,
    ) -> Tensor<4> {
        for (i, resnet) in self.resnets.iter().enumerate() {
            x = resnet.forward(x, inputs.time_shifts.next().cloned());
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(x, inputs);
            }
            skips.push(x.clone());
        }
        if let Some(downsampler) = &self.downsampler {
            x = downsampler.forward(x);
            skips.push(x.clone());
        }
        x
    }
}

/// `UNetMidBlock2DCrossAttn`.
#[derive(Module, Debug)]
pub(super) struct MidBlock {
    resnets: Vec<ResnetBlock2D>,
    attentions: Vec<Transformer2DModel>,
}

impl MidBlock {
    pub(super) fn resnets(&self) -> impl Iterator<Item = &ResnetBlock2D> {
        self.resnets.iter()
    }

    pub(super) fn transformer_blocks(&self) -> impl Iterator<Item = &BasicTransformerBlock> {
        self.attentions.iter().flat_map(Transformer2DModel::blocks)
    }

    pub(super) fn forward(&self, mut x: Tensor<4>, inputs: &mut BlockInputs<'_>) -> Tensor<4> {
        for (i, resnet) in self.resnets.iter().enumerate() {
            if i > 0 {
                x = self.attentions[i - 1].forward(x, inputs);
            }
            x = resnet.forward(x, inputs.time_shifts.next().cloned());
        }
        x
    }
}

/// `UpBlock2D` or, with attentions, `CrossAttnUpBlock2D`.
#[derive(Module, Debug)]
pub(super) struct UpBlock {
    resnets: Vec<ResnetBlock2D>,
    attentions: Vec<Transformer2DModel>,
    upsampler: Option<Upsample2D>,
}

impl UpBlock {
    pub(super) fn resnets(&self) -> impl Iterator<Item = &ResnetBlock2D> {
        self.resnets.iter()
    }

    pub(super) fn transformer_blocks(&self) -> impl Iterator<Item = &BasicTransformerBlock> {
        self.attentions.iter().flat_map(Transformer2DModel::blocks)
    }

    /// Takes one result from `skips` for every residual block.
    pub(super) fn forward(
        &self,
        mut x: Tensor<4>,
        inputs: &mut BlockInputs<'_>,
        skips: &mut Vec<Tensor<4>>,
    ) -> Tensor<4> {
        for (i, resnet) in self.resnets.iter().enumerate() {
            if let Some(skip) = skips.pop() {
                x = concat_channels(x, skip);
            }
            x = resnet.forward(x, inputs.time_shifts.next().cloned());
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(x, inputs);
            }
        }
        match &self.upsampler {
            None => x,
            Some(upsampler) => {
                // Twice as large; or what the next skip connection has, where halving rounded.
                let [_, _, height, width] = x.dims();
                let size = skips.last().map_or([2 * height, 2 * width], |skip| {
                    let [_, _, height, width] = skip.dims();
                    [height, width]
                });
                upsampler.forward(x, size)
            }
        }
    }
}
