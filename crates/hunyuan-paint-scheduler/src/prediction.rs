//! Converts a model's output to the predicted clean sample and noise.

use crate::{LinearCombination, PredictionType, SchedulerConfig, SchedulerError};

/// The weights of signal and noise in a sample: `sample = alpha · x₀ + sigma · ε`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AlphaSigma {
    pub(crate) alpha: f64,
    pub(crate) sigma: f64,
}

impl AlphaSigma {
    /// Returns the weights for an entry of `alphas_cumprod`.
    pub(crate) fn of_alpha_cumprod(alpha_cumprod: f32) -> Self {
        Self { alpha: f64::from(alpha_cumprod).sqrt(), sigma: f64::from(1.0 - alpha_cumprod).sqrt() }
    }

    /// Returns the weights, scaled to variance 1, for `sigma` units of noise per unit of signal.
    pub(crate) fn of_sigma(sigma: f32) -> Self {
        let sigma = f64::from(sigma);
        let alpha = 1.0 / (sigma * sigma + 1.0).sqrt();
        Self { alpha, sigma: sigma * alpha }
    }

    pub(crate) fn add_noise<S: LinearCombination>(self, original_samples: &S, noise: &S) -> S {
        original_samples.mul_scalar(self.alpha as f32).add(&noise.mul_scalar(self.sigma as f32))
    }

    /// Returns the predicted clean sample x₀.
    pub(crate) fn pred_original_sample<S: LinearCombination>(
        self,
        prediction_type: PredictionType,
        model_output: &S,
        sample: &S,
    ) -> S {
        match prediction_type {
            PredictionType::Epsilon => {
                sample.sub(&model_output.mul_scalar(self.sigma as f32)).div_scalar(self.alpha as f32)
            }
            PredictionType::Sample => model_output.clone(),
            PredictionType::VPrediction => {
                sample.mul_scalar(self.alpha as f32).sub(&model_output.mul_scalar(self.sigma as f32))
            }
        }
    }

    /// Returns the predicted noise ε.
    pub(crate) fn pred_epsilon<S: LinearCombination>(
        self,
        prediction_type: PredictionType,
        model_output: &S,
        sample: &S,
    ) -> S {
        match prediction_type {
            PredictionType::Epsilon => model_output.clone(),
            PredictionType::Sample => {
                sample.sub(&model_output.mul_scalar(self.alpha as f32)).div_scalar(self.sigma as f32)
            }
            PredictionType::VPrediction => {
                model_output.mul_scalar(self.alpha as f32).add(&sample.mul_scalar(self.sigma as f32))
            }
        }
    }
}

/// Returns the range that the predicted clean sample is clamped to, if it is clamped.
pub(crate) fn clip_range(
    config: &SchedulerConfig,
    clip_by_default: bool,
) -> Result<Option<f32>, SchedulerError> {
    let range = config.clip_sample_range.unwrap_or(1.0);
    if !config.clip_sample.unwrap_or(clip_by_default) {
        return Ok(None);
    }
    if range.is_finite() && range > 0.0 {
        return Ok(Some(range));
    }
    Err(SchedulerError::Config {
        field: "clip_sample_range",
        expected: "a finite number above 0".to_owned(),
        found: range.to_string(),
    })
}
