use std::{
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use burn::{module::Module, tensor::Device};

use crate::{
    LoadOptions, MemoryBudget, MemoryPlan, ModelError, memory_budget::Reserved, parameters::parameter_count,
};

/// A network that is there when it is needed.
pub(super) struct Slot<T> {
    name: &'static str,
    load: Box<dyn Fn() -> Result<T, ModelError> + Send + Sync>,
    /// Bytes of its weights.
    bytes: u64,
    device: Device,
    memory: MemoryPlan,
    budget: MemoryBudget,
    kept: Mutex<Option<Arc<Loaded<T>>>>,
}

struct Loaded<T> {
    network: T,
    _reserved: Reserved,
}

impl<T: Module> Slot<T> {
    /// For a network like `blank`, which has no weights yet. What is to stay is loaded at once.
    pub(super) fn new(
        name: &'static str,
        blank: &T,
        options: &LoadOptions,
        load: impl Fn() -> Result<T, ModelError> + Send + Sync + 'static,
    ) -> Result<Self, ModelError> {
        let LoadOptions { device, precision, memory, budget, on_load: _ } = options.clone();
        let bytes = parameter_count(blank) * precision.dtype().size() as u64;
        let slot = Self { name, load: Box::new(load), bytes, device, memory, budget, kept: Mutex::new(None) };
        if memory == MemoryPlan::Keep {
            slot.lend()?;
        }
        Ok(slot)
    }
}

impl<T> Slot<T> {
    /// The network, loaded now unless it is there.
    pub(super) fn lend(&self) -> Result<Lent<T>, ModelError> {
        if self.memory == MemoryPlan::ReloadPerStage {
            return Ok(Lent { loaded: Some(Arc::new(self.load()?)), frees: Some(self.device.clone()) });
        }
        let mut kept = self.kept();
        let loaded = match &*kept {
            Some(loaded) => loaded.clone(),
            None => kept.insert(Arc::new(self.load()?)).clone(),
        };
        Ok(Lent { loaded: Some(loaded), frees: None })
    }

    /// Bytes of the weights that lending it would load.
    pub(super) fn bytes_to_load(&self) -> u64 {
        if self.kept().is_some() { 0 } else { self.bytes }
    }

    fn load(&self) -> Result<Loaded<T>, ModelError> {
        let reserved = self.budget.reserve(self.name, self.bytes)?;
        Ok(Loaded { network: (self.load)()?, _reserved: reserved })
    }

    fn kept(&self) -> MutexGuard<'_, Option<Arc<Loaded<T>>>> {
        // A load that panicked has left nothing behind.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, bytes, memory, .. } = self;
        let mut slot = f.debug_struct("Slot");
        slot.field("name", name).field("bytes", bytes).field("memory", memory).finish_non_exhaustive()
    }
}

/// A network of a pipeline, for as long as this lives. If it does not stay, its memory goes back to the device then.
pub struct Lent<T> {
    /// There until it is dropped.
    loaded: Option<Arc<Loaded<T>>>,
    frees: Option<Device>,
}

impl<T> Deref for Lent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.loaded {
            Some(loaded) => &loaded.network,
            None => unreachable!("a network that is lent is there until it is dropped"),
        }
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        self.loaded = None;
        if let Some(device) = &self.frees {
            device.memory_cleanup();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Lent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
