//! Pipelines of the published size with random weights, for measuring speed and memory.

use hunyuan_paint_scheduler::{BetaSchedule, PredictionType, SchedulerConfig, TimestepSpacing};

use super::{InstructPix2PixPipeline, MultiviewPipeline, weights_source::WeightsSource};
use crate::{
    AutoencoderKlConfig, ClipTextConfig, ClipTokenizer, LoadOptions, ModelError, UNet2DConditionConfig,
    UNet2p5DConditionConfig,
};

impl MultiviewPipeline {
    /// Creates networks of the published size with random weights, which depend on the seed alone.
    ///
    /// # Errors
    /// If the device does not support the precision, or has not enough memory.
    #[cfg_attr(docsrs, doc(cfg(feature = "random-weights")))]
    pub fn random(seed: u64, options: impl Into<LoadOptions>) -> Result<Self, ModelError> {
        let config = UNet2p5DConditionConfig::new(UNet2DConditionConfig::sd21());
        let scheduler_config = SchedulerConfig {
            timestep_spacing: Some(TimestepSpacing::Trailing),
            rescale_betas_zero_snr: Some(true),
            set_alpha_to_one: Some(true),
            ..scheduler_config()
        };
        let weights = [seed; 2].map(WeightsSource::Random);
        Self::new(config, AutoencoderKlConfig::sd21(), weights, scheduler_config, &options.into())
    }
}

impl InstructPix2PixPipeline {
    /// Creates networks of the published size with random weights, which depend on the seed alone.
    /// The tokenizer knows only the empty prompt.
    ///
    /// # Errors
    /// If the device does not support the precision, or has not enough memory.
    #[cfg_attr(docsrs, doc(cfg(feature = "random-weights")))]
    pub fn random(seed: u64, options: impl Into<LoadOptions>) -> Result<Self, ModelError> {
        let unet_config = UNet2DConditionConfig { in_channels: 8, ..UNet2DConditionConfig::sd21() };
        let configs = (ClipTextConfig::sd21(), unet_config, AutoencoderKlConfig::sd21());
        let weights = [seed; 3].map(WeightsSource::Random);
        let scheduler_config =
            SchedulerConfig { timestep_spacing: Some(TimestepSpacing::Leading), ..scheduler_config() };
        Self::new(configs, weights, ClipTokenizer::of_empty_text(), scheduler_config, &options.into())
    }
}

/// Returns the noise schedule of the published models. Their timesteps are spaced differently.
fn scheduler_config() -> SchedulerConfig {
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
