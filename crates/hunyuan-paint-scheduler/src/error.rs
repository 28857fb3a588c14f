//! What can go wrong, as one type.

use crate::SchedulerKind;

/// An error of this crate: which input, what was expected, what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchedulerError {
    /// The configuration is not JSON.
    #[error("the scheduler configuration is not JSON: {source}")]
    Json {
        /// What the parser said.
        #[from]
        source: serde_json::Error,
    },
    /// A field of the configuration has a value of the wrong type or out of range.
    #[error("scheduler configuration: '{field}' is {found}, expected {expected}")]
    Config {
        /// The field.
        field: &'static str,
        /// The values it may have.
        expected: String,
        /// Its value.
        found: String,
    },
    /// The configuration has a field that no scheduler of diffusers knows.
    #[error("scheduler configuration: unknown field '{field}'")]
    UnknownField {
        /// The field.
        field: String,
    },
    /// The configuration asks for an option of diffusers that this scheduler does not have here.
    #[error("{scheduler} does not support '{field}' = {found}, expected {expected}")]
    Unsupported {
        /// The scheduler.
        scheduler: SchedulerKind,
        /// The field.
        field: &'static str,
        /// The supported values.
        expected: String,
        /// Its value.
        found: String,
    },
    /// Too few or too many inference steps.
    #[error("num_inference_steps is {found}, expected {expected}")]
    StepCount {
        /// The counts that the configuration allows.
        expected: String,
        /// The count that was asked for.
        found: usize,
    },
    /// Custom timesteps that the scheduler cannot follow.
    #[error("custom timesteps for {scheduler}: {found}, expected {expected}")]
    CustomTimesteps {
        /// The scheduler.
        scheduler: SchedulerKind,
        /// What it can follow.
        expected: String,
        /// What is wrong with the list.
        found: String,
    },
    /// A step before `set_timesteps`.
    #[error("{scheduler} has no timesteps yet, expected a call of set_timesteps first")]
    TimestepsNotSet {
        /// The scheduler.
        scheduler: SchedulerKind,
    },
    /// A step beyond the last timestep, or one that a multistep solver cannot take now.
    #[error("step_index is {found}, expected {expected}")]
    StepIndex {
        /// The steps that could be taken.
        expected: String,
        /// The step that was asked for.
        found: usize,
    },
    /// The step draws noise and none was handed to it.
    #[error("step {step_index} of {scheduler} needs noise, found none")]
    MissingNoise {
        /// The scheduler.
        scheduler: SchedulerKind,
        /// The step.
        step_index: usize,
    },
    /// An input has another shape than the sample.
    #[error("'{input}' has shape {found:?}, expected the sample's {expected:?}")]
    Shape {
        /// The input.
        input: &'static str,
        /// The sample's shape.
        expected: Vec<usize>,
        /// The input's shape.
        found: Vec<usize>,
    },
    /// DDIM's eta is negative or not finite, or so large that a step's variance turns negative.
    #[error("eta is {found}, expected {expected}")]
    Eta {
        /// The values it may have.
        expected: &'static str,
        /// Its value.
        found: f32,
    },
    /// The name of a scheduler is unknown.
    #[error("unknown scheduler '{found}', expected ddim, euler_ancestral, lcm or unipc")]
    UnknownScheduler {
        /// The name.
        found: String,
    },
    /// The name of a random generator is unknown.
    #[error("unknown random generator '{found}', expected philox, torch-cpu or torch-cuda")]
    UnknownGenerator {
        /// The name.
        found: String,
    },
}
