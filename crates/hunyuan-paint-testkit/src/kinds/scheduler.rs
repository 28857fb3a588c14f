//! `scheduler`: whole runs of the four schedulers over recorded model outputs and noise.

use hunyuan_paint_scheduler::{DdimScheduler, Scheduler, SchedulerConfig, SchedulerError, SchedulerKind};
use serde::Deserialize;

use crate::{
    case::{Array, Case, CaseError},
    report::Report,
};

#[derive(Deserialize)]
struct Parameters {
    scheduler: String,
    config: SchedulerConfig,
    num_inference_steps: Option<usize>,
    timesteps: Option<Vec<usize>>,
    #[serde(default)]
    eta: f32,
    init_noise_sigma: Option<f64>,
}

/// Checks timesteps, sigmas, `init_noise_sigma`, scaled inputs and the sample after each step.
///
/// # Errors
/// If the case is malformed, or the scheduler fails.
pub fn check_scheduler(case: &Case, report: &mut Report) -> Result<(), CaseError> {
    let parameters: Parameters = case.parameters()?;
    let (model_outputs_shape, model_outputs) = case.f32("in.model_outputs")?;
    let (_, noises) = case.f32("in.noises")?;
    let (_, sample) = case.f32("in.sample")?;

    let mut scheduler = init(&parameters).map_err(CaseError::under_test)?;
    let run = denoise(scheduler.as_mut(), model_outputs, noises, sample).map_err(CaseError::under_test)?;

    if let Some(expected) = parameters.init_noise_sigma {
        report.compare_number("init_noise_sigma", expected, f64::from(scheduler.init_noise_sigma()));
    }
    let (_, step_shape) = model_outputs_shape.split_at(1.min(model_outputs_shape.len()));
    let stacked = |samples: &[Vec<f32>]| {
        let shape = [&[samples.len()], step_shape].concat();
        Array::f32(&shape, samples.concat())
    };
    let flat = |values: &[f32]| Array::f32(&[values.len()], values.to_vec());
    for output in case.names("out.") {
        let actual = match output.as_str() {
            "out.timesteps" => flat(scheduler.timesteps()),
            "out.sigmas" => flat(scheduler.sigmas()),
            "out.scaled_inputs" => stacked(&run.scaled_inputs),
            "out.prev_samples" => stacked(&run.prev_samples),
            _ => {
                report.push_error(&output, "unknown output");
                continue;
            }
        };
        report.compare(case, &output, &actual)?;
    }
    Ok(())
}

fn init(parameters: &Parameters) -> Result<Box<dyn Scheduler<Vec<f32>>>, SchedulerError> {
    let named =
        SchedulerConfig { class_name: Some(parameters.scheduler.clone()), ..parameters.config.clone() };
    let mut scheduler: Box<dyn Scheduler<Vec<f32>>> = match named.kind()? {
        SchedulerKind::Ddim => Box::new(DdimScheduler::new(&named)?.with_eta(parameters.eta)?),
        kind => kind.init(&named)?,
    };
    match &parameters.timesteps {
        Some(timesteps) => scheduler.set_custom_timesteps(timesteps)?,
        None => scheduler.set_timesteps(parameters.num_inference_steps.unwrap_or(0))?,
    }
    Ok(scheduler)
}

struct Run {
    scaled_inputs: Vec<Vec<f32>>,
    prev_samples: Vec<Vec<f32>>,
}

fn denoise(
    scheduler: &mut dyn Scheduler<Vec<f32>>,
    model_outputs: &[f32],
    noises: &[f32],
    sample: &[f32],
) -> Result<Run, SchedulerError> {
    let mut run = Run { scaled_inputs: Vec::new(), prev_samples: Vec::new() };
    let mut sample = sample.to_vec();
    let length = sample.len().max(1);
    let mut noises = noises.chunks(length);
    for (step_index, model_output) in model_outputs.chunks(length).enumerate() {
        let noise = noises.next().filter(|_| scheduler.needs_noise(step_index)).map(<[f32]>::to_vec);
        run.scaled_inputs.push(scheduler.scale_model_input(&sample, step_index)?);
        sample = scheduler.step(step_index, &model_output.to_vec(), &sample, noise.as_ref())?.prev_sample;
        run.prev_samples.push(sample.clone());
    }
    Ok(run)
}
