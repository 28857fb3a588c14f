//! Whole denoising runs: from images and random numbers to images.

mod denoise;
mod images;
mod instruct_pix2pix;
mod multiview;
mod slot;
mod working_memory;

use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};
use hunyuan_paint_scheduler::{BetaSchedule, PredictionType, SchedulerConfig};

use self::slot::Slot;
pub use self::{
    denoise::{DenoiseOptions, StepProgress},
    instruct_pix2pix::{InstructPix2PixOptions, InstructPix2PixPipeline},
    multiview::{MultiviewInputs, MultiviewOptions, MultiviewPipeline, TURBO_STEPS, turbo_timesteps},
    slot::Lent,
};
use crate::{AutoencoderKl, AutoencoderKlConfig, LoadOptions, ModelError};

/// Where a network's weights come from.
#[derive(Clone, Debug)]
enum WeightsSource {
    File(PathBuf),
    /// Random ones of this seed.
    Random(u64),
}

/// The autoencoder, which every pipeline has.
fn autoencoder(
    config: AutoencoderKlConfig,
    weights: WeightsSource,
    options: &LoadOptions,
) -> Result<Slot<AutoencoderKl>, ModelError> {
    let (load, blank) = (options.clone(), config.init(&options.device)?);
    Slot::new("autoencoder", &blank, options, move || match &weights {
        WeightsSource::File(file) => config.load(file, load.clone()),
        WeightsSource::Random(seed) => config.random(*seed, load.clone()),
    })
}

/// Whether a device still computes: a sum is done there and read back. A device that was lost, or refuses memory, does not.
pub fn is_device_alive(device: &Device) -> bool {
    let numbers: Tensor<1> = Tensor::from_data(TensorData::new(vec![1.0f32, 2.0], [2]), device);
    let sum = numbers.add_scalar(1.0).try_into_data().ok().map(TensorData::convert::<f32>);
    sum.and_then(|data| data.try_into_vec::<f32>().ok()).is_some_and(|sum| sum == [2.0, 3.0])
}

/// How the noise of the published models grows; their timesteps are spaced differently.
fn random_scheduler_config() -> SchedulerConfig {
    SchedulerConfig {
        num_train_timesteps: Some(1000),
        beta_start: Some(0.00085),
        beta_end: Some(0.012),
        beta_schedule: Some(BetaSchedule::ScaledLinear),
        prediction_type: Some(PredictionType::VPrediction),
        steps_offset: Some(1),
        ..SchedulerConfig::default()
    }
}
