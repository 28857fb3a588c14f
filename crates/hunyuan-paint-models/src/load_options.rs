use std::{fmt, ops::ControlFlow, path::Path, sync::Arc};

use burn::tensor::Device;

use crate::{MemoryBudget, ModelError, Precision};

/// Where networks are loaded to, and how.
///
/// [`new`](Self::new) takes a device; the `with_` methods change the rest.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoadOptions {
    /// The device that the networks run on.
    pub device: Device,
    /// The precision of their weights and of their arithmetic.
    pub precision: Precision,
    /// How long they stay in memory.
    pub memory: MemoryPlan,
    /// The memory of the device. Networks that cannot fit are refused before they are loaded.
    pub budget: MemoryBudget,
    /// Reports how far each weights file has been loaded.
    pub on_load: Option<LoadCallback>,
}

impl LoadOptions {
    /// Single precision, all networks stay, memory of unknown size.
    pub fn new(device: Device) -> Self {
        Self {
            device,
            precision: Precision::F32,
            memory: MemoryPlan::Keep,
            budget: MemoryBudget::unlimited(),
            on_load: None,
        }
    }

    /// Changes the precision.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Changes how long networks stay in memory.
    #[must_use]
    pub fn with_memory_plan(self, memory: MemoryPlan) -> Self {
        Self { memory, ..self }
    }

    /// Changes the memory budget.
    #[must_use]
    pub fn with_budget(self, budget: MemoryBudget) -> Self {
        Self { budget, ..self }
    }

    /// Reports how far each weights file has been loaded.
    #[must_use]
    pub fn with_on_load(self, on_load: LoadCallback) -> Self {
        Self { on_load: Some(on_load), ..self }
    }
}

/// How far a weights file has been loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadProgress<'a> {
    /// The file.
    pub file: &'a Path,
    /// Bytes of this network's tensors that have been loaded.
    pub bytes: u64,
    /// Bytes of all of them.
    pub total: u64,
}

/// A function that learns how far loading has come, and can stop it.
///
/// It may be called from any thread. It must not ask the pipeline that is being loaded for the same network.
#[derive(Clone)]
pub struct LoadCallback(Arc<Report>);

type Report = dyn Fn(&LoadProgress<'_>) -> ControlFlow<()> + Send + Sync;

impl LoadCallback {
    /// Calls `report` for every tensor; breaking ends the loading with [`ModelError::Cancelled`].
    pub fn new(report: impl Fn(&LoadProgress<'_>) -> ControlFlow<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    pub(crate) fn call(&self, progress: &LoadProgress<'_>) -> ControlFlow<()> {
        (self.0)(progress)
    }
}

impl fmt::Debug for LoadCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoadCallback")
    }
}

impl From<&Device> for LoadOptions {
    /// The options of [`LoadOptions::new`].
    fn from(device: &Device) -> Self {
        Self::new(device.clone())
    }
}

/// How long the networks of a pipeline stay in memory.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(
    serialize_all = "lowercase",
    parse_err_fn = unknown_memory_plan,
    parse_err_ty = ModelError
)]
#[non_exhaustive]
pub enum MemoryPlan {
    /// All networks are loaded at once and stay: for many runs.
    #[default]
    Keep,
    /// Each network is loaded for its stage and freed after it: for little memory. Every run reads the files again.
    #[strum(serialize = "reload")]
    ReloadPerStage,
}

impl MemoryPlan {
    /// All plans.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Returns its name on the command line.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

fn unknown_memory_plan(name: &str) -> ModelError {
    ModelError::input("memory plan", "keep or reload", name)
}
