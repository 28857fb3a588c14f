//! Hunyuan3D-Paint's multiview diffusion (arXiv 2501.12202, section 4): paints images of an object
//! from several cameras, from reference images of the object and the geometry that each camera
//! sees.

use std::{ops::ControlFlow, path::Path};

use burn::tensor::{Device, Tensor};
use hunyuan_paint_scheduler::{
    Scheduler, SchedulerConfig, SchedulerKind, TimestepSpacing, random::NormalGenerator,
};
use image::RgbImage;

use super::{
    common::Common,
    denoise::{DenoiseOptions, StepProgress, denoise, randn, timesteps},
    lazy_module::{LazyModule, ModuleGuard},
    weights_source::WeightsSource,
};
use crate::{
    AutoencoderKl, AutoencoderKlConfig, Branch, LoadOptions, MemoryNeed, ModelError, MultiviewUNet,
    ReferenceUNet, UNet2p5DConditionConfig, ViewConditions, folders, parameters::parameter_count,
    weights::KeyMap,
};

/// Steps of the turbo model.
pub const TURBO_STEPS: usize = 10;

/// The turbo model was distilled on this many evenly spaced timesteps.
const TURBO_GRID: usize = 30;

/// Options of a [`MultiviewPipeline`] run.
#[derive(Clone, Debug, PartialEq)]
pub struct MultiviewOptions {
    /// Scheduler, steps and guidance.
    pub denoise: DenoiseOptions,
    /// Whether to use the timesteps that the turbo model was distilled on. Only LCM does.
    pub turbo_timesteps: bool,
}

impl MultiviewOptions {
    /// Returns the options of the standard model: 30 steps, guidance 2.
    pub fn standard() -> Self {
        let denoise = DenoiseOptions {
            scheduler: SchedulerKind::EulerAncestral,
            num_inference_steps: 30,
            guidance_scale: 2.0,
            eta: 0.0,
        };
        Self { denoise, turbo_timesteps: false }
    }

    /// Returns the options of the turbo model: 10 steps, no guidance.
    pub fn turbo() -> Self {
        let denoise = DenoiseOptions {
            scheduler: SchedulerKind::Lcm,
            num_inference_steps: TURBO_STEPS,
            guidance_scale: 1.0,
            eta: 0.0,
        };
        Self { denoise, turbo_timesteps: true }
    }

    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// If [`DenoiseOptions::validate`] fails, or the run uses the turbo timesteps and has not 1 to
    /// 30 steps.
    pub fn validate(&self) -> Result<(), ModelError> {
        self.denoise.validate()?;
        self.custom_timesteps().map(drop)
    }

    /// Returns the turbo timesteps if the run uses them.
    fn custom_timesteps(&self) -> Result<Option<Vec<usize>>, ModelError> {
        if !self.turbo_timesteps || self.denoise.scheduler != SchedulerKind::Lcm {
            return Ok(None);
        }
        let steps = self.denoise.num_inference_steps;
        let wrong = || {
            ModelError::input("num_inference_steps", format!("1 to {TURBO_GRID} with turbo timesteps"), steps)
        };
        turbo_timesteps(steps).ok_or_else(wrong).map(Some)
    }

    /// Returns the branches that are predicted for each view. Guidance adds the one without
    /// references.
    fn branches(&self) -> &'static [Branch] {
        if self.denoise.guidance_scale > 1.0 {
            &[Branch::Unconditional, Branch::Conditional]
        } else {
            &[Branch::Conditional]
        }
    }
}

/// Returns the timesteps of the turbo model, out of 1000: 989, 890, … 98 for 10 steps. `None` for 0
/// or more than 30 steps.
pub fn turbo_timesteps(num_inference_steps: usize) -> Option<Vec<usize>> {
    let ratio = 1000 / TURBO_GRID;
    let grid = |i: usize| (TURBO_GRID - i * TURBO_GRID / num_inference_steps) * ratio - 1;
    (1..=TURBO_GRID).contains(&num_inference_steps).then(|| (0..num_inference_steps).map(grid).collect())
}

/// Inputs of a [`MultiviewPipeline`] run. All images have the same size, a multiple of the
/// autoencoder's spatial factor on each side.
#[derive(Clone, Copy, Debug)]
pub struct MultiviewInputs<'a> {
    /// At least one image of the object, unlit, on white.
    pub references: &'a [RgbImage],
    /// The normals that each camera sees.
    pub normal_maps: &'a [RgbImage],
    /// The positions that each camera sees.
    pub position_maps: &'a [RgbImage],
    /// The index of the trained view that is nearest to each camera, 0 to 43.
    pub view_indices: &'a [u32],
}

/// The networks of Hunyuan3D-Paint.
#[derive(Debug)]
pub struct MultiviewPipeline {
    unet: LazyModule<MultiviewUNet>,
    reference_unet: LazyModule<ReferenceUNet>,
    common: Common,
}

impl MultiviewPipeline {
    /// Opens a folder in the published layout: `unet`, `vae`, `scheduler`. The memory plan decides
    /// whether networks are loaded now or at their stage of each run.
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
        let unet_config = UNet2p5DConditionConfig::read(&folder.join("unet/config.json"))?;
        let vae_config = AutoencoderKlConfig::read(&folder.join("vae/config.json"))?;
        if unet_config.unet.in_channels != vae_config.latent_channels {
            return Err(ModelError::input(
                "unet in_channels",
                format!("the autoencoder's {} latent channels", vae_config.latent_channels),
                unet_config.unet.in_channels,
            ));
        }
        let unet_weights = folders::weights(&folder.join("unet"))?;
        let vae_weights = folders::weights(&folder.join("vae"))?;
        // The original sets the spacing itself, whatever the file says.
        let scheduler_config = SchedulerConfig {
            timestep_spacing: Some(TimestepSpacing::Trailing),
            ..folders::scheduler_config(folder)?
        };
        let weights = [unet_weights, vae_weights].map(WeightsSource::File);
        Self::new(unet_config, vae_config, weights, scheduler_config, &options)
    }

    pub(super) fn new(
        unet_config: UNet2p5DConditionConfig,
        vae_config: AutoencoderKlConfig,
        [unet_weights, vae_weights]: [WeightsSource; 2],
        scheduler_config: SchedulerConfig,
        options: &LoadOptions,
    ) -> Result<Self, ModelError> {
        let common = Common::new(&unet_config.unet, vae_config, vae_weights, scheduler_config, options)?;
        let config = unet_config.clone();
        let init_multiview = move |device: &Device| config.init_multiview(device);
        let init_reference = move |device: &Device| unet_config.init_reference(device);
        let (multiview_keys, reference_keys) = (KeyMap::MultiviewUNet, KeyMap::ReferenceUNet);
        let weights = unet_weights.clone();
        Ok(Self {
            unet: LazyModule::new("multiview UNet", init_multiview, multiview_keys, weights, options)?
                .preloaded()?,
            reference_unet: LazyModule::new(
                "reference UNet",
                init_reference,
                reference_keys,
                unet_weights,
                options,
            )?
            .preloaded()?,
            common,
        })
    }

    /// Returns the number of parameters of both `UNets` in a folder in the published layout. Reads
    /// only their configuration.
    ///
    /// # Errors
    /// If the configuration is missing or malformed.
    pub fn parameter_count(folder: impl AsRef<Path>) -> Result<u64, ModelError> {
        let folder = folder.as_ref();
        folders::check(folder)?;
        let config = UNet2p5DConditionConfig::read(&folder.join("unet/config.json"))?;
        let device = Device::default();
        let multiview = parameter_count(&config.init_multiview(&device)?);
        Ok(multiview + parameter_count(&config.init_reference(&device)?))
    }

    /// Returns how many pixels wide and high one latent is. The sides of images are multiples of
    /// it.
    pub fn spatial_factor(&self) -> u32 {
        self.common.spatial_factor as u32
    }

    /// Returns the network that paints the views.
    ///
    /// # Errors
    /// If it is not in memory and cannot be loaded.
    pub fn unet(&self) -> Result<ModuleGuard<MultiviewUNet>, ModelError> {
        self.unet.acquire()
    }

    /// Returns the network that reads the reference images.
    ///
    /// # Errors
    /// If it is not in memory and cannot be loaded.
    pub fn reference_unet(&self) -> Result<ModuleGuard<ReferenceUNet>, ModelError> {
        self.reference_unet.acquire()
    }

    /// Returns the autoencoder.
    ///
    /// # Errors
    /// If it is not in memory and cannot be loaded.
    pub fn vae(&self) -> Result<ModuleGuard<AutoencoderKl>, ModelError> {
        self.common.vae.acquire()
    }

    /// Returns the device that the networks run on.
    pub fn device(&self) -> &Device {
        &self.common.device
    }

    /// Returns the side in pixels of the square images that the model was trained with.
    pub fn native_size(&self) -> u32 {
        self.common.native_size
    }

    /// Returns the least memory that each stage of a run needs beside what is loaded, for images of
    /// this width and height in pixels. Never waits for a load.
    pub fn memory_needs(
        &self,
        references: usize,
        views: usize,
        size: (u32, u32),
        options: &MultiviewOptions,
    ) -> Vec<MemoryNeed> {
        let memory = &self.common.working_memory;
        let batch = options.branches().len() * views;
        // The autoencoder stays in memory during the whole run.
        let vae = self.common.vae.bytes_to_load();
        let (reference_unet, unet) = (self.reference_unet.bytes_to_load(), self.unet.bytes_to_load());
        vec![
            memory.vae("encoding and decoding", size, vae),
            memory.unet("reading the references", references, size, vae + reference_unet),
            memory.unet("painting the views", batch, size, vae + unet),
        ]
    }

    /// Checks the [memory needs](Self::memory_needs) against the budget of the load options.
    /// [`run`](Self::run) does this too.
    ///
    /// # Errors
    /// If a stage cannot fit on the device.
    pub fn check_memory(
        &self,
        references: usize,
        views: usize,
        size: (u32, u32),
        options: &MultiviewOptions,
    ) -> Result<(), ModelError> {
        self.common.check_memory(&self.memory_needs(references, views, size, options))
    }

    /// Checks everything about the options that does not depend on the inputs: their ranges, and
    /// whether the model's scheduler configuration supports them.
    ///
    /// # Errors
    /// If [`MultiviewOptions::validate`] fails, or the scheduler refuses the options.
    pub fn check_options(&self, options: &MultiviewOptions) -> Result<(), ModelError> {
        self.init_scheduler(options).map(drop)
    }

    fn init_scheduler(
        &self,
        options: &MultiviewOptions,
    ) -> Result<Box<dyn Scheduler<Tensor<4>>>, ModelError> {
        options.validate()?;
        let timesteps = options.custom_timesteps()?;
        options.denoise.init_scheduler(&self.common.scheduler_config, timesteps.as_deref())
    }

    /// Paints one image for every view, of the size of the maps.
    ///
    /// `posterior_generator` draws the autoencoder's noise for the references, then for the normal
    /// maps, then for the position maps. `generator` draws the initial latents, then the noise of
    /// each step that adds some. `on_step` is called after every step; `Break` cancels the run.
    ///
    /// # Errors
    /// If an option, a number of images or a size is invalid, the device has not enough memory, or
    /// `on_step` cancels.
    pub fn run(
        &self,
        inputs: &MultiviewInputs<'_>,
        options: &MultiviewOptions,
        posterior_generator: &mut dyn NormalGenerator,
        generator: &mut dyn NormalGenerator,
        on_step: &mut dyn FnMut(&StepProgress<'_>) -> ControlFlow<()>,
    ) -> Result<Vec<RgbImage>, ModelError> {
        let mut scheduler = self.init_scheduler(options)?;
        let views = inputs.view_indices.len();
        for (input, maps) in [("normal_maps", inputs.normal_maps), ("position_maps", inputs.position_maps)] {
            if maps.len() != views {
                return Err(ModelError::input(input, format!("one for each of {views} views"), maps.len()));
            }
        }
        if let Some(size) = inputs.normal_maps.first().map(RgbImage::dimensions) {
            self.check_memory(inputs.references.len(), views, size, options)?;
        }

        // 1. encode the images
        let vae = self.vae()?;
        let mut encode = |input, images| self.encode(&vae, input, images, posterior_generator);
        let ref_latents = encode("references", inputs.references)?;
        let conditions = ViewConditions {
            normal_latents: encode("normal_maps", inputs.normal_maps)?,
            position_latents: encode("position_maps", inputs.position_maps)?,
            view_indices: inputs.view_indices.to_vec(),
        };

        // 2. run the reference UNet once
        let references = self.reference_unet()?.encode_references(ref_latents)?;

        // 3. denoise all views together, with guidance both branches in one batch
        let (guidance_scale, branches) = (options.denoise.guidance_scale, options.branches());
        let timesteps = timesteps(scheduler.as_ref());
        let unet = self.unet()?;
        let denoiser = unet.denoiser(&timesteps, &conditions, &references, branches)?;
        let predict = |sample: Tensor<4>, step: usize| {
            let output = denoiser.predict(sample, step)?;
            if branches.len() == 1 {
                return Ok(output);
            }
            let unconditional = output.clone().narrow(0, 0, views);
            let conditional = output.narrow(0, views, views);
            Ok(unconditional.clone() + (conditional - unconditional).mul_scalar(guidance_scale))
        };
        let shape = conditions.normal_latents.dims();
        let decoder = self.common.decoder(&vae);
        let preview = |latents| decoder.preview(latents);
        let device = self.device();
        let latents = denoise(scheduler.as_mut(), shape, generator, device, predict, preview, on_step)?;

        // 4. decode
        drop(denoiser);
        drop(unet);
        decoder.decode(latents)
    }

    fn encode(
        &self,
        vae: &AutoencoderKl,
        input: &'static str,
        images: &[RgbImage],
        generator: &mut dyn NormalGenerator,
    ) -> Result<Tensor<4>, ModelError> {
        let posterior = vae.encode(self.common.to_tensor(input, images)?)?;
        let noise = randn(generator, posterior.mean.dims(), self.device());
        Ok(posterior.sample(noise)?.mul_scalar(vae.scaling_factor()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turbo_timesteps_are_a_subset_of_the_distillation_grid() {
        assert_eq!(turbo_timesteps(10), Some(vec![989, 890, 791, 692, 593, 494, 395, 296, 197, 98]));
        assert_eq!(turbo_timesteps(1), Some(vec![989]));
        assert_eq!(turbo_timesteps(30).map(|t| (t.len(), t[29])), Some((30, 32)));
        assert_eq!(turbo_timesteps(0), None);
        assert_eq!(turbo_timesteps(31), None);
    }

    #[test]
    fn options_out_of_range_are_rejected() {
        type Change = fn(&mut MultiviewOptions);
        let changes: [(&str, Change); 4] = [
            ("num_inference_steps", |options| options.denoise.num_inference_steps = 0),
            ("num_inference_steps", |options| options.denoise.num_inference_steps = TURBO_GRID + 1),
            ("guidance_scale", |options| options.denoise.guidance_scale = f32::NAN),
            ("eta", |options| options.denoise.eta = -1.0),
        ];
        for (field, change) in changes {
            let mut options = MultiviewOptions::turbo();
            assert!(options.validate().is_ok());
            change(&mut options);
            let refused = options.validate();
            assert!(matches!(refused, Err(ModelError::Input { input, .. }) if input == field), "{refused:?}");
        }
    }
}
