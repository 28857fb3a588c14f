use std::{error::Error, path::PathBuf};

use hunyuan_paint_scheduler::SchedulerError;

use crate::memory_budget::HumanBytes;

/// An error of a library that does not publish its error types.
type BoxedError = Box<dyn Error + Send + Sync>;

/// Everything that can go wrong between a model folder and an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file or folder is missing, unreadable or not writable.
    #[error("{path}: cannot be accessed")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// A network's folder has no weights under any of the published names.
    #[error("{folder}: no weights found; expected one of {expected}")]
    NoWeights {
        /// The folder.
        folder: PathBuf,
        /// The expected file names, in order of preference, separated by commas.
        expected: String,
    },
    /// A JSON file is malformed, or lacks a field, or has a field of the wrong type.
    #[error("{path}: not the expected JSON")]
    Json {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        #[source]
        source: serde_json::Error,
    },
    /// A configuration asks for something that these networks do not support.
    #[error("{path}: field '{field}': expected {expected}, found {found}")]
    Config {
        /// The file, or the type's name if the configuration does not come from a file.
        path: PathBuf,
        /// The field.
        field: String,
        /// The supported values.
        expected: String,
        /// The value in the configuration.
        found: String,
    },
    /// A weights file is not in its format, or is truncated.
    #[error("{file}: not a readable weights file")]
    UnreadableWeights {
        /// The file.
        file: PathBuf,
        /// The reader's error.
        #[source]
        source: BoxedError,
    },
    /// A tensor of a weights file cannot be read.
    #[error("{file}: key '{key}': {reason}")]
    UnreadableTensor {
        /// The file.
        file: PathBuf,
        /// The tensor's key.
        key: String,
        /// The reader's message.
        reason: String,
    },
    /// The file lacks a tensor that the network needs.
    #[error("{file}: key '{key}' is missing ({count} missing in all)")]
    MissingKey {
        /// The file.
        file: PathBuf,
        /// The first missing key.
        key: String,
        /// The number of missing keys.
        count: usize,
    },
    /// The file has a tensor that the network does not use.
    #[error("{file}: key '{key}' is not used by the network ({count} unused in all)")]
    UnusedKey {
        /// The file.
        file: PathBuf,
        /// The first unused key.
        key: String,
        /// The number of unused keys.
        count: usize,
    },
    /// A tensor's shape differs from the one that the configuration implies.
    #[error("{file}: key '{key}': expected shape {expected:?}, found {found:?}")]
    WrongShape {
        /// The file.
        file: PathBuf,
        /// The tensor's key.
        key: String,
        /// The shape that the configuration implies.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// The files of a tokenizer cannot be used.
    #[error("{path}: not a usable tokenizer")]
    Tokenizer {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: BoxedError,
    },
    /// An argument of a forward pass or a pipeline does not fit.
    #[error("{input}: expected {expected}, found {found}")]
    Input {
        /// The argument.
        input: &'static str,
        /// The accepted values.
        expected: String,
        /// The given value.
        found: String,
    },
    /// The layers of a network and the inputs computed for them do not match one to one. This is a
    /// bug in this crate.
    #[error("{input}: expected one for each {layer}, found {found}")]
    Wiring {
        /// The inputs.
        input: &'static str,
        /// The kind of layer that takes them.
        layer: &'static str,
        /// How the numbers differ.
        found: String,
    },
    /// A load callback asked for a network that is not in memory.
    #[error("{network}: cannot be loaded by a load callback; ask for it after the load")]
    NestedLoad {
        /// The network.
        network: &'static str,
    },
    /// The device returned no result: it was lost, or ran out of memory.
    #[error(
        "the device returned no result (lost or out of memory); restart the process, or use smaller views"
    )]
    Device {
        /// The driver's error.
        #[source]
        source: BoxedError,
    },
    /// The device has not enough memory.
    #[error(
        "{stage}: needs {} ({} of weights, {} to compute) beside {} of other networks, and the device has {}; \
        half precision, the memory plan `reload` or smaller views need less",
        HumanBytes(.weights.saturating_add(*.working)), HumanBytes(*.weights), HumanBytes(*.working),
        HumanBytes(*.taken), HumanBytes(*.total)
    )]
    OutOfMemory {
        /// The network, or the pipeline's stage.
        stage: &'static str,
        /// Bytes of the weights to load.
        weights: u64,
        /// Bytes of intermediate results, at least.
        working: u64,
        /// Bytes of the networks that are loaded.
        taken: u64,
        /// Bytes of memory for networks.
        total: u64,
    },
    /// A tensor is larger than the device allows, however much memory it has.
    #[error(
        "{stage}: needs a tensor of {}, and the device allows at most {}; smaller views need less",
        HumanBytes(*.size), HumanBytes(*.limit)
    )]
    AllocationTooLarge {
        /// The pipeline's stage.
        stage: &'static str,
        /// Bytes of the tensor.
        size: u64,
        /// Bytes that the device allows.
        limit: u64,
    },
    /// The scheduler refused its configuration or a step.
    #[error(transparent)]
    Scheduler(#[from] SchedulerError),
    /// A progress callback cancelled the run.
    #[error("cancelled")]
    Cancelled,
}

impl ModelError {
    pub(crate) fn input(input: &'static str, expected: impl ToString, found: impl ToString) -> Self {
        Self::Input { input, expected: expected.to_string(), found: found.to_string() }
    }

    pub(crate) fn device(source: impl Into<BoxedError>) -> Self {
        Self::Device { source: source.into() }
    }
}
