//! The traits of all schedulers, and the checks of their inputs.

use crate::{LinearCombination, SchedulerError, SchedulerKind};

/// The part of a scheduler that is independent of how samples are stored: timesteps and noise
/// levels.
pub trait Schedule {
    /// Returns which scheduler this is.
    fn kind(&self) -> SchedulerKind;

    /// Chooses the timesteps of a run and starts it.
    ///
    /// # Errors
    /// If `num_inference_steps` is 0 or more than the scheduler's configuration allows.
    fn set_timesteps(&mut self, num_inference_steps: usize) -> Result<(), SchedulerError>;

    /// Starts a run over the given timesteps, in descending order. Only LCM supports this.
    ///
    /// # Errors
    /// If the scheduler is not LCM, or the list is empty, out of range or not descending.
    fn set_custom_timesteps(&mut self, timesteps: &[usize]) -> Result<(), SchedulerError> {
        let _ = timesteps;
        Err(SchedulerError::CustomTimesteps {
            scheduler: self.kind(),
            expected: "none (only LCM follows such a list)".to_owned(),
            found: "a list".to_owned(),
        })
    }

    /// Returns the timesteps of the run, as the model gets them; empty before
    /// [`Self::set_timesteps`].
    fn timesteps(&self) -> &[f32];

    /// Returns the noise per unit of signal before each step and after the last one. Empty for DDIM
    /// and LCM, which do not use sigmas.
    fn sigmas(&self) -> &[f32] {
        &[]
    }

    /// Returns the standard deviation of the first sample.
    fn init_noise_sigma(&self) -> f32 {
        1.0
    }

    /// Returns whether diffusers draws noise in this step. To reproduce its random numbers, draw in
    /// exactly these steps.
    fn needs_noise(&self, step_index: usize) -> bool;
}

/// A scheduler of samples of type `S`. Steps are counted from 0 by `step_index`, the index into
/// [`Schedule::timesteps`]; noise is handed to a step, never drawn in it.
pub trait Scheduler<S: LinearCombination>: Schedule {
    /// Scales a sample to the model's input.
    ///
    /// # Errors
    /// If there is no such step.
    fn scale_model_input(&self, sample: &S, step_index: usize) -> Result<S, SchedulerError>;

    /// Takes one step: computes the sample at the next timestep from `sample` and the model's
    /// output for it.
    ///
    /// `noise` is standard normal. It is ignored if [`Schedule::needs_noise`] returns false.
    ///
    /// # Errors
    /// If there is no such step, noise is needed and missing, or the shape of an input differs from
    /// the sample's.
    fn step(
        &mut self,
        step_index: usize,
        model_output: &S,
        sample: &S,
        noise: Option<&S>,
    ) -> Result<StepOutput<S>, SchedulerError>;

    /// Adds noise to a clean sample, up to the noise level at which this step starts.
    ///
    /// # Errors
    /// If there is no such step, or the shapes differ.
    fn add_noise(&self, original_samples: &S, noise: &S, step_index: usize) -> Result<S, SchedulerError>;
}

/// The result of a step.
#[derive(Clone, Debug)]
pub struct StepOutput<S> {
    /// The sample at the next timestep.
    pub prev_sample: S,
    /// The clean sample that the step predicts.
    pub pred_original_sample: S,
}

/// Returns the timestep of a step.
pub(crate) fn timestep_at(schedule: &impl Schedule, step_index: usize) -> Result<f32, SchedulerError> {
    let timesteps = schedule.timesteps();
    if timesteps.is_empty() {
        return Err(SchedulerError::TimestepsNotSet { scheduler: schedule.kind() });
    }
    timesteps.get(step_index).copied().ok_or_else(|| SchedulerError::StepIndex {
        expected: format!("at most {}", timesteps.len() - 1),
        found: step_index,
    })
}

/// Returns the noise, or an error if there is none.
pub(crate) fn required_noise<'a, S>(
    schedule: &impl Schedule,
    step_index: usize,
    noise: Option<&'a S>,
) -> Result<&'a S, SchedulerError> {
    noise.ok_or_else(|| SchedulerError::MissingNoise { scheduler: schedule.kind(), step_index })
}

/// Checks the shape of an input against the sample's.
pub(crate) fn check_shape<S: LinearCombination>(
    input: &'static str,
    value: &S,
    sample: &S,
) -> Result<(), SchedulerError> {
    let (expected, found) = (sample.shape(), value.shape());
    if expected == found { Ok(()) } else { Err(SchedulerError::Shape { input, expected, found }) }
}

/// Checks the inputs of [`Scheduler::step`] and returns the step's timestep.
pub(crate) fn check_step<S: LinearCombination>(
    schedule: &impl Schedule,
    step_index: usize,
    model_output: &S,
    sample: &S,
    noise: Option<&S>,
) -> Result<f32, SchedulerError> {
    let timestep = timestep_at(schedule, step_index)?;
    check_shape("model_output", model_output, sample)?;
    if let Some(noise) = noise {
        check_shape("noise", noise, sample)?;
    }
    Ok(timestep)
}

/// Checks the inputs of [`Scheduler::add_noise`] and returns the step's timestep.
pub(crate) fn check_add_noise<S: LinearCombination>(
    schedule: &impl Schedule,
    step_index: usize,
    original_samples: &S,
    noise: &S,
) -> Result<f32, SchedulerError> {
    let timestep = timestep_at(schedule, step_index)?;
    check_shape("noise", noise, original_samples)?;
    Ok(timestep)
}
