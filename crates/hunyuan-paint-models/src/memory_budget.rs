use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::ModelError;

/// How much memory a device has for networks, and how much of it they take. Clones are of the same memory: whatever is loaded
/// with clones of one [`LoadOptions`](crate::LoadOptions) shares it.
///
/// What cannot fit is refused with [`ModelError::OutOfMemory`] before work on it begins. Nothing is promised of what may fit: other
/// programs take memory too, and allocators waste some.
#[derive(Clone)]
pub struct MemoryBudget(Arc<Budget>);

struct Budget {
    total: u64,
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
    /// A device of `total` bytes.
    pub fn new(total: u64) -> Self {
        Self(Arc::new(Budget { total, largest_allocation: u64::MAX, taken: AtomicU64::new(0) }))
    }

    /// The same device, of whose memory only so many bytes are to be used. Nothing is loaded there as yet.
    #[must_use]
    pub fn with_total(self, bytes: u64) -> Self {
        Self::new(bytes).with_largest_allocation(self.0.largest_allocation)
    }

    /// A device that is not known, or whose memory is not to be counted.
    pub fn unlimited() -> Self {
        Self::new(u64::MAX)
    }

    /// The same device, which takes no tensor larger than so many bytes. Nothing is loaded there as yet.
    #[must_use]
    pub fn with_largest_allocation(self, bytes: u64) -> Self {
        Self(Arc::new(Budget { total: self.0.total, largest_allocation: bytes, taken: AtomicU64::new(0) }))
    }

    /// Bytes of the device; `u64::MAX` if that is not known.
    pub fn total(&self) -> u64 {
        self.0.total
    }

    /// Bytes of the weights that are loaded.
    pub fn taken(&self) -> u64 {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// Whether a stage can fit beside what is loaded.
    ///
    /// # Errors
    /// If it cannot.
    pub fn check(&self, need: &MemoryNeed) -> Result<(), ModelError> {
        let MemoryNeed { stage, weights, working, largest_allocation } = *need;
        if largest_allocation > self.0.largest_allocation {
            let (size, limit) = (largest_allocation, self.0.largest_allocation);
            return Err(ModelError::AllocationTooLarge { stage, size, limit });
        }
        let (taken, total) = (self.taken(), self.0.total);
        if taken.saturating_add(weights).saturating_add(working) > total {
            return Err(ModelError::OutOfMemory { stage, weights, working, taken, total });
        }
        Ok(())
    }

    /// Takes memory for weights, until what is returned is dropped.
    pub(crate) fn reserve(&self, network: &'static str, weights: u64) -> Result<Reserved, ModelError> {
        let total = self.0.total;
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

/// A number of bytes, for a message.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
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
        let budget = MemoryBudget::unlimited().with_largest_allocation(19);
        for budget in [budget.clone(), budget.with_total(1 << 40)] {
            let refused = budget.check(&NEED);
            assert!(matches!(refused, Err(ModelError::AllocationTooLarge { size: 20, limit: 19, .. })));
        }
    }

    #[test]
    fn unlimited_memory_does_not_overflow() {
        let endless = MemoryNeed { weights: u64::MAX, working: u64::MAX, ..NEED };
        assert!(MemoryBudget::unlimited().check(&endless).is_ok());
    }
}
