//! The autoencoder that converts between images and latents (Rombach et al. 2022,
//! arXiv 2112.10752).

use std::path::Path;

use burn::{
    module::Module,
    nn::{
        GroupNorm, GroupNormConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{Device, Tensor},
};
use hunyuan_paint_kernels::{Operation, Padding};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    LoadOptions, ModelError, Precision,
    config::{LAYERS_MAX, check_levels, read_json, require, unsupported},
    layers::{
        Attention, Downsample2D, ResnetBlock2D, ResnetBlock2DConfig, Upsample2D, conv1x1, conv3x3, norm_silu,
    },
    weights::{self, KeyMap},
};

/// Epsilon of the group norms.
const EPS: f64 = 1e-6;

/// diffusers' configuration of an `AutoencoderKL`. Absent fields take diffusers' defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct AutoencoderKlConfig {
    /// Channels of an encoded image.
    pub in_channels: usize,
    /// Channels of a decoded image.
    pub out_channels: usize,
    /// One `DownEncoderBlock2D` for each level.
    pub down_block_types: Vec<String>,
    /// One `UpDecoderBlock2D` for each level.
    pub up_block_types: Vec<String>,
    /// Channels of every level, outermost first.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks of each encoder level. Decoder levels have one more.
    pub layers_per_block: usize,
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Groups of the group norms.
    pub norm_num_groups: usize,
    /// Latents are multiplied by this factor before diffusion.
    pub scaling_factor: f64,
    /// Whether the middle blocks have an attention layer.
    pub mid_block_add_attention: bool,
    /// Whether a 1×1 convolution follows the encoder.
    pub use_quant_conv: bool,
    /// Whether a 1×1 convolution precedes the decoder.
    pub use_post_quant_conv: bool,
}

impl Default for AutoencoderKlConfig {
    fn default() -> Self {
        Self {
            in_channels: 3,
            out_channels: 3,
            down_block_types: vec!["DownEncoderBlock2D".to_owned()],
            up_block_types: vec!["UpDecoderBlock2D".to_owned()],
            block_out_channels: vec![64],
            layers_per_block: 1,
            latent_channels: 4,
            norm_num_groups: 32,
            scaling_factor: 0.18215,
            mid_block_add_attention: true,
            use_quant_conv: true,
            use_post_quant_conv: true,
        }
    }
}

impl AutoencoderKlConfig {
    /// Returns the configuration of Stable Diffusion 2.1's autoencoder.
    pub fn sd21() -> Self {
        Self {
            down_block_types: vec!["DownEncoderBlock2D".to_owned(); 4],
            up_block_types: vec!["UpDecoderBlock2D".to_owned(); 4],
            block_out_channels: vec![128, 256, 512, 512],
            layers_per_block: 2,
            ..Self::default()
        }
    }

    /// Returns how many pixels wide and high one latent is.
    pub fn spatial_factor(&self) -> usize {
        1 << (self.block_out_channels.len().max(1) - 1)
    }

    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// If the file is missing or malformed, or asks for an unsupported variant of the network.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::from_json(read_json(path)?, path)
    }

    /// Reads and checks a parsed `config.json`. Errors name it by `path`.
    ///
    /// # Errors
    /// If the configuration is malformed, or asks for an unsupported variant of the network.
    pub fn from_json(json: Value, path: &Path) -> Result<Self, ModelError> {
        require(path, &json, "act_fn", &json!("silu"))?;
        for field in ["shift_factor", "latents_mean", "latents_std"] {
            require(path, &json, field, &Value::Null)?;
        }
        let config: Self = serde_json::from_value(json)
            .map_err(|source| ModelError::Json { path: path.to_owned(), source })?;
        config.check(path)?;
        Ok(config)
    }

    fn check(&self, path: &Path) -> Result<(), ModelError> {
        let blocks = [
            ("down_block_types", self.down_block_types.len()),
            ("up_block_types", self.up_block_types.len()),
        ];
        check_levels(path, &self.block_out_channels, self.norm_num_groups, blocks)?;
        for (field, types, supported) in [
            ("down_block_types", &self.down_block_types, "DownEncoderBlock2D"),
            ("up_block_types", &self.up_block_types, "UpDecoderBlock2D"),
        ] {
            if let Some(other) = types.iter().find(|t| *t != supported) {
                return Err(unsupported(path, field, supported, other));
            }
        }
        for (field, value, max) in [
            ("in_channels", self.in_channels, 1 << 12),
            ("out_channels", self.out_channels, 1 << 12),
            ("latent_channels", self.latent_channels, 1 << 12),
            ("layers_per_block", self.layers_per_block, LAYERS_MAX),
        ] {
            if !(1..=max).contains(&value) {
                return Err(unsupported(path, field, format!("1 to {max}"), value));
            }
        }
        if !(self.scaling_factor.is_finite() && self.scaling_factor > 0.0) {
            return Err(unsupported(path, "scaling_factor", "a positive number", self.scaling_factor));
        }
        Ok(())
    }

    /// Creates the network with burn's random initial weights.
    ///
    /// # Errors
    /// If the sizes are inconsistent.
    pub fn init(&self, device: &Device) -> Result<AutoencoderKl, ModelError> {
        self.check(Path::new("AutoencoderKlConfig"))?;
        let latents = self.latent_channels;
        let conv1x1 = |channels| Conv2dConfig::new([channels, channels], [1, 1]).init(device);
        Ok(AutoencoderKl {
            encoder: Encoder::new(self, device),
            quant_conv: self.use_quant_conv.then(|| conv1x1(2 * latents)),
            post_quant_conv: self.use_post_quant_conv.then(|| conv1x1(latents)),
            decoder: Decoder::new(self, device),
            scaling_factor: self.scaling_factor,
            spatial_factor: self.spatial_factor(),
        })
    }

    /// Loads the weights of a network with this configuration from a file.
    ///
    /// # Errors
    /// If the file cannot be read, or its keys or shapes do not match the network.
    pub fn load(&self, file: &Path, options: impl Into<LoadOptions>) -> Result<AutoencoderKl, ModelError> {
        let options = options.into();
        weights::load(self.init(&options.device)?, file, KeyMap::Diffusers, &options)
    }

    fn resnet(&self, in_channels: usize, out_channels: usize, device: &Device) -> ResnetBlock2D {
        ResnetBlock2DConfig {
            in_channels,
            out_channels,
            time_channels: None,
            groups: self.norm_num_groups,
            eps: EPS,
        }
        .init(device)
    }

    fn norm(&self, channels: usize, device: &Device) -> GroupNorm {
        GroupNormConfig::new(self.norm_num_groups, channels).with_epsilon(EPS).init(device)
    }
}

/// diffusers' `AutoencoderKL`.
#[derive(Module, Debug)]
pub struct AutoencoderKl {
    encoder: Encoder,
    quant_conv: Option<Conv2d>,
    post_quant_conv: Option<Conv2d>,
    decoder: Decoder,
    scaling_factor: f64,
    spatial_factor: usize,
}

/// The encoder's result for an image: a normal distribution of latents.
#[derive(Clone, Debug)]
pub struct DiagonalGaussian {
    /// The mean, which is also the mode, `[B, latent_channels, h, w]`.
    pub mean: Tensor<4>,
    /// The logarithm of the variance, clamped to −30…20, `[B, latent_channels, h, w]`.
    pub logvar: Tensor<4>,
}

impl DiagonalGaussian {
    /// Returns `mean + std · noise`, for standard normal noise of the mean's shape.
    ///
    /// # Errors
    /// If the noise has another shape.
    pub fn sample(&self, noise: Tensor<4>) -> Result<Tensor<4>, ModelError> {
        let (expected, found) = (self.mean.dims(), noise.dims());
        if found != expected {
            return Err(ModelError::input("noise", format!("{expected:?}"), format!("{found:?}")));
        }
        Ok(self.mean.clone() + (self.logvar.clone() * 0.5).exp() * noise)
    }
}

impl AutoencoderKl {
    /// Converts the weights to another precision.
    ///
    /// # Errors
    /// If the network's device does not support the precision.
    pub fn with_precision(self, precision: Precision) -> Result<Self, ModelError> {
        precision.convert(self)
    }

    /// Returns the factor by which latents are multiplied before diffusion, and divided after it.
    pub fn scaling_factor(&self) -> f64 {
        self.scaling_factor
    }

    /// Returns the channels of the latents.
    pub fn latent_channels(&self) -> usize {
        self.decoder.conv_in.weight.dims()[1]
    }

    /// Returns how many pixels wide and high one latent is.
    pub fn spatial_factor(&self) -> usize {
        self.spatial_factor
    }

    /// Encodes images `[B, in_channels, H, W]` with values −1…1. Images are processed one at a
    /// time, so memory does not grow with the batch. Pixels beyond the last multiple of the spatial
    /// factor are lost.
    ///
    /// # Errors
    /// If the shape is wrong, or a side is shorter than [`spatial_factor`](Self::spatial_factor).
    pub fn encode(&self, images: Tensor<4>) -> Result<DiagonalGaussian, ModelError> {
        let [batch, channels, height, width] = images.dims();
        let factor = self.spatial_factor;
        let fits = batch > 0 && channels == self.encoder.conv_in.weight.dims()[1] && height * width > 0;
        if !fits || height < factor || width < factor {
            let expected = format!(
                "[B, {}, H, W] with H and W at least {factor}",
                self.encoder.conv_in.weight.dims()[1]
            );
            return Err(ModelError::input("images", expected, format!("{:?}", images.dims())));
        }
        let (io_dtype, compute_dtype) = (images.dtype(), self.encoder.conv_in.weight.dtype());
        let moments = images.cast(compute_dtype).split(1, 0).into_iter().map(|image| {
            let moments = self.encoder.forward(image);
            match &self.quant_conv {
                Some(quant_conv) => conv1x1(quant_conv, moments),
                None => moments,
            }
        });
        let moments = Tensor::cat(moments.collect(), 0).cast(io_dtype);
        let latents = moments.dims()[1] / 2;
        Ok(DiagonalGaussian {
            mean: moments.clone().narrow(1, 0, latents),
            logvar: moments.narrow(1, latents, latents).clamp(-30.0, 20.0),
        })
    }

    /// Decodes latents `[B, latent_channels, h, w]`, divided by the scaling factor, to images with
    /// values of about −1…1. Latents are processed one at a time.
    ///
    /// # Errors
    /// If the shape is wrong.
    pub fn decode(&self, latents: Tensor<4>) -> Result<Tensor<4>, ModelError> {
        let [batch, channels, height, width] = latents.dims();
        let expected = self.latent_channels();
        if batch == 0 || channels != expected || height * width == 0 {
            let expected = format!("[B, {expected}, h, w]");
            return Err(ModelError::input("latents", expected, format!("{:?}", latents.dims())));
        }
        let (io_dtype, compute_dtype) = (latents.dtype(), self.decoder.conv_in.weight.dtype());
        let images = latents.cast(compute_dtype).split(1, 0).into_iter().map(|latent| {
            let latent = match &self.post_quant_conv {
                Some(post_quant_conv) => conv1x1(post_quant_conv, latent),
                None => latent,
            };
            self.decoder.forward(latent)
        });
        Ok(Tensor::cat(images.collect(), 0).cast(io_dtype))
    }
}

fn init_conv3x3(from: usize, to: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new([from, to], [3, 3]).with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1)).init(device)
}

/// Maps an image to mean and log-variance of its latents.
#[derive(Module, Debug)]
struct Encoder {
    conv_in: Conv2d,
    down_blocks: Vec<DownEncoderBlock>,
    mid_block: MidBlock,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
}

impl Encoder {
    fn new(config: &AutoencoderKlConfig, device: &Device) -> Self {
        let channels = &config.block_out_channels;
        let last = channels.len() - 1;
        let down_block = |(i, &to): (usize, &usize)| DownEncoderBlock {
            resnets: (0..config.layers_per_block)
                .map(|layer| {
                    let from = if layer == 0 { channels[i.saturating_sub(1)] } else { to };
                    config.resnet(from, to, device)
                })
                .collect(),
            downsampler: (i != last).then(|| Downsample2D::new(to, Padding::BottomRight, device)),
        };
        Self {
            conv_in: init_conv3x3(config.in_channels, channels[0], device),
            down_blocks: channels.iter().enumerate().map(down_block).collect(),
            mid_block: MidBlock::new(config, channels[last], device),
            conv_norm_out: config.norm(channels[last], device),
            conv_out: init_conv3x3(channels[last], 2 * config.latent_channels, device),
        }
    }

    fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        let mut x = conv3x3(&self.conv_in, image).run();
        for block in &self.down_blocks {
            x = block.forward(x);
        }
        let x = self.mid_block.forward(x);
        conv3x3(&self.conv_out, norm_silu(&self.conv_norm_out, x)).run()
    }
}

/// Maps latents to an image.
#[derive(Module, Debug)]
struct Decoder {
    conv_in: Conv2d,
    mid_block: MidBlock,
    up_blocks: Vec<UpDecoderBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
}

impl Decoder {
    fn new(config: &AutoencoderKlConfig, device: &Device) -> Self {
        let channels: Vec<usize> = config.block_out_channels.iter().rev().copied().collect();
        let last = channels.len() - 1;
        let up_block = |(i, &to): (usize, &usize)| UpDecoderBlock {
            resnets: (0..=config.layers_per_block)
                .map(|layer| {
                    let from = if layer == 0 { channels[i.saturating_sub(1)] } else { to };
                    config.resnet(from, to, device)
                })
                .collect(),
            upsampler: (i != last).then(|| Upsample2D::new(to, device)),
        };
        Self {
            conv_in: init_conv3x3(config.latent_channels, channels[0], device),
            mid_block: MidBlock::new(config, channels[0], device),
            up_blocks: channels.iter().enumerate().map(up_block).collect(),
            conv_norm_out: config.norm(channels[last], device),
            conv_out: init_conv3x3(channels[last], config.out_channels, device),
        }
    }

    fn forward(&self, latent: Tensor<4>) -> Tensor<4> {
        let mut x = self.mid_block.forward(conv3x3(&self.conv_in, latent).run());
        for block in &self.up_blocks {
            x = block.forward(x);
        }
        conv3x3(&self.conv_out, norm_silu(&self.conv_norm_out, x)).run()
    }
}

#[derive(Module, Debug)]
struct DownEncoderBlock {
    resnets: Vec<ResnetBlock2D>,
    downsampler: Option<Downsample2D>,
}

impl DownEncoderBlock {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.resnets.iter().fold(x, |x, resnet| resnet.forward(x, None));
        match &self.downsampler {
            Some(downsampler) => downsampler.forward(x),
            None => x,
        }
    }
}

#[derive(Module, Debug)]
struct UpDecoderBlock {
    resnets: Vec<ResnetBlock2D>,
    upsampler: Option<Upsample2D>,
}

impl UpDecoderBlock {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.resnets.iter().fold(x, |x, resnet| resnet.forward(x, None));
        match &self.upsampler {
            Some(upsampler) => {
                let [_, _, height, width] = x.dims();
                upsampler.forward(x, [2 * height, 2 * width])
            }
            None => x,
        }
    }
}

/// Two residual blocks with single-head attention over all pixels between them.
#[derive(Module, Debug)]
struct MidBlock {
    resnets: Vec<ResnetBlock2D>,
    attentions: Vec<Attention>,
}

impl MidBlock {
    fn new(config: &AutoencoderKlConfig, channels: usize, device: &Device) -> Self {
        let resnet = || config.resnet(channels, channels, device);
        let attention = || {
            Attention::new(channels, channels, 1, true, device).with_group_norm(config.norm(channels, device))
        };
        Self {
            resnets: vec![resnet(), resnet()],
            attentions: config.mid_block_add_attention.then(attention).into_iter().collect(),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.resnets[0].forward(x, None);
        let x = self.attentions.iter().fold(x, |x, attention| attention.forward_map(x));
        self.resnets[1].forward(x, None)
    }
}
