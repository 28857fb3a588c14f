//! The state that all requests share.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::{ServerOptions, job_store::JobStore, queue::Queue};

pub(crate) struct Shared {
    pub(crate) options: ServerOptions,
    pub(crate) queue: Arc<Queue>,
    pub(crate) jobs: JobStore,
    /// Bounds the bodies in memory.
    pub(crate) uploads: Semaphore,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue.stop();
    }
}
