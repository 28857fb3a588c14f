//! The denoising loop of both pipelines.

use std::{fmt, ops::ControlFlow};

use burn::tensor::{Device, Tensor, TensorData};
use hunyuan_paint_scheduler::{
    DdimScheduler, Scheduler, SchedulerConfig, SchedulerKind, random::NormalGenerator,
};
use image::RgbImage;

use crate::ModelError;

/// Scheduler, steps and guidance of a denoising run.
#[derive(Clone, Debug, PartialEq)]
pub struct DenoiseOptions {
    /// The scheduler. It is configured by the model folder's `scheduler_config.json`.
    pub scheduler: SchedulerKind,
    /// The number of steps, at least 1.
    pub num_inference_steps: usize,
    /// The scale of classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598). 1 or less
    /// switches guidance off.
    pub guidance_scale: f32,
    /// DDIM's share of fresh noise, 0 to 1. Other schedulers ignore it.
    pub eta: f32,
}

impl DenoiseOptions {
    /// Creates the scheduler and starts a run over `custom_timesteps`, or over the scheduler's own.
    pub(super) fn init_scheduler(
        &self,
        config: &SchedulerConfig,
        custom_timesteps: Option<&[usize]>,
    ) -> Result<Box<dyn Scheduler<Tensor<4>>>, ModelError> {
        let mut scheduler: Box<dyn Scheduler<Tensor<4>>> = match self.scheduler {
            SchedulerKind::Ddim => Box::new(DdimScheduler::new(config)?.with_eta(self.eta)?),
            other => other.init(config)?,
        };
        match custom_timesteps {
            Some(timesteps) => scheduler.set_custom_timesteps(timesteps)?,
            None => scheduler.set_timesteps(self.num_inference_steps)?,
        }
        Ok(scheduler)
    }

    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// If there are no steps, the guidance is not finite, or `eta` is not 0 to 1.
    pub fn validate(&self) -> Result<(), ModelError> {
        let Self { num_inference_steps, guidance_scale, eta, .. } = *self;
        if num_inference_steps == 0 {
            return Err(ModelError::input("num_inference_steps", "at least 1", 0));
        }
        if !guidance_scale.is_finite() {
            return Err(ModelError::input("guidance_scale", "a finite number", guidance_scale));
        }
        if !(0.0..=1.0).contains(&eta) {
            return Err(ModelError::input("eta", "0 to 1", eta));
        }
        Ok(())
    }
}

/// What a progress callback learns after every step.
pub struct StepProgress<'a> {
    /// The number of finished steps, from 1.
    pub step: usize,
    /// The number of all steps.
    pub num_steps: usize,
    /// The sample before this step, `[N, C, h, w]`, not scaled for the network.
    pub sample: &'a Tensor<4>,
    /// The standard normal noise that this step added, if the scheduler adds noise in this step.
    pub noise: Option<&'a Tensor<4>>,
    /// The sample after this step, `[N, C, h, w]`.
    pub prev_sample: &'a Tensor<4>,
    preview: &'a dyn Fn() -> Result<Vec<RgbImage>, ModelError>,
}

impl fmt::Debug for StepProgress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, num_steps, .. } = self;
        let mut progress = f.debug_struct("StepProgress");
        progress.field("step", step).field("num_steps", num_steps).finish_non_exhaustive()
    }
}

impl StepProgress<'_> {
    /// Decodes the images that the model currently predicts as the result. This runs the decoder.
    ///
    /// # Errors
    /// If the decoder fails.
    pub fn preview(&self) -> Result<Vec<RgbImage>, ModelError> {
        (self.preview)()
    }
}

/// Draws standard normal noise on the host and uploads it.
pub(super) fn randn(generator: &mut dyn NormalGenerator, shape: [usize; 4], device: &Device) -> Tensor<4> {
    let mut values = vec![0.0; shape.iter().product()];
    generator.fill_normal(&mut values);
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Returns the timesteps of the run, as the networks take them.
pub(super) fn timesteps(scheduler: &dyn Scheduler<Tensor<4>>) -> Vec<f64> {
    scheduler.timesteps().iter().map(|&timestep| f64::from(timestep)).collect()
}

/// Denoises random latents over the scheduler's timesteps.
///
/// - `shape`: shape of the latents; `generator` draws them first, then the noise of the steps
/// - `predict`: maps the scaled sample and the index of the step to the model's output
/// - `preview`: decodes latents to images
pub(super) fn denoise(
    scheduler: &mut dyn Scheduler<Tensor<4>>,
    shape: [usize; 4],
    generator: &mut dyn NormalGenerator,
    device: &Device,
    mut predict: impl FnMut(Tensor<4>, usize) -> Result<Tensor<4>, ModelError>,
    preview: impl Fn(Tensor<4>) -> Result<Vec<RgbImage>, ModelError>,
    on_step: &mut dyn FnMut(&StepProgress<'_>) -> ControlFlow<()>,
) -> Result<Tensor<4>, ModelError> {
    let num_steps = scheduler.timesteps().len();
    let mut latents = randn(generator, shape, device).mul_scalar(scheduler.init_noise_sigma());
    for i in 0..num_steps {
        let sample = scheduler.scale_model_input(&latents, i)?;
        let model_output = predict(sample, i)?;
        let noise = scheduler.needs_noise(i).then(|| randn(generator, shape, device));
        let step = scheduler.step(i, &model_output, &latents, noise.as_ref())?;

        let preview = || preview(step.pred_original_sample.clone());
        let progress = StepProgress {
            step: i + 1,
            num_steps,
            sample: &latents,
            noise: noise.as_ref(),
            prev_sample: &step.prev_sample,
            preview: &preview,
        };
        if on_step(&progress).is_break() {
            return Err(ModelError::Cancelled);
        }
        latents = step.prev_sample;
    }
    Ok(latents)
}
