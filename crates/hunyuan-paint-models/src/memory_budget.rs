use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::ModelError;

/// The memory of a device, and how much of it networks take. Clones share one counter: everything that is loaded
/// with clones of one [`LoadOptions`](crate::LoadOptions) counts together.
///
/// What cannot fit is refused with [`ModelError::OutOfMemory`] before work on it begins. What passes may still not fit:
/// other programs take memory too, and allocators waste some.
#[derive(Clone)]
pub struct MemoryBudget(Arc<Budget>);

struct Budget {
    total: AtomicU64,
    largest_allocation: u64,
    taken: AtomicU64,
}

/// What a stage of a pipeline needs, at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryNeed {
    /// Its name.
    pub stage: &'static str,
    /// Bytes of weights that are still to be loaded.
    pub weights: u64,
    /// Bytes of what is computed, where most of it is alive at once.
    pub working: u64,
    /// Bytes of the largest tensor.
    pub largest_allocation: u64,
}

impl MemoryBudget {
    /// Creates the budget of a device of `total` bytes.
    pub fn new(total: u64) -> Self {
        Self::with_limits(total, u64::MAX)
    }

    /// Creates the budget of a device of unknown memory.
    pub fn unlimited() -> Self {
        Self::new(u64::MAX)
    }

    /// Creates the budget of a device of `total` bytes that takes no tensor larger than `largest_allocation` bytes.
    /// `u64::MAX` stands for no limit.
    pub fn with_limits(total: u64, largest_allocation: u64) -> Self {
        let [total, taken] = [total, 0].map(AtomicU64::new);
        Self(Arc::new(Budget { total, largest_allocation, taken }))
    }

    /// Changes the bytes that this budget and all its clones may use. Networks that are loaded stay, and still count.
    pub fn set_total(&self, bytes: u64) {
        self.0.total.store(bytes, Ordering::Relaxed);
    }

    /// Returns the bytes of the device; `u64::MAX` if they are not known.
    pub fn total(&self) -> u64 {
        self.0.total.load(Ordering::Relaxed)
    }

    /// Returns the bytes of the weights that are loaded.
    pub fn taken(&self) -> u64 {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// Checks that a stage can fit beside what is loaded.
    ///
    /// # Errors
    /// If it cannot fit.
    pub fn check(&self, need: &MemoryNeed) -> Result<(), ModelError> {
        let MemoryNeed { stage, weights, working, largest_allocation } = *need;
        if largest_allocation > self.0.largest_allocation {
            let (size, limit) = (largest_allocation, self.0.largest_allocation);
            return Err(ModelError::AllocationTooLarge { stage, size, limit });
        }
        let (taken, total) = (self.taken(), self.total());
        if taken.saturating_add(weights).saturating_add(working) > total {
            return Err(ModelError::OutOfMemory { stage, weights, working, taken, total });
        }
        Ok(())
    }

    /// Takes memory for weights until the returned guard is dropped.
    pub(crate) fn reserve(&self, network: &'static str, weights: u64) -> Result<Reserved, ModelError> {
        let total = self.total();
        let taken = |taken: u64| taken.checked_add(weights).filter(|sum| *sum <= total);
        match self.0.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken) {
            Ok(_) => Ok(Reserved { budget: self.clone(), bytes: weights }),
            Err(taken) => Err(ModelError::OutOfMemory { stage: network, weights, working: 0, taken, total }),
        }
    }
}

impl Default for MemoryBudget {
    fn default() -> Self {
        Self::unlimited()
    }
}

impl fmt::Debug for MemoryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBudget").field("total", &self.total()).field("taken", &self.taken()).finish()
    }
}

/// Memory of weights that are loaded.
pub(crate) struct Reserved {
    budget: MemoryBudget,
    bytes: u64,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.budget.0.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A number of bytes as text for people.
pub(crate) struct HumanBytes(pub(crate) u64);

impl fmt::Display for HumanBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes @ 0..=0xf_ffff => write!(f, "{bytes} bytes"),
            bytes => write!(f, "{} MiB", bytes >> 20),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEED: MemoryNeed = MemoryNeed { stage: "test", weights: 60, working: 30, largest_allocation: 20 };

    #[test]
    fn what_is_loaded_counts_until_it_is_dropped() -> Result<(), ModelError> {
        let budget = MemoryBudget::new(100);
        budget.check(&NEED)?;
        let other = budget.clone().reserve("other", 11)?;
        assert_eq!(budget.taken(), 11);
        let refused = budget.check(&NEED);
        assert!(matches!(refused, Err(ModelError::OutOfMemory { taken: 11, total: 100, .. })), "{refused:?}");
        assert!(budget.reserve("third", 90).is_err());
        drop(other);
        budget.check(&NEED)
    }

    #[test]
    fn one_tensor_may_be_too_large_by_itself() {
        let budget = MemoryBudget::with_limits(u64::MAX, 19);
        for total in [u64::MAX, 1 << 40] {
            budget.set_total(total);
            let refused = budget.check(&NEED);
            assert!(matches!(refused, Err(ModelError::AllocationTooLarge { size: 20, limit: 19, .. })));
        }
    }

    #[test]
    fn a_limit_holds_for_all_clones_and_keeps_what_is_counted() -> Result<(), ModelError> {
        let budget = MemoryBudget::new(1000);
        let _loaded = budget.reserve("one", 60)?;
        budget.clone().set_total(100);
        assert_eq!((budget.total(), budget.taken()), (100, 60));
        assert!(budget.reserve("two", 41).is_err());
        budget.reserve("three", 40).map(drop)
    }

    #[test]
    fn unlimited_memory_does_not_overflow() {
        let endless = MemoryNeed { weights: u64::MAX, working: u64::MAX, ..NEED };
        assert!(MemoryBudget::unlimited().check(&endless).is_ok());
    }
}
