use std::{fmt, ops::ControlFlow, str::FromStr};

use hunyuan_paint_models::{
    ModelError,
    pipelines::{
        DenoiseOptions, InstructPix2PixOptions, MultiviewInputs, MultiviewOptions, StepProgress, TURBO_STEPS,
    },
};
use hunyuan_paint_scheduler::SchedulerKind;
use image::RgbImage;

use super::{DeviceFixture, Generators, Scene, fixture::values};
use crate::case::CaseError;

/// One of the two pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipelineKind {
    /// `InstructPix2Pix`: one image.
    Delight,
    /// Multiview diffusion: six images.
    Multiview,
}

impl PipelineKind {
    /// All pipelines.
    pub const ALL: [Self; 2] = [Self::Delight, Self::Multiview];

    /// Returns the name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delight => "delight",
            Self::Multiview => "multiview",
        }
    }
}

impl fmt::Display for PipelineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PipelineKind {
    type Err = CaseError;

    fn from_str(name: &str) -> Result<Self, CaseError> {
        let found = Self::ALL.into_iter().find(|pipeline| pipeline.name() == name);
        found.ok_or_else(|| CaseError::Parameter {
            name: "pipeline",
            expected: "delight or multiview",
            found: name.to_owned(),
        })
    }
}

/// A whole run from images to images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Pipeline.
    pub pipeline: PipelineKind,
    /// Scheduler.
    pub scheduler: SchedulerKind,
    /// Number of steps.
    pub num_inference_steps: usize,
}

/// Latents before and after a step, on the host, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct StepTrace {
    /// Latents before the step.
    pub sample: Vec<f32>,
    /// Noise that the step added, if any.
    pub noise: Option<Vec<f32>>,
    /// Latents after the step.
    pub prev_sample: Vec<f32>,
}

impl Run {
    /// Runs on a device.
    ///
    /// # Errors
    /// If the scene or the options do not fit the model.
    pub fn images(
        self,
        on: &DeviceFixture,
        scene: &Scene,
        generators: Generators,
    ) -> Result<Vec<RgbImage>, CaseError> {
        self.run(on, scene, generators, &mut |_| ControlFlow::Continue(())).map_err(CaseError::under_test)
    }

    /// Runs on a device and records each step.
    ///
    /// # Errors
    /// If the scene or the options do not fit the model, or latents cannot be read back.
    pub fn trace(
        self,
        on: &DeviceFixture,
        scene: &Scene,
        generators: Generators,
    ) -> Result<(Vec<StepTrace>, Vec<RgbImage>), CaseError> {
        let mut steps = Vec::new();
        let mut on_step = |progress: &StepProgress<'_>| -> Result<(), CaseError> {
            steps.push(StepTrace {
                sample: values(progress.sample.clone())?,
                noise: progress.noise.map(|noise| values(noise.clone())).transpose()?,
                prev_sample: values(progress.prev_sample.clone())?,
            });
            Ok(())
        };
        let mut unreadable = None;
        let images = self.run(on, scene, generators, &mut |progress| match on_step(progress) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                unreadable = Some(error);
                ControlFlow::Break(())
            }
        });
        match unreadable {
            Some(error) => Err(error),
            None => Ok((steps, images.map_err(CaseError::under_test)?)),
        }
    }

    fn run(
        self,
        on: &DeviceFixture,
        scene: &Scene,
        Generators { mut posterior, mut latents }: Generators,
        on_step: &mut dyn FnMut(&StepProgress<'_>) -> ControlFlow<()>,
    ) -> Result<Vec<RgbImage>, ModelError> {
        let Self { pipeline, scheduler, num_inference_steps } = self;
        let denoise =
            |guidance_scale| DenoiseOptions { scheduler, num_inference_steps, guidance_scale, eta: 0.0 };
        match pipeline {
            PipelineKind::Delight => {
                let options =
                    InstructPix2PixOptions { denoise: denoise(1.0), ..InstructPix2PixOptions::default() };
                let image = on.delight.run(&scene.reference, &options, latents.as_mut(), on_step)?;
                Ok(vec![image])
            }
            PipelineKind::Multiview => {
                let inputs = MultiviewInputs {
                    references: std::slice::from_ref(&scene.reference),
                    normal_maps: &scene.normal_maps,
                    position_maps: &scene.position_maps,
                    view_indices: &scene.view_indices,
                };
                // The turbo model runs without guidance, the standard model with it.
                let turbo = scheduler == SchedulerKind::Lcm;
                let options = MultiviewOptions {
                    denoise: denoise(if turbo { 1.0 } else { 2.0 }),
                    turbo_timesteps: turbo && num_inference_steps <= TURBO_STEPS,
                };
                on.multiview.run(&inputs, &options, posterior.as_mut(), latents.as_mut(), on_step)
            }
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.pipeline, self.scheduler.name(), self.num_inference_steps)
    }
}
