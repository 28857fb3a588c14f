//! DDIM: Song et al. 2020, "Denoising Diffusion Implicit Models", arXiv:2010.02502.

use crate::{
    LinearCombination, PredictionType, Schedule, Scheduler, SchedulerConfig, SchedulerError, SchedulerKind,
    StepOutput, TimestepSpacing,
    noise_schedule::{BetaDefaults, alphas_cumprod},
    prediction::{AlphaSigma, clip_range},
    scheduler::{check_add_noise, check_step, required_noise, timestep_at},
    timesteps::TimestepGrid,
};

/// DDIM with any eta: 0 is deterministic, 1 has the variance of DDPM.
#[derive(Clone, Debug)]
pub struct DdimScheduler {
    alphas_cumprod: Vec<f32>,
    final_alpha_cumprod: f32,
    grid: TimestepGrid,
    prediction_type: PredictionType,
    clip_sample_range: Option<f32>,
    eta: f32,
    timesteps: Vec<f32>,
}

impl DdimScheduler {
    /// Creates a deterministic scheduler (eta 0) without timesteps.
    ///
    /// # Errors
    /// If the configuration has a value out of range, or asks for dynamic thresholding.
    pub fn new(config: &SchedulerConfig) -> Result<Self, SchedulerError> {
        SchedulerKind::Ddim.refuse("thresholding", config.thresholding)?;
        let alphas_cumprod = alphas_cumprod(config, &BetaDefaults::DDPM)?;
        let final_alpha_cumprod =
            if config.set_alpha_to_one.unwrap_or(true) { 1.0 } else { alphas_cumprod[0] };
        Ok(Self {
            alphas_cumprod,
            final_alpha_cumprod,
            grid: TimestepGrid::new(config, TimestepSpacing::Leading)?,
            prediction_type: config.prediction_type.unwrap_or(PredictionType::Epsilon),
            clip_sample_range: clip_range(config, true)?,
            eta: 0.0,
            timesteps: Vec::new(),
        })
    }

    /// Sets eta, the factor on the noise of each step.
    ///
    /// # Errors
    /// If `eta` is negative or not finite.
    pub fn with_eta(self, eta: f32) -> Result<Self, SchedulerError> {
        if eta.is_finite() && eta >= 0.0 {
            return Ok(Self { eta, ..self });
        }
        Err(SchedulerError::Eta { expected: "a finite number, at least 0", found: eta })
    }
}

impl Schedule for DdimScheduler {
    fn kind(&self) -> SchedulerKind {
        SchedulerKind::Ddim
    }

    fn set_timesteps(&mut self, num_inference_steps: usize) -> Result<(), SchedulerError> {
        self.grid.check_step_count(num_inference_steps)?;
        let timesteps = self.grid.timesteps(num_inference_steps);
        // With leading spacing, `steps_offset` can move timesteps beyond the training timesteps.
        if timesteps[0] >= self.grid.num_train_timesteps as f64 {
            return Err(SchedulerError::StepCount {
                expected: format!("few enough steps for timestep {} to be a training timestep", timesteps[0]),
                found: num_inference_steps,
            });
        }
        self.timesteps = timesteps.into_iter().map(|t| t.round_ties_even() as f32).collect();
        Ok(())
    }

    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn needs_noise(&self, _step_index: usize) -> bool {
        self.eta > 0.0
    }
}

impl<S: LinearCombination> Scheduler<S> for DdimScheduler {
    fn scale_model_input(&self, sample: &S, step_index: usize) -> Result<S, SchedulerError> {
        timestep_at(self, step_index)?;
        Ok(sample.clone())
    }

    /// Takes one step by formulas (12) and (16) of the paper.
    fn step(
        &mut self,
        step_index: usize,
        model_output: &S,
        sample: &S,
        noise: Option<&S>,
    ) -> Result<StepOutput<S>, SchedulerError> {
        let timestep = check_step(self, step_index, model_output, sample, noise)? as usize;

        // 1. The noise levels of this timestep and of the previous one, which is not always in the
        //    list of timesteps.
        let prev_timestep = timestep.checked_sub(self.grid.num_train_timesteps / self.timesteps.len());
        let alpha_prod_t = self.alphas_cumprod[timestep];
        let alpha_prod_t_prev = prev_timestep.map_or(self.final_alpha_cumprod, |t| self.alphas_cumprod[t]);

        // 2. The predicted clean sample and noise.
        let levels = AlphaSigma::of_alpha_cumprod(alpha_prod_t);
        let pred_epsilon = levels.pred_epsilon(self.prediction_type, model_output, sample);
        let mut pred_original_sample =
            levels.pred_original_sample(self.prediction_type, model_output, sample);
        if let Some(range) = self.clip_sample_range {
            pred_original_sample = pred_original_sample.clamp(-range, range);
        }

        // 3. The variance of the fresh noise, which replaces a part of the predicted noise.
        let variance =
            (1.0 - alpha_prod_t_prev) / (1.0 - alpha_prod_t) * (1.0 - alpha_prod_t / alpha_prod_t_prev);
        let std_dev_t = self.eta * variance.sqrt();
        let direction_variance = 1.0 - alpha_prod_t_prev - std_dev_t * std_dev_t;
        if direction_variance < 0.0 && self.eta > 1.0 {
            return Err(SchedulerError::Eta {
                expected: "a value small enough for every step, such as 1",
                found: self.eta,
            });
        }
        // Up to eta 1, only rounding can make the variance negative.
        let direction_scale = direction_variance.max(0.0).sqrt();

        // 4. The sample at the next timestep.
        let mut prev_sample = pred_original_sample
            .mul_scalar(alpha_prod_t_prev.sqrt())
            .add(&pred_epsilon.mul_scalar(direction_scale));
        if self.eta > 0.0 {
            prev_sample = prev_sample.add(&required_noise(self, step_index, noise)?.mul_scalar(std_dev_t));
        }
        Ok(StepOutput { prev_sample, pred_original_sample })
    }

    fn add_noise(&self, original_samples: &S, noise: &S, step_index: usize) -> Result<S, SchedulerError> {
        let timestep = check_add_noise(self, step_index, original_samples, noise)? as usize;
        Ok(AlphaSigma::of_alpha_cumprod(self.alphas_cumprod[timestep]).add_noise(original_samples, noise))
    }
}
