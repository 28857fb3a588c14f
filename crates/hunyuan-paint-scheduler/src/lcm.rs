//! Multistep sampling of latent consistency models: Luo et al. 2023, arXiv:2310.04378.

use crate::{
    LinearCombination, PredictionType, Schedule, Scheduler, SchedulerConfig, SchedulerError, SchedulerKind,
    StepOutput,
    noise_schedule::{BetaDefaults, alphas_cumprod},
    prediction::{AlphaSigma, clip_range},
    scheduler::{check_add_noise, check_step, required_noise, timestep_at},
};

/// The standard deviation of the data in the boundary condition.
const SIGMA_DATA: f32 = 0.5;

/// LCM: each step predicts the clean sample and, except for the last one, adds noise up to the next
/// timestep.
///
/// Timesteps come from the schedule of the distillation, so `timestep_spacing` and `steps_offset`
/// have no effect. `set_alpha_to_one` has none either, since no step goes beyond the last timestep.
#[derive(Clone, Debug)]
pub struct LcmScheduler {
    alphas_cumprod: Vec<f32>,
    original_inference_steps: usize,
    timestep_scaling: f32,
    prediction_type: PredictionType,
    clip_sample_range: Option<f32>,
    timesteps: Vec<f32>,
}

impl LcmScheduler {
    /// Creates a scheduler without timesteps.
    ///
    /// # Errors
    /// If the configuration has a value out of range, or asks for dynamic thresholding.
    pub fn new(config: &SchedulerConfig) -> Result<Self, SchedulerError> {
        SchedulerKind::Lcm.refuse("thresholding", config.thresholding)?;
        let alphas_cumprod = alphas_cumprod(config, &BetaDefaults::LATENT)?;
        let original_inference_steps = config.original_inference_steps.unwrap_or(50);
        if !(1..=alphas_cumprod.len()).contains(&original_inference_steps) {
            return Err(SchedulerError::Config {
                field: "original_inference_steps",
                expected: format!("1 to {}", alphas_cumprod.len()),
                found: original_inference_steps.to_string(),
            });
        }
        let timestep_scaling = config.timestep_scaling.unwrap_or(10.0) as f32;
        if !timestep_scaling.is_finite() {
            return Err(SchedulerError::Config {
                field: "timestep_scaling",
                expected: "a finite number".to_owned(),
                found: timestep_scaling.to_string(),
            });
        }
        Ok(Self {
            alphas_cumprod,
            original_inference_steps,
            timestep_scaling,
            prediction_type: config.prediction_type.unwrap_or(PredictionType::Epsilon),
            clip_sample_range: clip_range(config, false)?,
            timesteps: Vec::new(),
        })
    }

    fn levels_at(&self, timestep: f32) -> AlphaSigma {
        AlphaSigma::of_alpha_cumprod(self.alphas_cumprod[timestep as usize])
    }
}

impl Schedule for LcmScheduler {
    fn kind(&self) -> SchedulerKind {
        SchedulerKind::Lcm
    }

    /// Chooses at most `original_inference_steps` timesteps.
    fn set_timesteps(&mut self, num_inference_steps: usize) -> Result<(), SchedulerError> {
        let original_steps = self.original_inference_steps;
        if !(1..=original_steps).contains(&num_inference_steps) {
            return Err(SchedulerError::StepCount {
                expected: format!("1 to {original_steps} (original_inference_steps)"),
                found: num_inference_steps,
            });
        }
        let skipping_step = self.alphas_cumprod.len() / original_steps;
        let stride = original_steps as f64 / num_inference_steps as f64;
        let timestep = |i: usize| (original_steps - (i as f64 * stride) as usize) * skipping_step - 1;
        self.timesteps = (0..num_inference_steps).map(|i| timestep(i) as f32).collect();
        Ok(())
    }

    fn set_custom_timesteps(&mut self, timesteps: &[usize]) -> Result<(), SchedulerError> {
        let num_train_timesteps = self.alphas_cumprod.len();
        let wrong = |found| SchedulerError::CustomTimesteps {
            scheduler: SchedulerKind::Lcm,
            expected: format!("descending timesteps below {num_train_timesteps}"),
            found,
        };
        match timesteps.first() {
            None => return Err(wrong("an empty list".to_owned())),
            Some(first) if *first >= num_train_timesteps => return Err(wrong(format!("{first}"))),
            Some(_) => {}
        }
        if let Some(pair) = timesteps.windows(2).find(|pair| pair[1] >= pair[0]) {
            return Err(wrong(format!("{} before {}", pair[0], pair[1])));
        }
        self.timesteps = timesteps.iter().map(|&timestep| timestep as f32).collect();
        Ok(())
    }

    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    /// Returns true for every step but the last.
    fn needs_noise(&self, step_index: usize) -> bool {
        step_index + 1 < self.timesteps.len()
    }
}

impl<S: LinearCombination> Scheduler<S> for LcmScheduler {
    fn scale_model_input(&self, sample: &S, step_index: usize) -> Result<S, SchedulerError> {
        timestep_at(self, step_index)?;
        Ok(sample.clone())
    }

    /// Takes one step. The predicted clean sample includes the boundary condition of the
    /// consistency model.
    fn step(
        &mut self,
        step_index: usize,
        model_output: &S,
        sample: &S,
        noise: Option<&S>,
    ) -> Result<StepOutput<S>, SchedulerError> {
        let timestep = check_step(self, step_index, model_output, sample, noise)?;

        // 1. The clean sample that the model predicts.
        let mut pred_original_sample =
            self.levels_at(timestep).pred_original_sample(self.prediction_type, model_output, sample);
        if let Some(range) = self.clip_sample_range {
            pred_original_sample = pred_original_sample.clamp(-range, range);
        }

        // 2. The boundary condition: at timestep 0 the result is the sample itself.
        let scaled_timestep = timestep * self.timestep_scaling;
        let variance = scaled_timestep * scaled_timestep + SIGMA_DATA * SIGMA_DATA;
        let c_skip = SIGMA_DATA * SIGMA_DATA / variance;
        let c_out = scaled_timestep / variance.sqrt();
        let denoised = pred_original_sample.mul_scalar(c_out).add(&sample.mul_scalar(c_skip));

        // 3. Noise, up to the next timestep.
        let prev_sample = match self.timesteps.get(step_index + 1) {
            Some(&prev_timestep) => {
                let noise = required_noise(self, step_index, noise)?;
                self.levels_at(prev_timestep).add_noise(&denoised, noise)
            }
            None => denoised.clone(),
        };
        Ok(StepOutput { prev_sample, pred_original_sample: denoised })
    }

    fn add_noise(&self, original_samples: &S, noise: &S, step_index: usize) -> Result<S, SchedulerError> {
        let timestep = check_add_noise(self, step_index, original_samples, noise)?;
        Ok(self.levels_at(timestep).add_noise(original_samples, noise))
    }
}
