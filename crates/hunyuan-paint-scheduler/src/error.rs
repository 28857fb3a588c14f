//! The error type of this crate.

use crate::SchedulerKind;

/// An error of this crate. Messages name the input, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchedulerError {
    /// The configuration is not JSON.
    #[error("the scheduler configuration is not JSON")]
    Json {
        /// The parser's error.
        #[from]
        source: serde_json::Error,
    },
    /// A field of the configuration has a value of the wrong type or out of range.
    #[error("scheduler configuration: '{field}': expected {expected}, found {found}")]
    Config {
        /// The field.
        field: &'static str,
        /// The allowed values.
        expected: String,
        /// The value in the configuration.
        found: String,
    },
    /// No scheduler of diffusers has such a field.
    #[error("scheduler configuration: unknown field '{field}'")]
    UnknownField {
        /// The field.
        field: String,
    },
    /// The configuration uses an option of diffusers that this crate does not implement.
    #[error("{scheduler}: '{field}': expected {expected}, found {found}, which is not implemented")]
    Unsupported {
        /// The scheduler.
        scheduler: SchedulerKind,
        /// The field.
        field: &'static str,
        /// The supported values.
        expected: String,
        /// The value in the configuration.
        found: String,
    },
    /// Too few or too many inference steps.
    #[error("num_inference_steps: expected {expected}, found {found}")]
    StepCount {
        /// The allowed counts.
        expected: String,
        /// The requested count.
        found: usize,
    },
    /// Custom timesteps that the scheduler cannot follow.
    #[error("custom timesteps for {scheduler}: expected {expected}, found {found}")]
    CustomTimesteps {
        /// The scheduler.
        scheduler: SchedulerKind,
        /// The lists that the scheduler can follow.
        expected: String,
        /// What is wrong with the list.
        found: String,
    },
    /// A step was taken before `set_timesteps`.
    #[error("{scheduler}: expected a call of set_timesteps before the first step, found no timesteps")]
    TimestepsNotSet {
        /// The scheduler.
        scheduler: SchedulerKind,
    },
    /// The step is beyond the last timestep, or out of order for a multistep solver.
    #[error("step_index: expected {expected}, found {found}")]
    StepIndex {
        /// The steps that can be taken.
        expected: String,
        /// The requested step.
        found: usize,
    },
    /// The step needs noise and got none.
    #[error("step {step_index} of {scheduler}: expected noise, found none")]
    MissingNoise {
        /// The scheduler.
        scheduler: SchedulerKind,
        /// The step.
        step_index: usize,
    },
    /// The shape of an input differs from the sample's.
    #[error("'{input}': expected the sample's shape {expected:?}, found {found:?}")]
    Shape {
        /// The input.
        input: &'static str,
        /// The sample's shape.
        expected: Vec<usize>,
        /// The input's shape.
        found: Vec<usize>,
    },
    /// DDIM's eta is negative or not finite, or so large that a step's variance turns negative.
    #[error("eta: expected {expected}, found {found}")]
    Eta {
        /// The allowed values.
        expected: &'static str,
        /// The requested value.
        found: f32,
    },
    /// The name of a scheduler is unknown.
    #[error("scheduler: expected {expected}, found '{found}'")]
    UnknownScheduler {
        /// The known names.
        expected: String,
        /// The unknown name.
        found: String,
    },
    /// The name of a random generator is unknown.
    #[error("random generator: expected {expected}, found '{found}'")]
    UnknownGenerator {
        /// The known names.
        expected: String,
        /// The unknown name.
        found: String,
    },
}
