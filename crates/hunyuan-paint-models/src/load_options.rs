use std::{fmt, ops::ControlFlow, path::Path, str::FromStr, sync::Arc};

use burn::tensor::Device;

use crate::{MemoryBudget, ModelError, Precision};

/// Where networks are put, and how.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Where they run.
    pub device: Device,
    /// What they compute in.
    pub precision: Precision,
    /// How long they stay in memory.
    pub memory: MemoryPlan,
    /// What fits on the device; what cannot is refused beforehand.
    pub budget: MemoryBudget,
    /// Is told how far each weights file has been loaded.
    pub on_load: Option<LoadCallback>,
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

/// A function that is told how far loading has come, and can stop it. It may be called from any thread, and must not ask the
/// pipeline that is being loaded for a network.
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
    /// In single precision, to stay, in memory of unknown size.
    fn from(device: &Device) -> Self {
        Self {
            device: device.clone(),
            precision: Precision::F32,
            memory: MemoryPlan::Keep,
            budget: MemoryBudget::unlimited(),
            on_load: None,
        }
    }
}

/// How long the networks of a pipeline stay in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MemoryPlan {
    /// All are loaded at once and stay: for many runs.
    #[default]
    Keep,
    /// Each is loaded when its turn comes, and freed when it has done its part: for little memory. Every run
    /// reads the files again.
    ReloadPerStage,
}

impl MemoryPlan {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Keep, Self::ReloadPerStage];

    /// Its name, as the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::ReloadPerStage => "reload",
        }
    }
}

impl fmt::Display for MemoryPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for MemoryPlan {
    type Err = ModelError;

    fn from_str(name: &str) -> Result<Self, ModelError> {
        let found = Self::ALL.into_iter().find(|plan| plan.name() == name);
        found.ok_or_else(|| ModelError::input("memory plan", Self::ALL.map(Self::name).join(" or "), name))
    }
}
