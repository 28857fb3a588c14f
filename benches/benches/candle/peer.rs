//! Networks of candle, from configurations and files in the layout of diffusers.

use std::{collections::HashMap, path::Path};

use candle_core::{DType, Device, Result, Tensor, bail, safetensors};
use candle_nn::VarBuilder;
use candle_transformers::models::stable_diffusion::{
    unet_2d::{BlockConfig, UNet2DConditionModel, UNet2DConditionModelConfig},
    vae::{AutoEncoderKL, AutoEncoderKLConfig},
};
use hunyuan_paint_models::{AutoencoderKlConfig, DownBlockType, PerBlock, UNet2DConditionConfig};

/// Reads all tensors of a file, in single precision.
pub(crate) fn read(file: &Path) -> Result<HashMap<String, Tensor>> {
    let tensors = safetensors::load(file, &Device::Cpu)?;
    tensors.into_iter().map(|(key, tensor)| Ok((key, tensor.to_dtype(DType::F32)?))).collect()
}

fn builder(weights: HashMap<String, Tensor>) -> VarBuilder<'static> {
    VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu)
}

/// Builds the UNet with these weights.
pub(crate) fn unet(
    config: &UNet2DConditionConfig,
    weights: HashMap<String, Tensor>,
) -> Result<UNet2DConditionModel> {
    build_unet(config, builder(weights))
}

pub(crate) fn build_unet(config: &UNet2DConditionConfig, vs: VarBuilder<'_>) -> Result<UNet2DConditionModel> {
    let attends = |i: usize| config.down_block_types[i] == DownBlockType::CrossAttnDownBlock2D;
    // As in diffusers, "head_dim" is the number of heads.
    let heads = config.num_attention_heads.as_ref().unwrap_or(&config.attention_head_dim);
    let mut blocks = Vec::new();
    for (level, &out_channels) in config.block_out_channels.iter().enumerate() {
        blocks.push(BlockConfig {
            out_channels,
            use_cross_attn: attends(level).then(|| at(&config.transformer_layers_per_block, level)),
            attention_head_dim: at(heads, level),
        });
    }
    let PerBlock::All(layers_per_block) = config.layers_per_block else {
        bail!("candle has one number of layers for all blocks");
    };
    let candle = UNet2DConditionModelConfig {
        blocks,
        layers_per_block,
        norm_num_groups: config.norm_num_groups,
        norm_eps: config.norm_eps,
        cross_attention_dim: config.cross_attention_dim,
        use_linear_projection: config.use_linear_projection,
        ..UNet2DConditionModelConfig::default()
    };
    UNet2DConditionModel::new(vs, config.in_channels, config.out_channels, false, candle)
}

fn at(values: &PerBlock, level: usize) -> usize {
    match values {
        PerBlock::All(value) => *value,
        PerBlock::Each(values) => values[level],
    }
}

/// Builds the autoencoder with these weights.
pub(crate) fn vae(config: &AutoencoderKlConfig, weights: HashMap<String, Tensor>) -> Result<AutoEncoderKL> {
    build_vae(config, builder(weights))
}

pub(crate) fn build_vae(config: &AutoencoderKlConfig, vs: VarBuilder<'_>) -> Result<AutoEncoderKL> {
    let candle = AutoEncoderKLConfig {
        block_out_channels: config.block_out_channels.clone(),
        layers_per_block: config.layers_per_block,
        latent_channels: config.latent_channels,
        norm_num_groups: config.norm_num_groups,
        use_quant_conv: config.use_quant_conv,
        use_post_quant_conv: config.use_post_quant_conv,
    };
    AutoEncoderKL::new(vs, config.in_channels, config.out_channels, candle)
}

/// A half of the encoder's moments.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    Mean,
    LogVariance,
}

/// Returns mean or log variance of an image's latents. candle keeps the moments private and only
/// draws samples. The last convolution therefore gets the weights of the requested half as its
/// mean, and a constant log variance so low that no noise is added.
pub(crate) fn encode(
    config: &AutoencoderKlConfig,
    mut weights: HashMap<String, Tensor>,
    moment: Moment,
    image: &Tensor,
) -> Result<Tensor> {
    let latents = config.latent_channels;
    for (key, rest) in [("quant_conv.weight", 0.0), ("quant_conv.bias", -1000.0)] {
        let Some(both) = weights.get(key) else { bail!("no {key}") };
        let start = match moment {
            Moment::Mean => 0,
            Moment::LogVariance => latents,
        };
        let wanted = both.narrow(0, start, latents)?;
        let silent = (wanted.zeros_like()? + rest)?;
        weights.insert(key.to_owned(), Tensor::cat(&[wanted, silent], 0)?);
    }
    vae(config, weights)?.encode(image)?.sample()
}
