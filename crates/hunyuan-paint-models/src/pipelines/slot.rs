use std::{
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

use burn::tensor::Device;

use crate::{LoadOptions, MemoryPlan, ModelError};

/// A network that is there when it is needed.
pub(super) struct Slot<T> {
    load: Box<dyn Fn() -> Result<T, ModelError> + Send + Sync>,
    device: Device,
    memory: MemoryPlan,
    kept: Mutex<Option<Arc<T>>>,
}

impl<T> Slot<T> {
    /// What is to stay is loaded at once.
    pub(super) fn new(
        options: &LoadOptions,
        load: impl Fn() -> Result<T, ModelError> + Send + Sync + 'static,
    ) -> Result<Self, ModelError> {
        let LoadOptions { device, memory, .. } = options.clone();
        let slot = Self { load: Box::new(load), device, memory, kept: Mutex::new(None) };
        if memory == MemoryPlan::Keep {
            slot.lend()?;
        }
        Ok(slot)
    }

    /// The network, loaded now unless it is there.
    pub(super) fn lend(&self) -> Result<Lent<T>, ModelError> {
        if self.memory == MemoryPlan::InTurn {
            let network = Arc::new((self.load)()?);
            return Ok(Lent { network: Some(network), frees: Some(self.device.clone()) });
        }
        // A load that panicked has left nothing behind.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let network = match &*kept {
            Some(network) => network.clone(),
            None => kept.insert(Arc::new((self.load)()?)).clone(),
        };
        Ok(Lent { network: Some(network), frees: None })
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("memory", &self.memory).finish_non_exhaustive()
    }
}

/// A network of a pipeline, for as long as this lives. If it does not stay, its memory goes back to the device then.
pub struct Lent<T> {
    /// There until it is dropped.
    network: Option<Arc<T>>,
    frees: Option<Device>,
}

impl<T> Deref for Lent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.network {
            Some(network) => network,
            None => unreachable!("a network that is lent is there until it is dropped"),
        }
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        self.network = None;
        if let Some(device) = &self.frees {
            device.memory_cleanup();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Lent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.network.fmt(f)
    }
}
