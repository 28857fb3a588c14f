//! Latents to images, even if half precision overflows.

use std::cell::OnceCell;

use burn::tensor::Tensor;
use image::RgbImage;

use super::{
    images,
    lazy_module::{LazyModule, ModuleGuard},
};
use crate::{AutoencoderKl, ModelError};

/// Decodes the latents of one run.
///
/// Where half precision overflows, decoding is repeated with the autoencoder in single precision.
/// That one is loaded at the first overflow, and counts in the memory budget.
pub(super) struct Decoder<'a> {
    vae: &'a AutoencoderKl,
    /// `None` if `vae` has single precision.
    single_precision: Option<&'a LazyModule<AutoencoderKl>>,
    /// Set once half precision has overflowed in this run.
    loaded: OnceCell<ModuleGuard<AutoencoderKl>>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(
        vae: &'a AutoencoderKl,
        single_precision: Option<&'a LazyModule<AutoencoderKl>>,
    ) -> Self {
        Self { vae, single_precision, loaded: OnceCell::new() }
    }

    /// Decodes scaled latents `[N, C, h, w]` to images. The images depend on the latents alone, not
    /// on overflows of earlier calls.
    pub(super) fn decode(&self, latents: Tensor<4>) -> Result<Vec<RgbImage>, ModelError> {
        match decode_with(self.vae, latents.clone())? {
            Some(images) => Ok(images),
            None => self.decode_in_single_precision(latents),
        }
    }

    /// Decodes scaled latents `[N, C, h, w]` for a preview. After an overflow in this run, half
    /// precision is not tried again.
    pub(super) fn preview(&self, latents: Tensor<4>) -> Result<Vec<RgbImage>, ModelError> {
        match self.loaded.get() {
            Some(_) => self.decode_in_single_precision(latents),
            None => self.decode(latents),
        }
    }

    fn decode_in_single_precision(&self, latents: Tensor<4>) -> Result<Vec<RgbImage>, ModelError> {
        let not_finite = || {
            let found = "NaN or infinity, even in single precision";
            ModelError::input("latents", "values that decode to finite numbers", found)
        };
        let module = self.single_precision.ok_or_else(not_finite)?;
        let vae = match self.loaded.get() {
            Some(vae) => vae,
            None => {
                tracing::warn!("decoding overflows in half precision, and is repeated in single precision");
                let vae = module.acquire()?;
                self.loaded.get_or_init(|| vae)
            }
        };
        decode_with(vae, latents)?.ok_or_else(not_finite)
    }
}

/// Returns `None` if a decoded number is not finite.
fn decode_with(vae: &AutoencoderKl, latents: Tensor<4>) -> Result<Option<Vec<RgbImage>>, ModelError> {
    images::from_tensor(vae.decode(latents.div_scalar(vae.scaling_factor()))?)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::{
        AutoencoderKlConfig, LoadOptions, MemoryBudget, Precision, pipelines::weights_source::WeightsSource,
        weights::KeyMap,
    };

    #[test]
    fn an_overflow_is_decoded_in_single_precision_that_is_loaded_once() -> Result<(), ModelError> {
        let (device, budget) = (Device::flex(), MemoryBudget::unlimited());
        let options = LoadOptions::new(device.clone()).with_budget(budget.clone());
        let half_options = options.clone().with_precision(Precision::F16);
        let config =
            AutoencoderKlConfig { block_out_channels: vec![8], norm_num_groups: 4, ..Default::default() };
        let (keys, weights) = (KeyMap::Diffusers, WeightsSource::Random(1));
        let half = weights.load(config.init(&device)?, keys, &half_options)?;
        let single = weights.load(config.init(&device)?, keys, &options)?;
        let init = move |device: &Device| config.init(device);
        let module = LazyModule::new("single precision", init, keys, weights, &options)?;

        let bytes = module.bytes_to_load();

        let small = Tensor::<4>::ones([1, 4, 4, 4], &device);
        // Beyond the largest number of half precision.
        let large = small.clone().mul_scalar(1e6);
        let decoder = Decoder::new(&half, Some(&module));
        let before = decoder.decode(small.clone())?;
        assert_eq!(budget.taken(), 0);
        let expected = decode_with(&single, large.clone())?;
        assert!(expected.is_some());
        for _ in 0..2 {
            assert_eq!(Some(decoder.decode(large.clone())?), expected);
            assert_eq!(Some(decoder.preview(large.clone())?), expected);
        }
        assert_eq!((budget.taken(), module.bytes_to_load()), (bytes, 0));
        assert_eq!(decoder.decode(small)?, before);
        assert!(matches!(Decoder::new(&half, None).decode(large), Err(ModelError::Input { .. })));
        Ok(())
    }
}
