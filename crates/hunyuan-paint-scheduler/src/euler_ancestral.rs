//! Ancestral sampling with Euler steps: Karras et al. 2022, arXiv:2206.00364, algorithm 2, as in
//! k-diffusion.

use crate::{
    LinearCombination, PredictionType, Schedule, Scheduler, SchedulerConfig, SchedulerError, SchedulerKind,
    StepOutput, TimestepSpacing,
    noise_schedule::{BetaDefaults, interpolate, sigmas},
    scheduler::{check_add_noise, check_step, required_noise, timestep_at},
    timesteps::TimestepGrid,
};

/// Euler ancestral: an Euler step to below the next noise level, then fresh noise up to that level.
///
/// Samples are `x₀ + sigma · ε`, so their variance is not 1 and [`Scheduler::scale_model_input`] is
/// needed. With linspace spacing, timesteps are fractional.
#[derive(Clone, Debug)]
pub struct EulerAncestralScheduler {
    train_sigmas: Vec<f32>,
    grid: TimestepGrid,
    prediction_type: PredictionType,
    timesteps: Vec<f32>,
    sigmas: Vec<f32>,
}

impl EulerAncestralScheduler {
    /// Creates a scheduler without timesteps.
    ///
    /// # Errors
    /// If the configuration has a value out of range, or the model predicts samples.
    pub fn new(config: &SchedulerConfig) -> Result<Self, SchedulerError> {
        let prediction_type = config.prediction_type.unwrap_or(PredictionType::Epsilon);
        SchedulerKind::EulerAncestral.require(
            prediction_type != PredictionType::Sample,
            "prediction_type",
            "epsilon or v_prediction",
            "sample",
        )?;
        let train_sigmas = sigmas(config, &BetaDefaults::DDPM)?;
        let grid = TimestepGrid::new(config, TimestepSpacing::Linspace)?;
        Ok(Self { train_sigmas, grid, prediction_type, timesteps: Vec::new(), sigmas: Vec::new() })
    }
}

impl Schedule for EulerAncestralScheduler {
    fn kind(&self) -> SchedulerKind {
        SchedulerKind::EulerAncestral
    }

    fn set_timesteps(&mut self, num_inference_steps: usize) -> Result<(), SchedulerError> {
        self.grid.check_step_count(num_inference_steps)?;
        self.timesteps = self.grid.timesteps(num_inference_steps).into_iter().map(|t| t as f32).collect();
        let sigma_at = |&timestep: &f32| interpolate(&self.train_sigmas, f64::from(timestep)) as f32;
        self.sigmas = self.timesteps.iter().map(sigma_at).chain([0.0]).collect();
        Ok(())
    }

    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn sigmas(&self) -> &[f32] {
        &self.sigmas
    }

    /// Before [`Schedule::set_timesteps`], returns the value for a run over all training timesteps.
    fn init_noise_sigma(&self) -> f32 {
        let sigmas = if self.sigmas.is_empty() { &self.train_sigmas } else { &self.sigmas };
        let largest = sigmas.iter().copied().fold(0.0, f32::max);
        match self.grid.spacing {
            TimestepSpacing::Linspace | TimestepSpacing::Trailing => largest,
            TimestepSpacing::Leading => (largest * largest + 1.0).sqrt(),
        }
    }

    /// Returns true: every step draws noise, even the last one, where its weight is 0.
    fn needs_noise(&self, _step_index: usize) -> bool {
        true
    }
}

impl<S: LinearCombination> Scheduler<S> for EulerAncestralScheduler {
    fn scale_model_input(&self, sample: &S, step_index: usize) -> Result<S, SchedulerError> {
        timestep_at(self, step_index)?;
        let sigma = self.sigmas[step_index];
        Ok(sample.div_scalar((sigma * sigma + 1.0).sqrt()))
    }

    fn step(
        &mut self,
        step_index: usize,
        model_output: &S,
        sample: &S,
        noise: Option<&S>,
    ) -> Result<StepOutput<S>, SchedulerError> {
        check_step(self, step_index, model_output, sample, noise)?;
        let (sigma, sigma_to) = (self.sigmas[step_index], self.sigmas[step_index + 1]);
        let (variance, variance_to) = (sigma * sigma, sigma_to * sigma_to);

        // 1. The predicted clean sample.
        let pred_original_sample = if self.prediction_type == PredictionType::VPrediction {
            let from_output = model_output.mul_scalar(-sigma / (variance + 1.0).sqrt());
            from_output.add(&sample.div_scalar(variance + 1.0))
        } else {
            sample.sub(&model_output.mul_scalar(sigma))
        };

        // 2. An Euler step down to sigma_down, then noise: sigma_down² + sigma_up² = sigma_to².
        let sigma_up = (variance_to * (variance - variance_to) / variance).sqrt();
        let sigma_down = (variance_to - sigma_up * sigma_up).sqrt();
        let derivative = sample.sub(&pred_original_sample).div_scalar(sigma);
        let noise = required_noise(self, step_index, noise)?;
        let prev_sample =
            sample.add(&derivative.mul_scalar(sigma_down - sigma)).add(&noise.mul_scalar(sigma_up));
        Ok(StepOutput { prev_sample, pred_original_sample })
    }

    fn add_noise(&self, original_samples: &S, noise: &S, step_index: usize) -> Result<S, SchedulerError> {
        check_add_noise(self, step_index, original_samples, noise)?;
        Ok(original_samples.add(&noise.mul_scalar(self.sigmas[step_index])))
    }
}
