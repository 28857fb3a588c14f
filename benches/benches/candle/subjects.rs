//! The networks that are compared, and their inputs, in the types of both implementations.

use std::path::Path;

use burn::tensor::{Device, Tensor as BurnTensor, TensorData};
use candle_core::Tensor;
use hunyuan_paint_models::{AutoencoderKlConfig, ModelError, UNet2DConditionConfig};
use hunyuan_paint_scheduler::random::{NormalGenerator, Philox};
use serde_json::{Value, json};

/// Tokens per text.
const TOKENS: usize = 77;

/// A UNet with the architecture of Stable Diffusion 2.1, in another size, and an autoencoder.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    /// Channels of the UNet's levels; the innermost level has no attention.
    pub(crate) unet_channels: &'static [usize],
    pub(crate) heads: &'static [usize],
    pub(crate) cross_attention_dim: usize,
    /// Side of the UNet's latents.
    pub(crate) latents: usize,
    /// Channels of the autoencoder's levels.
    pub(crate) vae_channels: &'static [usize],
    /// Side of the autoencoder's images.
    pub(crate) image: usize,
}

pub(crate) const SMALL: Subject = Subject {
    name: "small",
    unet_channels: &[32, 64],
    heads: &[2, 4],
    cross_attention_dim: 48,
    latents: 16,
    vae_channels: &[32, 64],
    image: 64,
};

pub(crate) const MIDDLE: Subject = Subject {
    name: "middle",
    unet_channels: &[64, 128, 256, 256],
    heads: &[1, 2, 4, 4],
    cross_attention_dim: 1024,
    latents: 64,
    vae_channels: &[64, 128, 256, 256],
    image: 256,
};

/// The size of Stable Diffusion 2.1.
pub(crate) const LARGE: Subject = Subject {
    name: "large",
    unet_channels: &[320, 640, 1280, 1280],
    heads: &[5, 10, 20, 20],
    cross_attention_dim: 1024,
    latents: 64,
    vae_channels: &[128, 256, 512, 512],
    image: 256,
};

impl Subject {
    /// Returns the `config.json` for diffusers.
    pub(crate) fn unet_json(&self) -> Value {
        let levels = self.unet_channels.len();
        let blocks = |attending: &str, plain: &str, innermost: usize| -> Vec<String> {
            let kind = |level| if level == innermost { plain } else { attending };
            (0..levels).map(|level| kind(level).to_owned()).collect()
        };
        json!({
            "sample_size": self.latents,
            "in_channels": 4,
            "out_channels": 4,
            "down_block_types": blocks("CrossAttnDownBlock2D", "DownBlock2D", levels - 1),
            "up_block_types": blocks("CrossAttnUpBlock2D", "UpBlock2D", 0),
            "block_out_channels": self.unet_channels,
            "layers_per_block": 2,
            "cross_attention_dim": self.cross_attention_dim,
            "attention_head_dim": self.heads,
            "use_linear_projection": true,
            "norm_num_groups": 32,
        })
    }

    pub(crate) fn unet_config(&self) -> Result<UNet2DConditionConfig, ModelError> {
        UNet2DConditionConfig::from_json(self.unet_json(), Path::new(self.name))
    }

    pub(crate) fn vae_config(&self) -> Result<AutoencoderKlConfig, ModelError> {
        let levels = self.vae_channels.len();
        let json = json!({
            "down_block_types": vec!["DownEncoderBlock2D"; levels],
            "up_block_types": vec!["UpDecoderBlock2D"; levels],
            "block_out_channels": self.vae_channels,
            "layers_per_block": 2,
        });
        AutoencoderKlConfig::from_json(json, Path::new(self.name))
    }

    pub(crate) fn sample(&self) -> candle_core::Result<Tensor> {
        randn(1, &[1, 4, self.latents, self.latents])
    }

    pub(crate) fn text(&self) -> candle_core::Result<Tensor> {
        randn(2, &[1, TOKENS, self.cross_attention_dim])
    }

    pub(crate) fn picture(&self) -> candle_core::Result<Tensor> {
        randn(3, &[1, 3, self.image, self.image])?.tanh()
    }

    pub(crate) fn picture_latents(&self) -> candle_core::Result<Tensor> {
        let side = self.image >> (self.vae_channels.len() - 1);
        randn(4, &[1, 4, side, side])
    }
}

fn randn(seed: u64, shape: &[usize]) -> candle_core::Result<Tensor> {
    Tensor::from_vec(Philox::new(seed).randn(shape.iter().product()), shape, &candle_core::Device::Cpu)
}

/// Returns the values of a candle tensor.
pub(crate) fn values(tensor: &Tensor) -> candle_core::Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

/// Converts a candle tensor to a burn tensor.
pub(crate) fn to_burn<const D: usize>(tensor: &Tensor) -> candle_core::Result<BurnTensor<D>> {
    let data = TensorData::new(values(tensor)?, tensor.dims().to_vec());
    Ok(BurnTensor::from_data(data, &Device::flex()))
}
