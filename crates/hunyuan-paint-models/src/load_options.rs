use std::{cell::Cell, fmt, ops::ControlFlow, path::Path, sync::Arc};

use burn::tensor::Device;
use strum::VariantArray;

use crate::{MemoryBudget, ModelError, Precision};

/// Where and how networks are loaded.
///
/// Defaults: single precision, [`MemoryPlan::Keep`], no memory limit, no callback.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoadOptions {
    /// The device that the networks run on.
    pub device: Device,
    /// The floating-point type of weights and computation.
    pub precision: Precision,
    /// How long networks stay in memory.
    pub memory: MemoryPlan,
    /// The memory of the device. Networks and runs that cannot fit are refused before they start.
    pub budget: MemoryBudget,
    /// Called while weights are loaded.
    pub on_load: Option<LoadCallback>,
}

impl LoadOptions {
    /// Returns the defaults for a device.
    pub fn new(device: Device) -> Self {
        Self {
            device,
            precision: Precision::F32,
            memory: MemoryPlan::Keep,
            budget: MemoryBudget::unlimited(),
            on_load: None,
        }
    }

    /// Sets the floating-point type of weights and computation.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Sets how long networks stay in memory.
    #[must_use]
    pub fn with_memory_plan(self, memory: MemoryPlan) -> Self {
        Self { memory, ..self }
    }

    /// Sets the memory budget. Clones of one budget share one account.
    #[must_use]
    pub fn with_budget(self, budget: MemoryBudget) -> Self {
        Self { budget, ..self }
    }

    /// Sets the callback that learns how far weights have been loaded.
    #[must_use]
    pub fn with_on_load(self, on_load: LoadCallback) -> Self {
        Self { on_load: Some(on_load), ..self }
    }
}

impl From<&Device> for LoadOptions {
    fn from(device: &Device) -> Self {
        Self::new(device.clone())
    }
}

/// How far a weights file has been loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadProgress<'a> {
    /// The file.
    pub file: &'a Path,
    /// Bytes of this network's tensors loaded so far.
    pub bytes: u64,
    /// Bytes of all tensors of this network.
    pub total: u64,
}

/// A function that is called while weights are loaded, and can cancel the load.
///
/// It runs on the thread that loads. It may ask a pipeline for its memory needs and for networks
/// that are in memory. A network that would have to be loaded for it is refused with
/// [`ModelError::NestedLoad`].
#[derive(Clone)]
pub struct LoadCallback(Arc<Report>);

type Report = dyn Fn(&LoadProgress<'_>) -> ControlFlow<()> + Send + Sync;

thread_local! {
    /// Whether this thread is inside a load callback.
    static IS_REPORTING: Cell<bool> = const { Cell::new(false) };
}

impl LoadCallback {
    /// Creates a callback from a function. The function is called for every tensor; `Break` ends
    /// the load with [`ModelError::Cancelled`].
    pub fn new(report: impl Fn(&LoadProgress<'_>) -> ControlFlow<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    pub(crate) fn call(&self, progress: &LoadProgress<'_>) -> ControlFlow<()> {
        struct Restore(bool);

        impl Drop for Restore {
            fn drop(&mut self) {
                IS_REPORTING.set(self.0);
            }
        }

        let _restore = Restore(IS_REPORTING.replace(true));
        (self.0)(progress)
    }

    /// Returns whether the calling thread is inside a load callback.
    pub(crate) fn is_running() -> bool {
        IS_REPORTING.get()
    }
}

impl fmt::Debug for LoadCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoadCallback")
    }
}

/// How long the networks of a pipeline stay in memory.
///
/// `Display` and `FromStr` use the names `keep` and `reload`.
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
#[strum(parse_err_ty = ModelError, parse_err_fn = unknown_memory_plan)]
#[non_exhaustive]
pub enum MemoryPlan {
    /// All networks are loaded when the pipeline is opened, and stay.
    #[default]
    #[strum(to_string = "keep")]
    Keep,
    /// A network is read from disk at the start of its stage and freed at the end, in every run.
    /// This needs the least memory.
    #[strum(to_string = "reload")]
    ReloadPerStage,
}

impl MemoryPlan {
    /// Every plan.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Returns the name: `keep` or `reload`.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

fn unknown_memory_plan(found: &str) -> ModelError {
    let names: Vec<&str> = MemoryPlan::ALL.iter().map(|plan| plan.name()).collect();
    ModelError::input("memory plan", names.join(" or "), found)
}
