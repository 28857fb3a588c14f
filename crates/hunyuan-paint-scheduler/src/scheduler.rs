//! What all schedulers have in common.

use crate::{LinearCombination, SchedulerError, SchedulerKind};

/// The part of a scheduler that does not depend on how samples are stored: which timesteps, how much noise.
pub trait Schedule {
    /// Which scheduler this is.
    fn kind(&self) -> SchedulerKind;

    /// Chooses the timesteps of a run and starts it.
    ///
    /// # Errors
    /// If `num_inference_steps` is 0 or more than the scheduler's configuration allows.
    fn set_timesteps(&mut self, num_inference_steps: usize) -> Result<(), SchedulerError>;

    /// Starts a run over these timesteps, in descending order.
    ///
    /// # Errors
    /// If the list is empty, out of range or not descending, or the scheduler cannot follow one: only LCM can.
    fn set_custom_timesteps(&mut self, timesteps: &[usize]) -> Result<(), SchedulerError> {
        let _ = timesteps;
        Err(SchedulerError::CustomTimesteps {
            scheduler: self.kind(),
            expected: "none (only LCM follows such a list)".to_owned(),
            found: "a list".to_owned(),
        })
    }

    /// The timesteps of the run, as they are handed to the model; empty before [`Self::set_timesteps`].
    fn timesteps(&self) -> &[f32];

    /// The noise per unit of signal before each step, and after the last; empty for DDIM and LCM, which have none.
    fn sigmas(&self) -> &[f32] {
        &[]
    }

    /// The standard deviation of the first sample.
    fn init_noise_sigma(&self) -> f32 {
        1.0
    }

    /// Whether diffusers draws noise in this step. A caller that follows its random numbers draws exactly then.
    fn needs_noise(&self, step_index: usize) -> bool;
}

/// A scheduler of samples of type `S`. Steps are counted from 0 by `step_index`, the index into
/// [`Schedule::timesteps`]; noise is handed to a step, never drawn in it.
pub trait Scheduler<S: LinearCombination>: Schedule {
    /// The sample as the model wants to see it.
    ///
    /// # Errors
    /// If there is no such step.
    fn scale_model_input(&self, sample: &S, step_index: usize) -> Result<S, SchedulerError>;

    /// One step: from `sample` and what the model made of it to the sample at the next timestep.
    ///
    /// `noise` is standard normal; it is ignored if [`Schedule::needs_noise`] says no.
    ///
    /// # Errors
    /// If there is no such step, noise is needed and missing, or an input's shape is not the sample's.
    fn step(
        &mut self,
        step_index: usize,
        model_output: &S,
        sample: &S,
        noise: Option<&S>,
    ) -> Result<StepOutput<S>, SchedulerError>;

    /// A clean sample, noised to the level at which this step starts.
    ///
    /// # Errors
    /// If there is no such step, or the shapes differ.
    fn add_noise(&self, original_samples: &S, noise: &S, step_index: usize) -> Result<S, SchedulerError>;
}

/// What a step returns.
#[derive(Clone, Debug)]
pub struct StepOutput<S> {
    /// The sample at the next timestep.
    pub prev_sample: S,
    /// The clean sample that this step predicts.
    pub pred_original_sample: S,
}

/// The timestep of a step.
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

/// The noise of a step that needs it.
pub(crate) fn required_noise<'a, S>(
    schedule: &impl Schedule,
    step_index: usize,
    noise: Option<&'a S>,
) -> Result<&'a S, SchedulerError> {
    noise.ok_or_else(|| SchedulerError::MissingNoise { scheduler: schedule.kind(), step_index })
}

/// Refuses an input of another shape than the sample's.
pub(crate) fn check_shape<S: LinearCombination>(
    input: &'static str,
    value: &S,
    sample: &S,
) -> Result<(), SchedulerError> {
    let (expected, found) = (sample.shape(), value.shape());
    if expected == found { Ok(()) } else { Err(SchedulerError::Shape { input, expected, found }) }
}

/// [`check_shape`] for the inputs of a step.
pub(crate) fn check_step_shapes<S: LinearCombination>(
    model_output: &S,
    sample: &S,
    noise: Option<&S>,
) -> Result<(), SchedulerError> {
    check_shape("model_output", model_output, sample)?;
    noise.map_or(Ok(()), |noise| check_shape("noise", noise, sample))
}
