//! The loop that both pipelines share: predict, step, report.

use std::{fmt, ops::ControlFlow};

use burn::tensor::{Device, Tensor, TensorData};
use hunyuan_paint_scheduler::{
    DdimScheduler, Scheduler, SchedulerConfig, SchedulerKind, random::NormalGenerator,
};
use image::RgbImage;

use crate::ModelError;

/// How to denoise.
#[derive(Clone, Debug, PartialEq)]
pub struct DenoiseOptions {
    /// Which scheduler, built from the model folder's `scheduler_config.json`.
    pub scheduler: SchedulerKind,
    /// Steps, 1 or more.
    pub num_inference_steps: usize,
    /// Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598); 1 or less switches it off.
    pub guidance_scale: f32,
    /// DDIM's share of fresh noise, 0 to 1; other schedulers ignore it.
    pub eta: f32,
}

impl DenoiseOptions {
    pub(super) fn init_scheduler(
        &self,
        config: &SchedulerConfig,
    ) -> Result<Box<dyn Scheduler<Tensor<4>>>, ModelError> {
        Ok(match self.scheduler {
            SchedulerKind::Ddim => Box::new(DdimScheduler::new(config)?.with_eta(self.eta)?),
            other => other.init(config)?,
        })
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
    /// Steps done, from 1.
    pub step: usize,
    /// Steps in all.
    pub num_steps: usize,
    /// What this step started from, as the scheduler has it, not scaled for the network: `[N, C, h, w]`.
    pub sample: &'a Tensor<4>,
    /// The standard normal noise that this step added, for the schedulers and steps that do.
    pub noise: Option<&'a Tensor<4>>,
    /// What this step arrived at, like `sample`.
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
    /// Decodes the images as the model imagines them now. This costs a run of the decoder.
    ///
    /// # Errors
    /// If the decoder fails.
    pub fn preview(&self) -> Result<Vec<RgbImage>, ModelError> {
        (self.preview)()
    }
}

/// Noise of the given shape, drawn on the host and uploaded.
pub(super) fn randn(generator: &mut dyn NormalGenerator, shape: [usize; 4], device: &Device) -> Tensor<4> {
    let mut values = vec![0.0; shape.iter().product()];
    generator.fill_normal(&mut values);
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The timesteps of all steps, as the networks take them.
pub(super) fn timesteps(scheduler: &dyn Scheduler<Tensor<4>>) -> Vec<f64> {
    scheduler.timesteps().iter().map(|&timestep| f64::from(timestep)).collect()
}

/// From noise to latents. The scheduler's timesteps are set already.
///
/// - `shape`: of the latents; the first draw of `generator` fills it, later ones are the steps' noise
/// - `predict`: from the scaled sample and the step, from 0, to the model's output
/// - `decode`: latents to images, for previews
pub(super) fn denoise(
    scheduler: &mut dyn Scheduler<Tensor<4>>,
    shape: [usize; 4],
    generator: &mut dyn NormalGenerator,
    device: &Device,
    mut predict: impl FnMut(Tensor<4>, usize) -> Result<Tensor<4>, ModelError>,
    decode: impl Fn(Tensor<4>) -> Result<Vec<RgbImage>, ModelError>,
    on_step: &mut dyn FnMut(&StepProgress<'_>) -> ControlFlow<()>,
) -> Result<Tensor<4>, ModelError> {
    let num_steps = scheduler.timesteps().len();
    let mut latents = randn(generator, shape, device).mul_scalar(scheduler.init_noise_sigma());
    for i in 0..num_steps {
        let sample = scheduler.scale_model_input(&latents, i)?;
        let model_output = predict(sample, i)?;
        let noise = scheduler.needs_noise(i).then(|| randn(generator, shape, device));
        let step = scheduler.step(i, &model_output, &latents, noise.as_ref())?;

        let preview = || decode(step.pred_original_sample.clone());
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
