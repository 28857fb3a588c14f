use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use crate::{ServerError, job::Job};

/// Jobs on their way to the painters, first come, first served.
#[derive(Debug)]
pub(crate) struct Queue {
    length_max: usize,
    state: Mutex<State>,
    /// Something to do has come, or the end.
    news: Condvar,
    running_count: watch::Sender<usize>,
    painter_count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Arc<Job>>,
    running: Vec<Arc<Job>>,
    stopping: bool,
}

impl State {
    fn tell_positions(&self) {
        for (ahead, job) in self.waiting.iter().enumerate() {
            job.set_ahead(ahead);
        }
    }
}

impl Queue {
    pub(crate) fn new(length_max: usize, painter_count: usize) -> Self {
        Self {
            length_max,
            state: Mutex::default(),
            news: Condvar::new(),
            running_count: watch::Sender::new(0),
            painter_count: watch::Sender::new(painter_count),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many jobs wait, and how many are being painted.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.waiting.len(), state.running.len())
    }

    /// Whether a job would be let in now.
    pub(crate) fn admits(&self) -> Result<(), ServerError> {
        self.admits_to(&self.state())
    }

    fn admits_to(&self, state: &State) -> Result<(), ServerError> {
        match state.waiting.len() {
            _ if state.stopping => Err(ServerError::Stopping),
            waiting if waiting >= self.length_max => Err(ServerError::QueueFull { waiting }),
            _ => Ok(()),
        }
    }

    pub(crate) fn push(&self, job: Arc<Job>) -> Result<(), ServerError> {
        let mut state = self.state();
        self.admits_to(&state)?;
        state.waiting.push_back(job);
        state.tell_positions();
        self.news.notify_one();
        Ok(())
    }

    /// Cancels a job, wherever it is.
    pub(crate) fn cancel(&self, job: &Arc<Job>) {
        job.finish(Err(ServerError::Cancelled));
        let mut state = self.state();
        state.waiting.retain(|waiting| !Arc::ptr_eq(waiting, job));
        state.tell_positions();
    }

    /// Waits for a job; `None` once the queue is stopped. Every job is given back with [`done`](Self::done).
    pub(crate) fn wait_for_job(&self) -> Option<Arc<Job>> {
        let mut state = self.state();
        loop {
            if state.stopping {
                return None;
            }
            if let Some(job) = state.waiting.pop_front() {
                state.running.push(job.clone());
                self.running_count.send_replace(state.running.len());
                state.tell_positions();
                return Some(job);
            }
            state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn done(&self, job: &Arc<Job>) {
        let mut state = self.state();
        state.running.retain(|running| !Arc::ptr_eq(running, job));
        self.running_count.send_replace(state.running.len());
    }

    /// A painter is gone. After the last one there is nobody to wait for.
    pub(crate) fn retire_painter(&self) {
        self.painter_count.send_modify(|count| *count = count.saturating_sub(1));
        if self.is_deserted() {
            self.stop();
        }
    }

    pub(crate) fn is_deserted(&self) -> bool {
        *self.painter_count.borrow() == 0
    }

    /// Waits until no painter is left.
    pub(crate) async fn deserted(&self) {
        let mut painter_count = self.painter_count.subscribe();
        // The sender lives as long as this.
        let _ = painter_count.wait_for(|count| *count == 0).await;
    }

    /// Lets nobody in any more and sends away those who wait. Those that are being painted go on.
    pub(crate) fn stop(&self) {
        let mut state = self.state();
        state.stopping = true;
        for job in state.waiting.drain(..) {
            job.finish(Err(ServerError::Stopping));
        }
        self.news.notify_all();
    }

    /// Tells the running jobs to stop.
    pub(crate) fn stop_running(&self) {
        for job in &self.state().running {
            job.finish(Err(ServerError::Stopping));
        }
    }

    /// Waits until no painter is at work; false if that takes longer.
    pub(crate) async fn idle_within(&self, time: Duration) -> bool {
        let mut running_count = self.running_count.subscribe();
        let idle = running_count.wait_for(|count| *count == 0);
        matches!(tokio::time::timeout(time, idle).await, Ok(Ok(_)))
    }
}
