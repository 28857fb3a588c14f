//! Whole denoising runs: from images and random numbers to images.

mod denoise;
mod images;
mod instruct_pix2pix;
mod multiview;
mod slot;
mod working_memory;

use std::path::PathBuf;

use hunyuan_paint_scheduler::{BetaSchedule, PredictionType, SchedulerConfig};

pub use self::{
    denoise::{DenoiseOptions, StepProgress},
    instruct_pix2pix::{InstructPix2PixOptions, InstructPix2PixPipeline},
    multiview::{MultiviewInputs, MultiviewOptions, MultiviewPipeline, TURBO_STEPS, turbo_timesteps},
    slot::Lent,
};

/// The autoencoder's name in messages.
const AUTOENCODER: &str = "autoencoder";

/// Where a network's weights come from.
#[derive(Clone, Debug)]
enum WeightsSource {
    File(PathBuf),
    /// Random ones of this seed.
    Random(u64),
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
