//! `InstructPix2Pix` (Brooks et al. 2022, arXiv 2211.09800): edits an image as a text says. With
//! Hunyuan3D's weights and an empty text it removes light and shadow.

use std::{ops::ControlFlow, path::Path};

use burn::tensor::{Device, Tensor};
use hunyuan_paint_scheduler::{SchedulerConfig, SchedulerKind, random::NormalGenerator};
use image::RgbImage;

use super::{
    common::Common,
    denoise::{DenoiseOptions, StepProgress, denoise, timesteps},
    lazy_module::{LazyModule, ModuleGuard},
    weights_source::WeightsSource,
};
use crate::{
    AutoencoderKl, AutoencoderKlConfig, ClipTextConfig, ClipTextModel, ClipTokenizer, LoadOptions,
    MemoryNeed, ModelError, UNet2DConditionConfig, UNet2DConditionModel, folders,
    parameters::parameter_count, weights::KeyMap,
};

/// Options of an [`InstructPix2PixPipeline`] run.
#[derive(Clone, Debug, PartialEq)]
pub struct InstructPix2PixOptions {
    /// The instruction.
    pub prompt: String,
    /// Scheduler, steps and the guidance by the text.
    pub denoise: DenoiseOptions,
    /// The scale of the guidance by the image. Both guidances are off if the text's scale is 1 or
    /// less, or this one is below 1.
    pub image_guidance_scale: f32,
}

impl InstructPix2PixOptions {
    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// If [`DenoiseOptions::validate`] fails, or the guidance by the image is not finite.
    pub fn validate(&self) -> Result<(), ModelError> {
        let scale = self.image_guidance_scale;
        if !scale.is_finite() {
            return Err(ModelError::input("image_guidance_scale", "a finite number", scale));
        }
        self.denoise.validate()
    }

    fn is_guided(&self) -> bool {
        self.denoise.guidance_scale > 1.0 && self.image_guidance_scale >= 1.0
    }
}

impl Default for InstructPix2PixOptions {
    /// Returns Hunyuan3D's options for removing light and shadow: no text, 50 steps, no guidance.
    fn default() -> Self {
        Self {
            prompt: String::new(),
            denoise: DenoiseOptions {
                scheduler: SchedulerKind::EulerAncestral,
                num_inference_steps: 50,
                guidance_scale: 1.0,
                eta: 0.0,
            },
            image_guidance_scale: 1.5,
        }
    }
}

/// The networks of `InstructPix2Pix`.
#[derive(Debug)]
pub struct InstructPix2PixPipeline {
    tokenizer: ClipTokenizer,
    text_encoder: LazyModule<ClipTextModel>,
    unet: LazyModule<UNet2DConditionModel>,
    common: Common,
}

impl InstructPix2PixPipeline {
    /// Opens a folder in the published layout: `unet`, `vae`, `text_encoder`, `tokenizer`,
    /// `scheduler`. The memory plan decides whether networks are loaded now or at their stage of
    /// each run.
    ///
    /// # Errors
    /// If a file is missing or malformed, or weights do not match their configuration. Weights that
    /// are loaded later are checked later.
    pub fn from_pretrained(
        folder: impl AsRef<Path>,
        options: impl Into<LoadOptions>,
    ) -> Result<Self, ModelError> {
        let (folder, options) = (folder.as_ref(), options.into());
        folders::check(folder)?;
        let unet_config = UNet2DConditionConfig::read(&folder.join("unet/config.json"))?;
        let vae_config = AutoencoderKlConfig::read(&folder.join("vae/config.json"))?;
        let text_config = ClipTextConfig::read(&folder.join("text_encoder/config.json"))?;
        if unet_config.in_channels != 2 * vae_config.latent_channels {
            return Err(ModelError::input(
                "unet in_channels",
                format!("twice the autoencoder's {} latent channels", vae_config.latent_channels),
                unet_config.in_channels,
            ));
        }
        if text_config.hidden_size != unet_config.cross_attention_dim {
            return Err(ModelError::input(
                "text encoder hidden_size",
                format!("the unet's cross_attention_dim of {}", unet_config.cross_attention_dim),
                text_config.hidden_size,
            ));
        }
        let text_weights = folders::text_encoder_weights(&folder.join("text_encoder"))?;
        let unet_weights = folders::weights(&folder.join("unet"))?;
        let vae_weights = folders::weights(&folder.join("vae"))?;
        let weights = [text_weights, unet_weights, vae_weights].map(WeightsSource::File);
        let configs = (text_config, unet_config, vae_config);
        let tokenizer = ClipTokenizer::from_folder(&folder.join("tokenizer"))?;
        Self::new(configs, weights, tokenizer, folders::scheduler_config(folder)?, &options)
    }

    pub(super) fn new(
        (text_config, unet_config, vae_config): (ClipTextConfig, UNet2DConditionConfig, AutoencoderKlConfig),
        [text_weights, unet_weights, vae_weights]: [WeightsSource; 3],
        tokenizer: ClipTokenizer,
        scheduler_config: SchedulerConfig,
        options: &LoadOptions,
    ) -> Result<Self, ModelError> {
        let common = Common::new(&unet_config, vae_config, vae_weights, scheduler_config, options)?;
        let init_text = move |device: &Device| text_config.init(device);
        let init_unet = move |device: &Device| unet_config.init(device);
        let keys = KeyMap::Diffusers;
        Ok(Self {
            tokenizer,
            text_encoder: LazyModule::new("text encoder", init_text, keys, text_weights, options)?
                .preloaded()?,
            unet: LazyModule::new("delight UNet", init_unet, keys, unet_weights, options)?.preloaded()?,
            common,
        })
    }

    /// Returns the number of parameters of the UNet in a folder in the published layout. Reads only
    /// its configuration.
    ///
    /// # Errors
    /// If the configuration is missing or malformed.
    pub fn parameter_count(folder: impl AsRef<Path>) -> Result<u64, ModelError> {
        let folder = folder.as_ref();
        folders::check(folder)?;
        let config = UNet2DConditionConfig::read(&folder.join("unet/config.json"))?;
        Ok(parameter_count(&config.init(&Device::default())?))
    }

    /// Returns the denoising network.
    ///
    /// # Errors
    /// If it is not in memory and cannot be loaded.
    pub fn unet(&self) -> Result<ModuleGuard<UNet2DConditionModel>, ModelError> {
        self.unet.acquire()
    }

    /// Returns the autoencoder.
    ///
    /// # Errors
    /// If it is not in memory and cannot be loaded.
    pub fn vae(&self) -> Result<ModuleGuard<AutoencoderKl>, ModelError> {
        self.common.vae.acquire()
    }

    /// Returns the text encoder.
    ///
    /// # Errors
    /// If it is not in memory and cannot be loaded.
    pub fn text_encoder(&self) -> Result<ModuleGuard<ClipTextModel>, ModelError> {
        self.text_encoder.acquire()
    }

    /// Returns the side in pixels of the square images that the model was trained with.
    pub fn native_size(&self) -> u32 {
        self.common.native_size
    }

    /// Returns the token ids of a text, as the text encoder gets them.
    ///
    /// # Errors
    /// If the text cannot be split into tokens.
    pub fn tokenize(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        self.tokenizer.encode(text)
    }

    /// Returns the least memory that each stage of a run needs beside what is loaded, for an image
    /// of this width and height in pixels. Never waits for a load.
    pub fn memory_needs(&self, size: (u32, u32), options: &InstructPix2PixOptions) -> Vec<MemoryNeed> {
        let memory = &self.common.working_memory;
        let branches = if options.is_guided() { 3 } else { 1 };
        // The autoencoder stays in memory during the whole run.
        let vae = self.common.vae.bytes_to_load();
        vec![
            memory.vae("encoding and decoding", size, vae),
            memory.unet("repainting the image", branches, size, vae + self.unet.bytes_to_load()),
        ]
    }

    /// Checks the [memory needs](Self::memory_needs) against the budget of the load options.
    /// [`run`](Self::run) does this too.
    ///
    /// # Errors
    /// If a stage cannot fit on the device.
    pub fn check_memory(&self, size: (u32, u32), options: &InstructPix2PixOptions) -> Result<(), ModelError> {
        self.common.check_memory(&self.memory_needs(size, options))
    }

    /// Checks everything about the options that does not depend on the image: their ranges, and
    /// whether the model's scheduler configuration supports them.
    ///
    /// # Errors
    /// If [`InstructPix2PixOptions::validate`] fails, or the scheduler refuses the options.
    pub fn check_options(&self, options: &InstructPix2PixOptions) -> Result<(), ModelError> {
        options.validate()?;
        options.denoise.init_scheduler(&self.common.scheduler_config, None).map(drop)
    }

    /// Edits `image`, whose sides must be multiples of the autoencoder's spatial factor.
    ///
    /// `generator` draws the initial latents, then the noise of each step that adds some. `on_step`
    /// is called after every step; `Break` cancels the run.
    ///
    /// # Errors
    /// If an option or the image's size is invalid, the device has not enough memory, or `on_step`
    /// cancels.
    pub fn run(
        &self,
        image: &RgbImage,
        options: &InstructPix2PixOptions,
        generator: &mut dyn NormalGenerator,
        on_step: &mut dyn FnMut(&StepProgress<'_>) -> ControlFlow<()>,
    ) -> Result<RgbImage, ModelError> {
        options.validate()?;
        let mut scheduler = options.denoise.init_scheduler(&self.common.scheduler_config, None)?;
        let InstructPix2PixOptions {
            prompt,
            denoise: DenoiseOptions { guidance_scale, .. },
            image_guidance_scale,
        } = options;
        let guided = options.is_guided();
        self.check_memory(image.dimensions(), options)?;
        let device = &self.common.device;

        // 1. encode the prompt; with guidance, also the empty prompt for the other two branches
        let text_encoder = self.text_encoder()?;
        let encode_text = |text: &str| text_encoder.forward(&[self.tokenizer.encode(text)?], device);
        let text = encode_text(prompt)?;
        let text = if guided {
            let empty = encode_text("")?;
            Tensor::cat(vec![text, empty.clone(), empty], 0)
        } else {
            text
        };
        drop(text_encoder);

        // 2. encode the image: the mode of its latents, not scaled; zeros for the third branch
        let images = self.common.to_tensor("image", std::slice::from_ref(image))?;
        let vae = self.vae()?;
        let image_latents = vae.encode(images)?.mean;
        let [_, channels, height, width] = image_latents.dims();
        let image_latents = if guided {
            let none = image_latents.zeros_like();
            Tensor::cat(vec![image_latents.clone(), image_latents, none], 0)
        } else {
            image_latents
        };

        // 3. denoise
        let unet = self.unet()?;
        let denoiser = unet.denoiser(text, &timesteps(scheduler.as_ref()))?;
        let predict = |sample: Tensor<4>, step: usize| {
            let branches = image_latents.dims()[0];
            let sample = Tensor::cat(vec![sample.repeat_dim(0, branches), image_latents.clone()], 1);
            let output = denoiser.predict(sample, step)?;
            if !guided {
                return Ok(output);
            }
            let branch = |i| output.clone().narrow(0, i, 1);
            let (by_text, by_image, by_none) = (branch(0), branch(1), branch(2));
            let text_direction = (by_text - by_image.clone()).mul_scalar(*guidance_scale);
            let image_direction = (by_image - by_none.clone()).mul_scalar(*image_guidance_scale);
            Ok(by_none + text_direction + image_direction)
        };
        let shape = [1, channels, height, width];
        let decoder = self.common.decoder(&vae);
        let preview = |latents| decoder.preview(latents);
        let latents = denoise(scheduler.as_mut(), shape, generator, device, predict, preview, on_step)?;

        // 4. decode
        drop(denoiser);
        drop(unet);
        let none = || ModelError::input("decoded images", "one", "none");
        decoder.decode(latents)?.into_iter().next().ok_or_else(none)
    }
}
