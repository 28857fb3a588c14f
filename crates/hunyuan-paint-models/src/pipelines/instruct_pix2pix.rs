//! `InstructPix2Pix` (Brooks et al. 2022, arXiv 2211.09800): an image repainted as a text asks. With
//! Hunyuan3D's weights and an empty text it removes light and shadow.

use std::{ops::ControlFlow, path::Path};

use burn::tensor::{Device, Tensor};
use hunyuan_paint_scheduler::{SchedulerConfig, SchedulerKind, random::NormalGenerator};
use image::RgbImage;

use super::{
    WeightsSource, autoencoder,
    denoise::{DenoiseOptions, StepProgress, denoise, timesteps},
    images,
    lazy_module::{LazyModule, ModuleGuard},
    working_memory::WorkingMemory,
};
use crate::{
    AutoencoderKl, AutoencoderKlConfig, ClipTextConfig, ClipTextModel, ClipTokenizer, LoadOptions,
    MemoryBudget, MemoryNeed, ModelError, UNet2DConditionConfig, UNet2DConditionModel, folder,
    parameters::parameter_count,
};

/// How to repaint an image.
#[derive(Clone, Debug, PartialEq)]
pub struct InstructPix2PixOptions {
    /// What to do to the image.
    pub prompt: String,
    /// Scheduler, steps and the guidance by the text.
    pub denoise: DenoiseOptions,
    /// The guidance by the image; both guidances are off where the text's is 1 or less, or this below 1.
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
    /// As Hunyuan3D removes light and shadow: no text, 50 steps, guidance off.
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
    vae: LazyModule<AutoencoderKl>,
    spatial_factor: usize,
    scheduler_config: SchedulerConfig,
    native_size: u32,
    working_memory: WorkingMemory,
    budget: MemoryBudget,
    device: Device,
}

impl InstructPix2PixPipeline {
    /// Opens a folder in the published layout: `unet`, `vae`, `text_encoder`, `tokenizer`, `scheduler`. Its networks are
    /// loaded at once or when their turn comes, as the options' memory plan has it.
    ///
    /// # Errors
    /// If a file is missing or malformed, or the weights are not the configuration's; of weights that are loaded later, when
    /// they are.
    pub fn from_pretrained(
        folder: impl AsRef<Path>,
        options: impl Into<LoadOptions>,
    ) -> Result<Self, ModelError> {
        let (folder, options) = (folder.as_ref(), options.into());
        folder::check(folder)?;
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
        let text_weights = folder::text_encoder_weights(&folder.join("text_encoder"))?;
        let (unet_weights, vae_weights) =
            (folder::weights(&folder.join("unet"))?, folder::weights(&folder.join("vae"))?);
        let weights = [text_weights, unet_weights, vae_weights].map(WeightsSource::File);
        let configs = (text_config, unet_config, vae_config);
        let tokenizer = ClipTokenizer::from_folder(&folder.join("tokenizer"))?;
        Self::new(configs, weights, tokenizer, folder::scheduler_config(folder)?, options)
    }

    pub(super) fn new(
        (text_config, unet_config, vae_config): (ClipTextConfig, UNet2DConditionConfig, AutoencoderKlConfig),
        [text_weights, unet_weights, vae_weights]: [WeightsSource; 3],
        tokenizer: ClipTokenizer,
        scheduler_config: SchedulerConfig,
        options: LoadOptions,
    ) -> Result<Self, ModelError> {
        let spatial_factor = vae_config.spatial_factor();
        let native_size = (unet_config.sample_size * spatial_factor).min(folder::TRAINED_SIZE) as u32;
        let working_memory = WorkingMemory::new(&unet_config, &vae_config, &options);
        let LoadOptions { device, budget, .. } = options.clone();

        let vae = autoencoder(vae_config, vae_weights, &options)?;
        let (load, blank) = (options.clone(), text_config.init(&device)?);
        let text_encoder = LazyModule::new("text encoder", &blank, &options, move || match &text_weights {
            WeightsSource::File(file) => text_config.load(file, load.clone()),
            #[cfg(feature = "random-weights")]
            WeightsSource::Random(seed) => text_config.random(*seed, load.clone()),
        })?;
        let (load, blank) = (options.clone(), unet_config.init(&device)?);
        let unet = LazyModule::new("delight UNet", &blank, &options, move || match &unet_weights {
            WeightsSource::File(file) => unet_config.load(file, load.clone()),
            #[cfg(feature = "random-weights")]
            WeightsSource::Random(seed) => unet_config.random(*seed, load.clone()),
        })?;
        Ok(Self {
            tokenizer,
            text_encoder,
            unet,
            vae,
            scheduler_config,
            spatial_factor,
            native_size,
            working_memory,
            budget,
            device,
        })
    }

    /// Returns the parameters of the UNet of a folder in the published layout, from its configuration.
    ///
    /// # Errors
    /// If the configuration is missing or malformed.
    pub fn parameter_count(folder: impl AsRef<Path>) -> Result<u64, ModelError> {
        let folder = folder.as_ref();
        folder::check(folder)?;
        let config = UNet2DConditionConfig::read(&folder.join("unet/config.json"))?;
        Ok(parameter_count(&config.init(&Device::default())?))
    }

    /// The denoising network.
    ///
    /// # Errors
    /// If it has to be loaded, and cannot be.
    pub fn unet(&self) -> Result<ModuleGuard<UNet2DConditionModel>, ModelError> {
        self.unet.acquire()
    }

    /// The autoencoder.
    ///
    /// # Errors
    /// If it has to be loaded, and cannot be.
    pub fn vae(&self) -> Result<ModuleGuard<AutoencoderKl>, ModelError> {
        self.vae.acquire()
    }

    /// The text encoder.
    ///
    /// # Errors
    /// If it has to be loaded, and cannot be.
    pub fn text_encoder(&self) -> Result<ModuleGuard<ClipTextModel>, ModelError> {
        self.text_encoder.acquire()
    }

    /// Side of the square images that the model was made for.
    pub fn native_size(&self) -> u32 {
        self.native_size
    }

    /// The token ids of a text, as the text encoder gets them.
    ///
    /// # Errors
    /// If the text cannot be split into tokens.
    pub fn tokenize(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        self.tokenizer.encode(text)
    }

    /// What repainting needs on the device at least, stage by stage, beside what is loaded already: for an image of this
    /// width and height in pixels.
    pub fn memory_needs(&self, size: (u32, u32), options: &InstructPix2PixOptions) -> Vec<MemoryNeed> {
        let memory = &self.working_memory;
        let branches = if options.is_guided() { 3 } else { 1 };
        // The autoencoder stays from the first image to the last.
        let vae = self.vae.bytes_to_load();
        vec![
            memory.vae("encoding and decoding", size, vae),
            memory.unet("repainting the image", branches, size, vae + self.unet.bytes_to_load()),
        ]
    }

    /// Whether that fits on the device, as far as the load options' budget knows it. [`run`](Self::run) asks too.
    ///
    /// # Errors
    /// If it cannot.
    pub fn check_memory(&self, size: (u32, u32), options: &InstructPix2PixOptions) -> Result<(), ModelError> {
        self.memory_needs(size, options).iter().try_for_each(|need| self.budget.check(need))
    }

    /// Repaints `image`, whose sides must be multiples of the autoencoder's spatial factor.
    ///
    /// `generator` draws the initial latents, then the noise of each step that needs some. `on_step`
    /// is called after every step; breaking cancels the run.
    ///
    /// # Errors
    /// If an option or the image's size does not fit, the device has not enough memory, or the run was cancelled.
    pub fn run(
        &self,
        image: &RgbImage,
        options: &InstructPix2PixOptions,
        generator: &mut dyn NormalGenerator,
        on_step: &mut dyn FnMut(&StepProgress<'_>) -> ControlFlow<()>,
    ) -> Result<RgbImage, ModelError> {
        options.validate()?;
        let InstructPix2PixOptions {
            prompt,
            denoise: DenoiseOptions { guidance_scale, .. },
            image_guidance_scale,
        } = options;
        let guided = options.is_guided();
        self.check_memory(image.dimensions(), options)?;

        // 1. text: of the prompt, and with guidance of the empty prompt for the other two branches
        let text_encoder = self.text_encoder()?;
        let encode_text = |text: &str| text_encoder.forward(&[self.tokenizer.encode(text)?], &self.device);
        let text = encode_text(prompt)?;
        let text = if guided {
            let empty = encode_text("")?;
            Tensor::cat(vec![text, empty.clone(), empty], 0)
        } else {
            text
        };

        drop(text_encoder);

        // 2. the image's latents: the mode, not scaled; nothing for the third branch
        let images =
            images::to_tensor("image", std::slice::from_ref(image), self.spatial_factor, &self.device)?;
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
        let mut scheduler = options.denoise.init_scheduler(&self.scheduler_config)?;
        scheduler.set_timesteps(options.denoise.num_inference_steps)?;
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
        let decode = |latents: Tensor<4>| images::decode(&vae, latents.div_scalar(vae.scaling_factor()));
        let latents = denoise(scheduler.as_mut(), shape, generator, &self.device, predict, decode, on_step)?;

        // 4. decode
        drop(denoiser);
        drop(unet);
        let decoded = decode(latents)?;
        let none = || ModelError::input("decoded images", "one", "none");
        decoded.into_iter().next().ok_or_else(none)
    }
}
