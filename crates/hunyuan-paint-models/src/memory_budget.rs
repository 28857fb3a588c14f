use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::ModelError;

/// The memory of a device: how much there is for networks, and how much of it loaded networks take.
///
/// Clones share one account: what is loaded under one of them counts in all. Make one budget for
/// each device.
///
/// Networks and runs that cannot fit are refused with [`ModelError::OutOfMemory`] before they
/// start. Other programs use memory too, and allocators waste some, so a run that passes the check
/// can still run out of memory.
#[derive(Clone)]
pub struct MemoryBudget(Arc<Budget>);

struct Budget {
    total: AtomicU64,
    largest_allocation: u64,
    taken: AtomicU64,
}

/// The least memory that a stage of a pipeline needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryNeed {
    /// The stage's name.
    pub stage: &'static str,
    /// Bytes of weights that are not loaded yet.
    pub weights: u64,
    /// Bytes of intermediate results at the stage's peak.
    pub working: u64,
    /// Bytes of the largest tensor.
    pub largest_allocation: u64,
}

impl MemoryBudget {
    /// Creates the budget of a device of `total` bytes.
    pub fn new(total: u64) -> Self {
        Self::with_limits(total, u64::MAX)
    }

    /// Creates the budget of a device whose memory is unknown or not to be limited.
    pub fn unlimited() -> Self {
        Self::new(u64::MAX)
    }

    /// Creates the budget of a device of `total` bytes that takes no tensor larger than
    /// `largest_allocation` bytes. `u64::MAX` stands for no limit.
    pub fn with_limits(total: u64, largest_allocation: u64) -> Self {
        let [total, taken] = [total, 0].map(AtomicU64::new);
        Self(Arc::new(Budget { total, largest_allocation, taken }))
    }

    /// Limits this budget and all its clones to `bytes`. Networks that are loaded stay and still
    /// count.
    pub fn set_total(&self, bytes: u64) {
        self.0.total.store(bytes, Ordering::Relaxed);
    }

    /// Returns the bytes of memory for networks; `u64::MAX` if that is unknown.
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
    /// If the stage needs more memory than is left, or a larger tensor than the device allows.
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
        f.debug_struct("MemoryBudget")
            .field("total", &self.total())
            .field("largest_allocation", &self.0.largest_allocation)
            .field("taken", &self.taken())
            .finish()
    }
}

/// Memory of loaded weights. Dropping it gives the memory back.
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
    fn loaded_weights_count_until_they_are_dropped() -> Result<(), ModelError> {
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
    fn a_single_tensor_can_be_too_large() {
        let budget = MemoryBudget::with_limits(u64::MAX, 19);
        for total in [u64::MAX, 1 << 40] {
            budget.set_total(total);
            let refused = budget.check(&NEED);
            assert!(matches!(refused, Err(ModelError::AllocationTooLarge { size: 20, limit: 19, .. })));
        }
    }

    #[test]
    fn a_limit_holds_for_all_clones_and_keeps_the_account() -> Result<(), ModelError> {
        let budget = MemoryBudget::new(1000);
        let _loaded = budget.reserve("one", 60)?;
        budget.clone().set_total(100);
        assert_eq!((budget.total(), budget.taken()), (100, 60));
        assert!(budget.reserve("two", 41).is_err());
        budget.reserve("three", 40).map(drop)
    }

    #[test]
    fn sums_beyond_u64_do_not_overflow() {
        let endless = MemoryNeed { weights: u64::MAX, working: u64::MAX, ..NEED };
        assert!(MemoryBudget::unlimited().check(&endless).is_ok());
    }
}
