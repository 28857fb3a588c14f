//! Whole denoising runs: from images and random numbers to images.

mod denoise;
mod images;
mod instruct_pix2pix;
mod lazy_module;
mod multiview;
#[cfg(feature = "random-weights")]
mod random;
mod working_memory;

use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};

use self::lazy_module::LazyModule;
pub use self::{
    denoise::{DenoiseOptions, StepProgress},
    instruct_pix2pix::{InstructPix2PixOptions, InstructPix2PixPipeline},
    lazy_module::ModuleGuard,
    multiview::{MultiviewInputs, MultiviewOptions, MultiviewPipeline, TURBO_STEPS, turbo_timesteps},
};
use crate::{AutoencoderKl, AutoencoderKlConfig, LoadOptions, ModelError};

/// Where a network's weights come from.
#[derive(Clone, Debug)]
enum WeightsSource {
    File(PathBuf),
    /// Random weights that depend on the seed alone.
    #[cfg(feature = "random-weights")]
    Random(u64),
}

/// The autoencoder, which every pipeline has.
fn autoencoder(
    config: AutoencoderKlConfig,
    weights: WeightsSource,
    options: &LoadOptions,
) -> Result<LazyModule<AutoencoderKl>, ModelError> {
    let (load, blank) = (options.clone(), config.init(&options.device)?);
    LazyModule::new("autoencoder", &blank, options, move || match &weights {
        WeightsSource::File(file) => config.load(file, load.clone()),
        #[cfg(feature = "random-weights")]
        WeightsSource::Random(seed) => config.random(*seed, load.clone()),
    })
}

/// Returns whether a device still computes: adds two numbers there and reads the sums back. A device that was lost or
/// refuses memory fails.
pub fn is_device_alive(device: &Device) -> bool {
    let numbers: Tensor<1> = Tensor::from_data(TensorData::new(vec![1.0_f32, 2.0], [2]), device);
    let sum = numbers.add_scalar(1.0).try_into_data().ok().map(TensorData::convert::<f32>);
    sum.and_then(|data| data.try_into_vec::<f32>().ok()).is_some_and(|sum| sum == [2.0, 3.0])
}
