//! Reads tensors from a file while earlier ones are converted and uploaded. Reading includes copies
//! and page faults of fresh memory; done in sequence, it would be half of the loading time.

use std::{
    collections::{HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use burn::{
    store::{
        bridge,
        burn_pack::{Error as PackError, Tensor as StoredTensor},
    },
    tensor::TensorData,
};

/// Threads that read. More threads only wait for memory.
const READERS: usize = 4;

/// The largest number of bytes that are read and not taken yet.
const LIMIT: usize = 256 << 20;

/// Tensors of one file, in the order in which they are taken.
#[derive(Clone)]
pub(super) struct ReadAhead(Arc<Shared>);

struct Shared {
    /// Tensors that read their bytes from the file on demand.
    tensors: Vec<StoredTensor>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Tensors that no thread has begun to read.
    waiting: VecDeque<usize>,
    reads: HashMap<usize, Read>,
    /// Bytes that are being read, or are read and not taken.
    bytes: usize,
    is_over: bool,
}

enum Read {
    Begun,
    Done(Result<TensorData, PackError>),
}

impl ReadAhead {
    /// Creates the queue of `tensors`, to be read in this order.
    pub(super) fn new(tensors: Vec<StoredTensor>) -> Self {
        let state =
            State { waiting: (0..tensors.len()).collect(), reads: HashMap::new(), bytes: 0, is_over: false };
        Self(Arc::new(Shared { tensors, state: Mutex::new(state), changed: Condvar::new() }))
    }

    /// Returns tensors that take their bytes from the readers. Without readers, they read on
    /// demand.
    pub(super) fn tensors(&self) -> Vec<StoredTensor> {
        let tensors = self.0.tensors.iter().enumerate();
        let ahead = |(index, tensor): (usize, &StoredTensor)| {
            let shared = self.0.clone();
            let (name, dtype, shape) = (tensor.name.clone(), tensor.dtype, tensor.shape.clone());
            bridge::deferred(name, dtype, shape, tensor.param_id, move || shared.take(index))
        };
        tensors.map(ahead).collect()
    }

    /// Calls `consume`, which takes the bytes of [`tensors`](Self::tensors), while threads read
    /// ahead.
    pub(super) fn run<T>(&self, consume: impl FnOnce() -> T) -> T {
        std::thread::scope(|scope| {
            // Stops the readers even if `consume` panics.
            let _over = Over(&self.0);
            for _ in 0..READERS.min(self.0.tensors.len()) {
                // If no thread can be started, tensors are read on demand.
                let _ = std::thread::Builder::new().spawn_scoped(scope, || self.0.read_all());
            }
            consume()
        })
    }
}

impl Shared {
    /// Runs a reader.
    fn read_all(&self) {
        let mut state = self.lock();
        while !state.is_over {
            let Some(&index) = state.waiting.front() else { return };
            let size = self.size(index);
            // A single tensor may be larger than the limit.
            if state.bytes > 0 && state.bytes + size > LIMIT {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.waiting.pop_front();
            state.bytes += size;
            state.reads.insert(index, Read::Begun);
            drop(state);
            // If a reader panics, the thread that waits for its tensor must get an error.
            let read = AssertUnwindSafe(|| bridge::to_data(&self.tensors[index]));
            let data = catch_unwind(read)
                .unwrap_or_else(|_| Err(PackError::ValidationError("reading it panicked".to_owned())));
            state = self.lock();
            state.reads.insert(index, Read::Done(data));
            self.changed.notify_all();
        }
    }

    /// Returns the bytes of a tensor. Waits for the reader that is reading it; reads it now if no
    /// reader has begun.
    fn take(&self, index: usize) -> Result<TensorData, PackError> {
        let mut state = self.lock();
        loop {
            match state.reads.remove(&index) {
                Some(Read::Done(data)) => {
                    state.bytes -= self.size(index);
                    self.changed.notify_all();
                    return data;
                }
                Some(Read::Begun) => {
                    state.reads.insert(index, Read::Begun);
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                None => {
                    state.waiting.retain(|waiting| *waiting != index);
                    drop(state);
                    return bridge::to_data(&self.tensors[index]);
                }
            }
        }
    }

    fn size(&self, index: usize) -> usize {
        bridge::data_len(self.tensors[index].dtype, &self.tensors[index].shape)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stops the readers when it is dropped.
struct Over<'a>(&'a Shared);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::DType;

    use super::*;

    fn tensors(count: usize) -> Vec<StoredTensor> {
        let tensor = |i: usize| {
            let data = move || Ok(TensorData::new(vec![i as f32; 8], [8]));
            bridge::deferred(i.to_string(), DType::F32, [8].into(), None, data)
        };
        (0..count).map(tensor).collect()
    }

    fn first_value(tensor: &StoredTensor) -> Option<f32> {
        bridge::to_data(tensor).ok()?.as_slice::<f32>().ok()?.first().copied()
    }

    #[test]
    fn tensors_keep_their_bytes_in_any_order_of_reads() {
        let ahead = ReadAhead::new(tensors(100));
        let stored = ahead.tensors();
        let order: Vec<usize> = (0..100).map(|i| i * 37 % 100).collect();
        // First with readers, then without: a tensor can be read twice.
        let drawn = ahead.run(|| order.iter().map(|i| first_value(&stored[*i])).collect::<Vec<_>>());
        let again: Vec<_> = order.iter().map(|i| first_value(&stored[*i])).collect();
        let expected: Vec<_> = order.iter().map(|i| Some(*i as f32)).collect();
        assert_eq!(drawn, expected);
        assert_eq!(again, expected);
        assert_eq!(ahead.0.lock().bytes, 0);
    }

    #[test]
    fn an_unreadable_tensor_does_not_affect_the_others() {
        let mut stored = tensors(3);
        let fails = || Err(PackError::ValidationError("cut short".to_owned()));
        stored[1] = bridge::deferred("1".to_owned(), DType::F32, [8].into(), None, fails);
        let ahead = ReadAhead::new(stored);
        let stored = ahead.tensors();
        ahead.run(|| {
            assert_eq!(first_value(&stored[0]), Some(0.0));
            assert_eq!(first_value(&stored[1]), None);
            assert_eq!(first_value(&stored[2]), Some(2.0));
        });
    }
}
