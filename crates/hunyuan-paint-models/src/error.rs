use std::path::PathBuf;

use hunyuan_paint_scheduler::SchedulerError;

use crate::memory_budget::HumanBytes;

/// What can go wrong between a model folder and an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file of the model folder is missing or unreadable.
    #[error("{path}: cannot be read")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// None of the names under which a network's weights are published is in the folder.
    #[error("{folder}: no weights found; expected one of {expected}")]
    NoWeights {
        /// The folder.
        folder: PathBuf,
        /// The names looked for.
        expected: String,
    },
    /// A `config.json` is not JSON, or lacks a field, or has one of another type.
    #[error("{path}: expected a JSON configuration of this network, found something else")]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A configuration asks for something that these networks do not have.
    #[error("{path}: field '{field}': expected {expected}, found {found}")]
    Config {
        /// The file, or the type's name where the configuration came from memory.
        path: PathBuf,
        /// The field.
        field: String,
        /// What is supported.
        expected: String,
        /// What the configuration says.
        found: String,
    },
    /// A weights file is not in its format, or is cut short.
    #[error("{file}: not a readable weights file: {reason}")]
    UnreadableWeights {
        /// The file.
        file: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// A tensor of a weights file cannot be read.
    #[error("{file}: key '{key}': {reason}")]
    UnreadableTensor {
        /// The file.
        file: PathBuf,
        /// The tensor's key.
        key: String,
        /// What the reader said.
        reason: String,
    },
    /// The network needs a tensor that the file does not have.
    #[error("{file}: key '{key}' is missing ({count} missing in all)")]
    MissingKey {
        /// The file.
        file: PathBuf,
        /// The first missing key.
        key: String,
        /// How many are missing.
        count: usize,
    },
    /// The file has a tensor that the network does not use.
    #[error("{file}: key '{key}' is not used by the network ({count} unused in all)")]
    UnusedKey {
        /// The file.
        file: PathBuf,
        /// The first unused key.
        key: String,
        /// How many are unused.
        count: usize,
    },
    /// A tensor has another shape than the configuration implies.
    #[error("{file}: key '{key}': expected shape {expected:?}, found {found:?}")]
    WrongShape {
        /// The file.
        file: PathBuf,
        /// The tensor's key.
        key: String,
        /// The shape that the configuration implies.
        expected: Vec<usize>,
        /// The file's shape.
        found: Vec<usize>,
    },
    /// The tokenizer's vocabulary or merges cannot be used.
    #[error("{path}: {reason}")]
    Tokenizer {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An argument of a forward pass or pipeline does not fit.
    #[error("{input}: expected {expected}, found {found}")]
    Input {
        /// The argument.
        input: &'static str,
        /// What is needed.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The device gave no result: it was lost, or ran out of memory.
    #[error(
        "the device returned no result (lost or out of memory): {reason}; restart the process, or use smaller views"
    )]
    Device {
        /// What its driver said.
        reason: String,
    },
    /// The device has not enough memory.
    #[error(
        "{stage}: needs {} ({} of weights, {} to compute with) beside {} of other networks, and the device has {}; \
        half precision, the memory plan `reload` or smaller views need less",
        HumanBytes(.weights.saturating_add(*.working)), HumanBytes(*.weights), HumanBytes(*.working), HumanBytes(*.taken), HumanBytes(*.total)
    )]
    OutOfMemory {
        /// The network or the pipeline's stage.
        stage: &'static str,
        /// Bytes of the weights that it loads.
        weights: u64,
        /// Bytes to compute with, at least.
        working: u64,
        /// Bytes of the networks that are loaded already.
        taken: u64,
        /// Bytes of the device.
        total: u64,
    },
    /// The device takes no tensor that is so large, whatever memory it has.
    #[error("{stage}: needs {} in one piece, and the device takes at most {}; smaller views need less", HumanBytes(*.size), HumanBytes(*.limit))]
    AllocationTooLarge {
        /// The pipeline's stage.
        stage: &'static str,
        /// Bytes of the tensor.
        size: u64,
        /// Bytes that the device takes.
        limit: u64,
    },
    /// The scheduler refused its configuration or a step.
    #[error("the scheduler refused its configuration or a step")]
    Scheduler(#[from] SchedulerError),
    /// The progress callback asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl ModelError {
    pub(crate) fn input(input: &'static str, expected: impl ToString, found: impl ToString) -> Self {
        Self::Input { input, expected: expected.to_string(), found: found.to_string() }
    }
}
