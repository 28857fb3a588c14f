use std::{
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use burn::{module::Module, tensor::Device};

use crate::{
    LoadOptions, MemoryBudget, MemoryPlan, ModelError, memory_budget::Reserved, parameters::parameter_count,
};

/// A network that is loaded when it is needed.
pub(super) struct LazyModule<T> {
    name: &'static str,
    load: Box<dyn Fn() -> Result<T, ModelError> + Send + Sync>,
    /// Bytes of its weights.
    bytes: u64,
    device: Device,
    memory: MemoryPlan,
    budget: MemoryBudget,
    /// Held while the network is loaded, so that it is loaded once. Apart from `kept`, which nobody may hold for long.
    loading: Mutex<()>,
    kept: Mutex<Option<Arc<Loaded<T>>>>,
}

struct Loaded<T> {
    network: T,
    _reserved: Reserved,
}

impl<T: Module> LazyModule<T> {
    /// Creates the module for a network like `blank`, which has no weights yet. A network that is to stay is loaded at once.
    pub(super) fn new(
        name: &'static str,
        blank: &T,
        options: &LoadOptions,
        load: impl Fn() -> Result<T, ModelError> + Send + Sync + 'static,
    ) -> Result<Self, ModelError> {
        let LoadOptions { device, precision, memory, budget, on_load: _ } = options.clone();
        let bytes = parameter_count(blank) * precision.dtype().size() as u64;
        let module = Self {
            name,
            load: Box::new(load),
            bytes,
            device,
            memory,
            budget,
            loading: Mutex::new(()),
            kept: Mutex::new(None),
        };
        if memory == MemoryPlan::Keep {
            module.acquire()?;
        }
        Ok(module)
    }
}

impl<T> LazyModule<T> {
    /// Returns the network, and loads it unless it is loaded.
    pub(super) fn acquire(&self) -> Result<ModuleGuard<T>, ModelError> {
        if self.memory == MemoryPlan::ReloadPerStage {
            return Ok(ModuleGuard {
                loaded: Some(Arc::new(self.load()?)),
                frees: Some(self.device.clone()),
            });
        }
        // A load that panicked has left nothing behind.
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = self.kept().clone();
        let loaded = match kept {
            Some(loaded) => loaded,
            None => {
                let loaded = Arc::new(self.load()?);
                *self.kept() = Some(loaded.clone());
                loaded
            }
        };
        Ok(ModuleGuard { loaded: Some(loaded), frees: None })
    }

    /// Returns the bytes of the weights that [`acquire`](Self::acquire) would load. Does not wait for a load.
    pub(super) fn bytes_to_load(&self) -> u64 {
        if self.kept().is_some() { 0 } else { self.bytes }
    }

    fn load(&self) -> Result<Loaded<T>, ModelError> {
        let reserved = self.budget.reserve(self.name, self.bytes)?;
        Ok(Loaded { network: (self.load)()?, _reserved: reserved })
    }

    fn kept(&self) -> MutexGuard<'_, Option<Arc<Loaded<T>>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for LazyModule<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, bytes, memory, .. } = self;
        let mut lazy = f.debug_struct("LazyModule");
        lazy.field("name", name).field("bytes", bytes).field("memory", memory).finish_non_exhaustive()
    }
}

/// Gives access to a network of a pipeline. Dropping it frees a network that does not stay.
pub struct ModuleGuard<T> {
    /// `Some` until the guard is dropped.
    loaded: Option<Arc<Loaded<T>>>,
    frees: Option<Device>,
}

impl<T> Deref for ModuleGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.loaded {
            Some(loaded) => &loaded.network,
            None => unreachable!("the network is there until the guard is dropped"),
        }
    }
}

impl<T> Drop for ModuleGuard<T> {
    fn drop(&mut self) {
        self.loaded = None;
        if let Some(device) = &self.frees {
            device.memory_cleanup();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for ModuleGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
