//! Hunyuan3D-Paint's multiview diffusion (arXiv 2501.12202, section 4): images of an object from
//! several cameras, from reference images of it and the geometry that each camera sees.

use std::{ops::ControlFlow, path::Path};

use burn::tensor::{Device, Tensor};
use hunyuan_paint_scheduler::{SchedulerConfig, SchedulerKind, TimestepSpacing, random::NormalGenerator};
use image::RgbImage;

use super::{
    WeightsSource, autoencoder,
    denoise::{DenoiseOptions, StepProgress, denoise, randn, timesteps},
    images,
    lazy_module::{LazyModule, ModuleGuard},
    working_memory::WorkingMemory,
};
use crate::{
    AutoencoderKl, AutoencoderKlConfig, Branch, LoadOptions, MemoryBudget, MemoryNeed, ModelError,
    MultiviewUNet, ReferenceUNet, UNet2p5DConditionConfig, ViewConditions, folder,
    parameters::parameter_count,
};

/// Steps of the turbo model.
pub const TURBO_STEPS: usize = 10;

/// The turbo model was distilled on this many evenly spaced timesteps.
const TURBO_GRID: usize = 30;

/// How to paint the views.
#[derive(Clone, Debug, PartialEq)]
pub struct MultiviewOptions {
    /// Scheduler, steps and guidance.
    pub denoise: DenoiseOptions,
    /// Whether to take the timesteps that the turbo model was distilled on, if the scheduler is LCM.
    pub turbo_timesteps: bool,
}

impl MultiviewOptions {
    /// The standard model: 30 steps, guidance 2.
    pub fn standard() -> Self {
        let denoise = DenoiseOptions {
            scheduler: SchedulerKind::EulerAncestral,
            num_inference_steps: 30,
            guidance_scale: 2.0,
            eta: 0.0,
        };
        Self { denoise, turbo_timesteps: false }
    }

    /// The turbo model: 10 steps, no guidance.
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
    /// If [`DenoiseOptions::validate`] fails, or the turbo model's timesteps are asked for and the steps are not 1 to 30.
    pub fn validate(&self) -> Result<(), ModelError> {
        self.denoise.validate()?;
        let steps = self.denoise.num_inference_steps;
        if self.takes_turbo_timesteps() && turbo_timesteps(steps).is_none() {
            return Err(ModelError::input("num_inference_steps", "1 to 30 for turbo", steps));
        }
        Ok(())
    }

    fn takes_turbo_timesteps(&self) -> bool {
        self.turbo_timesteps && self.denoise.scheduler == SchedulerKind::Lcm
    }

    /// What is predicted for each view: with guidance also what it would be without references.
    fn branches(&self) -> &'static [Branch] {
        if self.denoise.guidance_scale > 1.0 {
            &[Branch::Unconditional, Branch::Conditional]
        } else {
            &[Branch::Conditional]
        }
    }
}

/// The timesteps of the turbo model, of 1000: 989, 890, … 98 for 10 steps; `None` for 0 or more than 30.
pub fn turbo_timesteps(num_inference_steps: usize) -> Option<Vec<usize>> {
    let ratio = 1000 / TURBO_GRID;
    let grid = |i: usize| (TURBO_GRID - i * TURBO_GRID / num_inference_steps) * ratio - 1;
    (1..=TURBO_GRID).contains(&num_inference_steps).then(|| (0..num_inference_steps).map(grid).collect())
}

/// What the views are painted from. All images have the same size, a multiple of the autoencoder's
/// spatial factor on each side.
#[derive(Clone, Copy, Debug)]
pub struct MultiviewInputs<'a> {
    /// The object, unlit, on white; one image or more.
    pub references: &'a [RgbImage],
    /// What each camera sees of the normals.
    pub normal_maps: &'a [RgbImage],
    /// What each camera sees of the positions.
    pub position_maps: &'a [RgbImage],
    /// The trained view, 0 to 43, that each camera comes closest to.
    pub view_indices: &'a [u32],
}

/// The networks of Hunyuan3D-Paint.
#[derive(Debug)]
pub struct MultiviewPipeline {
    unet: LazyModule<MultiviewUNet>,
    reference_unet: LazyModule<ReferenceUNet>,
    vae: LazyModule<AutoencoderKl>,
    spatial_factor: usize,
    scheduler_config: SchedulerConfig,
    native_size: u32,
    working_memory: WorkingMemory,
    budget: MemoryBudget,
    device: Device,
}

impl MultiviewPipeline {
    /// Opens a folder in the published layout: `unet`, `vae`, `scheduler`. Its networks are loaded at once or when their turn
    /// comes, as the options' memory plan has it.
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
        let unet_config = UNet2p5DConditionConfig::read(&folder.join("unet/config.json"))?;
        let vae_config = AutoencoderKlConfig::read(&folder.join("vae/config.json"))?;
        if unet_config.unet.in_channels != vae_config.latent_channels {
            return Err(ModelError::input(
                "unet in_channels",
                format!("the autoencoder's {} latent channels", vae_config.latent_channels),
                unet_config.unet.in_channels,
            ));
        }
        let (unet_weights, vae_weights) =
            (folder::weights(&folder.join("unet"))?, folder::weights(&folder.join("vae"))?);
        // The original sets the spacing itself, whatever the file says.
        let scheduler_config = SchedulerConfig {
            timestep_spacing: Some(TimestepSpacing::Trailing),
            ..folder::scheduler_config(folder)?
        };
        let weights = (WeightsSource::File(unet_weights), WeightsSource::File(vae_weights));
        Self::new(unet_config, vae_config, weights, scheduler_config, options)
    }

    pub(super) fn new(
        unet_config: UNet2p5DConditionConfig,
        vae_config: AutoencoderKlConfig,
        (unet_weights, vae_weights): (WeightsSource, WeightsSource),
        scheduler_config: SchedulerConfig,
        options: LoadOptions,
    ) -> Result<Self, ModelError> {
        let spatial_factor = vae_config.spatial_factor();
        let native_size = (unet_config.unet.sample_size * spatial_factor).min(folder::TRAINED_SIZE) as u32;
        let working_memory = WorkingMemory::new(&unet_config.unet, &vae_config, &options);
        let LoadOptions { device, budget, .. } = options.clone();

        let vae = autoencoder(vae_config, vae_weights, &options)?;
        let (load, blank) = (options.clone(), unet_config.init_multiview(&device)?);
        let (config, weights) = (unet_config.clone(), unet_weights.clone());
        let unet = LazyModule::new("multiview UNet", &blank, &options, move || match &weights {
            WeightsSource::File(file) => config.load_multiview(file, load.clone()),
            #[cfg(feature = "random-weights")]
            WeightsSource::Random(seed) => config.random_multiview(*seed, load.clone()),
        })?;
        let (load, blank) = (options.clone(), unet_config.init_reference(&device)?);
        let reference_unet =
            LazyModule::new("reference UNet", &blank, &options, move || match &unet_weights {
                WeightsSource::File(file) => unet_config.load_reference(file, load.clone()),
                #[cfg(feature = "random-weights")]
                WeightsSource::Random(seed) => unet_config.random_reference(*seed, load.clone()),
            })?;
        Ok(Self {
            unet,
            reference_unet,
            vae,
            spatial_factor,
            scheduler_config,
            native_size,
            working_memory,
            budget,
            device,
        })
    }

    /// Returns the parameters of both `UNets` of a folder in the published layout, from its configuration.
    ///
    /// # Errors
    /// If the configuration is missing or malformed.
    pub fn parameter_count(folder: impl AsRef<Path>) -> Result<u64, ModelError> {
        let folder = folder.as_ref();
        folder::check(folder)?;
        let config = UNet2p5DConditionConfig::read(&folder.join("unet/config.json"))?;
        let device = Device::default();
        Ok(parameter_count(&config.init_multiview(&device)?)
            + parameter_count(&config.init_reference(&device)?))
    }

    /// Returns the pixels of an image for each of the latents. Sides of images are multiples of it.
    pub fn spatial_factor(&self) -> u32 {
        self.spatial_factor as u32
    }

    /// The network that paints the views.
    ///
    /// # Errors
    /// If it has to be loaded, and cannot be.
    pub fn unet(&self) -> Result<ModuleGuard<MultiviewUNet>, ModelError> {
        self.unet.acquire()
    }

    /// The network that reads the reference images.
    ///
    /// # Errors
    /// If it has to be loaded, and cannot be.
    pub fn reference_unet(&self) -> Result<ModuleGuard<ReferenceUNet>, ModelError> {
        self.reference_unet.acquire()
    }

    /// The autoencoder.
    ///
    /// # Errors
    /// If it has to be loaded, and cannot be.
    pub fn vae(&self) -> Result<ModuleGuard<AutoencoderKl>, ModelError> {
        self.vae.acquire()
    }

    /// Where its networks run.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Side of the square images that the model was made for.
    pub fn native_size(&self) -> u32 {
        self.native_size
    }

    /// What painting needs on the device at least, stage by stage, beside what is loaded already: for images of this width
    /// and height in pixels.
    pub fn memory_needs(
        &self,
        references: usize,
        views: usize,
        size: (u32, u32),
        options: &MultiviewOptions,
    ) -> Vec<MemoryNeed> {
        let memory = &self.working_memory;
        let branches = options.branches().len();
        // The autoencoder stays from the first image to the last, and is in the first stage's memory already.
        let vae = self.vae.bytes_to_load();
        vec![
            memory.vae("encoding and decoding", size, vae),
            memory.unet(
                "reading the references",
                references,
                size,
                vae + self.reference_unet.bytes_to_load(),
            ),
            memory.unet("painting the views", branches * views, size, vae + self.unet.bytes_to_load()),
        ]
    }

    /// Whether that fits on the device, as far as the load options' budget knows it. [`run`](Self::run) asks too.
    ///
    /// # Errors
    /// If it cannot.
    pub fn check_memory(
        &self,
        references: usize,
        views: usize,
        size: (u32, u32),
        options: &MultiviewOptions,
    ) -> Result<(), ModelError> {
        let needs = self.memory_needs(references, views, size, options);
        needs.iter().try_for_each(|need| self.budget.check(need))
    }

    /// Paints one image for every view, of the size of the maps.
    ///
    /// `posterior_generator` draws, in this order, the autoencoder's noise for the references, the
    /// normal maps and the position maps; `generator` the initial latents, then the noise of each
    /// step that needs some. `on_step` is called after every step; breaking cancels the run.
    ///
    /// # Errors
    /// If an option, a number or a size does not fit, the device has not enough memory, or the run was cancelled.
    pub fn run(
        &self,
        inputs: &MultiviewInputs<'_>,
        options: &MultiviewOptions,
        posterior_generator: &mut dyn NormalGenerator,
        generator: &mut dyn NormalGenerator,
        on_step: &mut dyn FnMut(&StepProgress<'_>) -> ControlFlow<()>,
    ) -> Result<Vec<RgbImage>, ModelError> {
        options.validate()?;
        let views = inputs.view_indices.len();
        for (input, maps) in [("normal_maps", inputs.normal_maps), ("position_maps", inputs.position_maps)] {
            if maps.len() != views {
                return Err(ModelError::input(input, format!("one for each of {views} views"), maps.len()));
            }
        }

        if let Some(size) = inputs.normal_maps.first().map(RgbImage::dimensions) {
            self.check_memory(inputs.references.len(), views, size, options)?;
        }

        // 1. images to latents
        let vae = self.vae()?;
        let mut encode = |input, images| self.encode(&vae, input, images, posterior_generator);
        let ref_latents = encode("references", inputs.references)?;
        let conditions = ViewConditions {
            normal_latents: encode("normal_maps", inputs.normal_maps)?,
            position_latents: encode("position_maps", inputs.position_maps)?,
            view_indices: inputs.view_indices.to_vec(),
        };

        // 2. the reference UNet, once
        let references = self.reference_unet()?.encode_references(ref_latents)?;

        // 3. denoise all views together, with guidance both branches in one batch
        let mut scheduler = options.denoise.init_scheduler(&self.scheduler_config)?;
        let steps = options.denoise.num_inference_steps;
        if options.takes_turbo_timesteps() {
            let timesteps = turbo_timesteps(steps)
                .ok_or_else(|| ModelError::input("num_inference_steps", "1 to 30 for turbo", steps))?;
            scheduler.set_custom_timesteps(&timesteps)?;
        } else {
            scheduler.set_timesteps(steps)?;
        }
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
        let decode = |latents: Tensor<4>| images::decode(&vae, latents.div_scalar(vae.scaling_factor()));
        let latents = denoise(scheduler.as_mut(), shape, generator, &self.device, predict, decode, on_step)?;

        // 4. latents to images
        drop(denoiser);
        drop(unet);
        decode(latents)
    }

    fn encode(
        &self,
        vae: &AutoencoderKl,
        input: &'static str,
        images: &[RgbImage],
        generator: &mut dyn NormalGenerator,
    ) -> Result<Tensor<4>, ModelError> {
        let images = images::to_tensor(input, images, self.spatial_factor, &self.device)?;
        let posterior = vae.encode(images)?;
        let noise = randn(generator, posterior.mean.dims(), &self.device);
        Ok(posterior.sample(noise)?.mul_scalar(vae.scaling_factor()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turbo_timesteps_are_a_subset_of_the_grid_it_was_distilled_on() {
        assert_eq!(turbo_timesteps(10), Some(vec![989, 890, 791, 692, 593, 494, 395, 296, 197, 98]));
        assert_eq!(turbo_timesteps(1), Some(vec![989]));
        assert_eq!(turbo_timesteps(30).map(|t| (t.len(), t[29])), Some((30, 32)));
        assert_eq!(turbo_timesteps(0), None);
        assert_eq!(turbo_timesteps(31), None);
    }
}
