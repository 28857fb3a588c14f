use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use crate::{Painter, ServerError, job::Job};

/// The jobs that wait or are being painted, first come, first served, and their painters.
pub(crate) struct Queue {
    max_length: usize,
    state: Mutex<State>,
    /// Wakes painters when a job arrives or the queue stops.
    wake: Condvar,
    running_count: watch::Sender<usize>,
    painters: watch::Sender<Vec<Arc<dyn Painter>>>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Arc<Job>>,
    running: Vec<Arc<Job>>,
    stopping: bool,
}

impl State {
    fn update_positions(&self) {
        for (ahead, job) in self.waiting.iter().enumerate() {
            job.set_ahead(ahead);
        }
    }
}

impl Queue {
    pub(crate) fn new(max_length: usize, painters: Vec<Arc<dyn Painter>>) -> Self {
        Self {
            max_length,
            state: Mutex::default(),
            wake: Condvar::new(),
            running_count: watch::Sender::new(0),
            painters: watch::Sender::new(painters),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the numbers of waiting and of running jobs.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.waiting.len(), state.running.len())
    }

    /// Returns whether a new job would be accepted now.
    pub(crate) fn check_room(&self) -> Result<(), ServerError> {
        self.check_room_in(&self.state())
    }

    fn check_room_in(&self, state: &State) -> Result<(), ServerError> {
        match state.waiting.len() {
            _ if state.stopping => Err(ServerError::Stopping),
            waiting if waiting >= self.max_length => Err(ServerError::QueueFull { waiting }),
            _ => Ok(()),
        }
    }

    pub(crate) fn push(&self, job: Arc<Job>) -> Result<(), ServerError> {
        let mut state = self.state();
        self.check_room_in(&state)?;
        state.waiting.push_back(job);
        state.update_positions();
        self.wake.notify_one();
        Ok(())
    }

    /// Cancels a job, whether it waits or is being painted.
    pub(crate) fn cancel(&self, job: &Arc<Job>) {
        job.finish(Err(ServerError::Cancelled));
        let mut state = self.state();
        state.waiting.retain(|waiting| !Arc::ptr_eq(waiting, job));
        state.update_positions();
    }

    /// Blocks until a job arrives. Returns `None` once the queue is stopped. Every job must be
    /// given back with [`done`](Self::done).
    pub(crate) fn wait_for_job(&self) -> Option<Arc<Job>> {
        let mut state = self.state();
        loop {
            if state.stopping {
                return None;
            }
            if let Some(job) = state.waiting.pop_front() {
                state.running.push(job.clone());
                self.running_count.send_replace(state.running.len());
                state.update_positions();
                return Some(job);
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn done(&self, job: &Arc<Job>) {
        let mut state = self.state();
        state.running.retain(|running| !Arc::ptr_eq(running, job));
        self.running_count.send_replace(state.running.len());
    }

    /// Removes a painter whose device is lost. The queue stops after the last one.
    pub(crate) fn retire_painter(&self, painter: &Arc<dyn Painter>) {
        self.painters.send_modify(|painters| {
            // Equal painters are one painter on several threads, of which one ends.
            if let Some(index) = painters.iter().position(|known| Arc::ptr_eq(known, painter)) {
                painters.swap_remove(index);
            }
        });
        if self.has_no_painters() {
            self.stop();
        }
    }

    /// Returns a painter that has not retired, to check requests before they are queued.
    pub(crate) fn any_painter(&self) -> Option<Arc<dyn Painter>> {
        self.painters.borrow().first().cloned()
    }

    pub(crate) fn has_no_painters(&self) -> bool {
        self.painters.borrow().is_empty()
    }

    /// Waits until every painter has retired.
    pub(crate) async fn no_painters_left(&self) {
        // Fails only without a sender, which lives as long as `self`.
        let _ = self.painters.subscribe().wait_for(Vec::is_empty).await;
    }

    /// Rejects new jobs and fails all queued ones with `Stopping`. Running ones go on.
    pub(crate) fn stop(&self) {
        let mut state = self.state();
        state.stopping = true;
        for job in state.waiting.drain(..) {
            job.finish(Err(ServerError::Stopping));
        }
        self.wake.notify_all();
    }

    /// Fails the running jobs, so that their painters stop.
    pub(crate) fn stop_running(&self) {
        for job in &self.state().running {
            job.finish(Err(ServerError::Stopping));
        }
    }

    /// Waits until no painter is at work. Returns false if that takes longer than `time`.
    pub(crate) async fn idle_within(&self, time: Duration) -> bool {
        let mut running_count = self.running_count.subscribe();
        let idle = running_count.wait_for(|count| *count == 0);
        matches!(tokio::time::timeout(time, idle).await, Ok(Ok(_)))
    }
}
