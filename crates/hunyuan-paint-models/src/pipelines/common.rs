//! The parts that both pipelines have.

use burn::tensor::{Device, Tensor};
use hunyuan_paint_scheduler::SchedulerConfig;
use image::RgbImage;

use super::{
    decoder::Decoder, images, lazy_module::LazyModule, weights_source::WeightsSource,
    working_memory::WorkingMemory,
};
use crate::{
    AutoencoderKl, AutoencoderKlConfig, LoadOptions, MemoryBudget, MemoryNeed, ModelError, Precision,
    UNet2DConditionConfig, folders, weights::KeyMap,
};

/// The parts that both pipelines have.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) vae: LazyModule<AutoencoderKl>,
    /// Decodes latents for which half precision overflows. `None` if `vae` has single precision.
    single_precision_vae: Option<LazyModule<AutoencoderKl>>,
    pub(super) scheduler_config: SchedulerConfig,
    /// Pixels on a side for each latent.
    pub(super) spatial_factor: usize,
    /// Side in pixels of the square images that the model was trained with.
    pub(super) native_size: u32,
    pub(super) working_memory: WorkingMemory,
    budget: MemoryBudget,
    pub(super) device: Device,
}

impl Common {
    /// Loads the autoencoder, if the memory plan keeps it.
    pub(super) fn new(
        unet_config: &UNet2DConditionConfig,
        vae_config: AutoencoderKlConfig,
        vae_weights: WeightsSource,
        scheduler_config: SchedulerConfig,
        options: &LoadOptions,
    ) -> Result<Self, ModelError> {
        let spatial_factor = vae_config.spatial_factor();
        let native_size = (unet_config.sample_size * spatial_factor).min(folders::TRAINED_SIZE) as u32;
        let working_memory = WorkingMemory::new(unet_config, &vae_config, options);
        let module = |name, options: &LoadOptions| {
            let (config, weights) = (vae_config.clone(), vae_weights.clone());
            LazyModule::new(name, move |device| config.init(device), KeyMap::Diffusers, weights, options)
        };
        let single_precision = options.clone().with_precision(Precision::F32);
        let is_single = options.precision == Precision::F32;
        Ok(Self {
            vae: module("autoencoder", options)?.preloaded()?,
            single_precision_vae: (!is_single)
                .then(|| module("autoencoder in single precision", &single_precision))
                .transpose()?,
            scheduler_config,
            spatial_factor,
            native_size,
            working_memory,
            budget: options.budget.clone(),
            device: options.device.clone(),
        })
    }

    /// Checks that every stage can fit on the device.
    pub(super) fn check_memory(&self, needs: &[MemoryNeed]) -> Result<(), ModelError> {
        needs.iter().try_for_each(|need| self.budget.check(need))
    }

    /// Uploads images of one size, as [`images::to_tensor`].
    pub(super) fn to_tensor(
        &self,
        input: &'static str,
        images: &[RgbImage],
    ) -> Result<Tensor<4>, ModelError> {
        images::to_tensor(input, images, self.spatial_factor, &self.device)
    }

    /// Returns the decoder of one run, which uses the autoencoder `vae`.
    pub(super) fn decoder<'a>(&'a self, vae: &'a AutoencoderKl) -> Decoder<'a> {
        Decoder::new(vae, self.single_precision_vae.as_ref())
    }
}
