//! Networks that are loaded when they are needed.

use std::{
    fmt,
    ops::Deref,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
};

use burn::{module::Module, tensor::Device};

use super::weights_source::WeightsSource;
use crate::{
    LoadCallback, LoadOptions, MemoryBudget, MemoryPlan, ModelError, memory_budget::Reserved,
    parameters::parameter_count, weights::KeyMap,
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
    /// Locked for moments only, never during a load.
    state: Mutex<State<T>>,
    load_ended: Condvar,
}

struct State<T> {
    /// The network, once it is loaded under [`MemoryPlan::Keep`].
    kept: Option<Arc<Loaded<T>>>,
    /// The thread that loads a network to keep.
    loader: Option<ThreadId>,
}

struct Loaded<T> {
    network: T,
    _reserved: Reserved,
}

impl<T: Module> LazyModule<T> {
    /// Describes a network without loading it.
    ///
    /// - `init`: makes the network with uninitialized weights
    /// - `keys`: maps the file's keys to the network's fields
    pub(super) fn new(
        name: &'static str,
        init: impl Fn(&Device) -> Result<T, ModelError> + Send + Sync + 'static,
        keys: KeyMap,
        source: WeightsSource,
        options: &LoadOptions,
    ) -> Result<Self, ModelError> {
        let parameters = parameter_count(&init(&options.device)?);
        let load_options = options.clone();
        let load = move || source.load(init(&load_options.device)?, keys, &load_options);
        let bytes = parameters * options.precision.dtype().size() as u64;
        Ok(Self::from_fn(name, bytes, options, load))
    }
}

impl<T> LazyModule<T> {
    fn from_fn(
        name: &'static str,
        bytes: u64,
        options: &LoadOptions,
        load: impl Fn() -> Result<T, ModelError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            load: Box::new(load),
            bytes,
            device: options.device.clone(),
            memory: options.memory,
            budget: options.budget.clone(),
            state: Mutex::new(State { kept: None, loader: None }),
            load_ended: Condvar::new(),
        }
    }

    /// Loads the network now if the memory plan keeps it.
    pub(super) fn preloaded(self) -> Result<Self, ModelError> {
        if self.memory == MemoryPlan::Keep {
            self.acquire()?;
        }
        Ok(self)
    }

    /// Returns the network, and loads it if it is not in memory. If another thread is loading it to
    /// keep it, waits for that thread.
    pub(super) fn acquire(&self) -> Result<ModuleGuard<T>, ModelError> {
        let keeps = self.memory == MemoryPlan::Keep;
        let this_thread = thread::current().id();
        let mut state = self.state();
        loop {
            if let Some(kept) = &state.kept {
                return Ok(ModuleGuard { loaded: Some(kept.clone()), frees: None });
            }
            // A callback would wait for its own load, or start the same load over and over.
            if LoadCallback::is_running() || state.loader == Some(this_thread) {
                return Err(ModelError::NestedLoad { network: self.name });
            }
            if !keeps {
                drop(state);
                let loaded = Arc::new(self.load()?);
                return Ok(ModuleGuard { loaded: Some(loaded), frees: Some(self.device.clone()) });
            }
            if state.loader.is_none() {
                break;
            }
            state = self.load_ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }

        state.loader = Some(this_thread);
        drop(state);
        let _end = LoadEnd(self);
        let loaded = Arc::new(self.load()?);
        self.state().kept = Some(loaded.clone());
        Ok(ModuleGuard { loaded: Some(loaded), frees: None })
    }

    /// Returns the bytes of weights that [`acquire`](Self::acquire) would load. Never waits for a
    /// load.
    pub(super) fn bytes_to_load(&self) -> u64 {
        if self.state().kept.is_some() { 0 } else { self.bytes }
    }

    fn load(&self) -> Result<Loaded<T>, ModelError> {
        let reserved = self.budget.reserve(self.name, self.bytes)?;
        Ok(Loaded { network: (self.load)()?, _reserved: reserved })
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // The state is whole even if a thread panicked: every change is a single assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for LazyModule<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazyModule")
            .field("name", &self.name)
            .field("bytes", &self.bytes)
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}

/// Wakes the waiting threads at the end of a load, even if it failed or panicked.
struct LoadEnd<'a, T>(&'a LazyModule<T>);

impl<T> Drop for LoadEnd<'_, T> {
    fn drop(&mut self) {
        self.0.state().loader = None;
        self.0.load_ended.notify_all();
    }
}

/// A network of a pipeline, in memory for at least as long as this guard lives. Under
/// [`MemoryPlan::ReloadPerStage`], dropping the guard gives the memory back to the device.
pub struct ModuleGuard<T> {
    /// Present until the guard is dropped.
    loaded: Option<Arc<Loaded<T>>>,
    frees: Option<Device>,
}

impl<T> Deref for ModuleGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.loaded {
            Some(loaded) => &loaded.network,
            None => unreachable!("a guard holds its network until it is dropped"),
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

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            OnceLock, Weak,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use super::*;

    fn options(memory_plan: MemoryPlan) -> LoadOptions {
        LoadOptions::new(Device::flex()).with_memory_plan(memory_plan)
    }

    /// A module whose load function gets the module itself.
    fn module_of(
        options: &LoadOptions,
        load: impl Fn(&LazyModule<u32>) -> Result<u32, ModelError> + Send + Sync + 'static,
    ) -> Arc<LazyModule<u32>> {
        let own = Arc::new(OnceLock::<Weak<LazyModule<u32>>>::new());
        let of_load = own.clone();
        let module = Arc::new(LazyModule::from_fn("number", 10, options, move || {
            let module = of_load.get().and_then(Weak::upgrade);
            module.map_or(Ok(0), |module| load(&module))
        }));
        let _ = own.set(Arc::downgrade(&module));
        module
    }

    #[test]
    fn a_kept_module_is_loaded_once_for_all_threads() -> Result<(), ModelError> {
        let loads = Arc::new(AtomicUsize::new(0));
        let count = loads.clone();
        let module = module_of(&options(MemoryPlan::Keep), move |_| {
            thread::sleep(Duration::from_millis(50));
            Ok(count.fetch_add(1, Ordering::Relaxed) as u32 + 7)
        });
        let numbers = thread::scope(|scope| {
            let acquire = || module.acquire().map(|number| *number);
            let threads = [(); 4].map(|()| scope.spawn(acquire));
            threads.map(|thread| thread.join().unwrap_or(Err(ModelError::Cancelled)))
        });
        for number in numbers {
            assert_eq!(number?, 7);
        }
        assert_eq!(loads.load(Ordering::Relaxed), 1);
        assert_eq!((module.bytes_to_load(), module.budget.taken()), (0, 10));
        Ok(())
    }

    #[test]
    fn a_reloaded_module_gives_its_memory_back() -> Result<(), ModelError> {
        let module = module_of(&options(MemoryPlan::ReloadPerStage), |_| Ok(7));
        let guard = module.acquire()?;
        assert_eq!((*guard, module.bytes_to_load(), module.budget.taken()), (7, 10, 10));
        drop(guard);
        assert_eq!(module.budget.taken(), 0);
        Ok(())
    }

    #[test]
    fn a_failed_load_can_be_repeated() -> Result<(), ModelError> {
        let loads = AtomicUsize::new(0);
        let module = module_of(&options(MemoryPlan::Keep), move |_| {
            if loads.fetch_add(1, Ordering::Relaxed) == 0 { Err(ModelError::Cancelled) } else { Ok(7) }
        });
        assert!(matches!(module.acquire(), Err(ModelError::Cancelled)));
        assert_eq!(module.budget.taken(), 0);
        assert_eq!(*module.acquire()?, 7);
        Ok(())
    }

    #[test]
    fn memory_needs_are_known_while_a_network_loads() -> Result<(), ModelError> {
        let module = module_of(&options(MemoryPlan::Keep), |module| {
            let bytes = thread::scope(|scope| scope.spawn(|| module.bytes_to_load()).join());
            Ok(bytes.map_or(0, |bytes| bytes as u32))
        });
        assert_eq!(*module.acquire()?, 10);
        Ok(())
    }

    #[test]
    fn loading_a_kept_module_inside_its_own_load_is_an_error() -> Result<(), ModelError> {
        let module = module_of(&options(MemoryPlan::Keep), |module| match module.acquire() {
            Err(ModelError::NestedLoad { network: "number" }) => Ok(7),
            other => other.map(|_| 0),
        });
        assert_eq!(*module.acquire()?, 7);
        Ok(())
    }
}
