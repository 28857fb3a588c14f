use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

use crate::job::Job;

/// The remembered jobs: all unfinished ones, and the latest finished ones for a limited time.
#[derive(Debug)]
pub(crate) struct JobStore {
    max_finished: usize,
    max_age: Duration,
    jobs: Mutex<Vec<Arc<Job>>>,
}

impl JobStore {
    pub(crate) fn new(max_finished: usize, max_age: Duration) -> Self {
        Self { max_finished, max_age, jobs: Mutex::default() }
    }

    pub(crate) fn insert(&self, job: Arc<Job>) {
        self.with_jobs(|jobs| jobs.push(job));
    }

    pub(crate) fn remove(&self, job: &Arc<Job>) {
        self.with_jobs(|jobs| jobs.retain(|known| !Arc::ptr_eq(known, job)));
    }

    pub(crate) fn find(&self, uid: Uuid) -> Option<Arc<Job>> {
        self.with_jobs(|jobs| jobs.iter().find(|job| job.uid == uid).cloned())
    }

    /// Forgets finished jobs that are too old or too many.
    pub(crate) fn purge(&self) {
        self.with_jobs(|_| ());
    }

    /// Runs an action on the jobs, purged before and after it.
    fn with_jobs<T>(&self, action: impl FnOnce(&mut Vec<Arc<Job>>) -> T) -> T {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        self.forget(&mut jobs);
        let result = action(&mut jobs);
        self.forget(&mut jobs);
        result
    }

    fn forget(&self, jobs: &mut Vec<Arc<Job>>) {
        let finished = |job: &Arc<Job>| job.finished_at();
        jobs.retain(|job| finished(job).is_none_or(|at| at.elapsed() < self.max_age));
        let mut times: Vec<Instant> = jobs.iter().filter_map(finished).collect();
        if times.len() > self.max_finished {
            times.sort_unstable();
            let oldest_kept = times[times.len() - self.max_finished];
            jobs.retain(|job| finished(job).is_none_or(|at| at >= oldest_kept));
        }
    }
}

#[cfg(test)]
mod tests {
    use hunyuan_paint::mesh::MeshFormat;

    use super::*;
    use crate::{PaintRequest, ServerError};

    fn job() -> Arc<Job> {
        Arc::new(Job::new(PaintRequest {
            mesh: Vec::new(),
            mesh_format: MeshFormat::Gltf,
            images: Vec::new(),
            seed: 0,
            face_count: 1,
        }))
    }

    #[test]
    fn only_the_oldest_finished_jobs_are_forgotten() {
        let store = JobStore::new(2, Duration::from_secs(60));
        let jobs: Vec<Arc<Job>> = (0..5).map(|_| job()).collect();
        for job in &jobs {
            store.insert(job.clone());
        }
        // They finish in another order than they came; the fifth goes on.
        for i in [3, 0, 2, 1] {
            std::thread::sleep(Duration::from_millis(2));
            jobs[i].finish(Err(ServerError::Cancelled));
        }
        let known: Vec<bool> = jobs.iter().map(|job| store.find(job.uid).is_some()).collect();
        assert_eq!(known, [false, true, true, false, true]);
    }

    #[test]
    fn finished_jobs_expire_and_unfinished_ones_do_not() {
        let store = JobStore::new(2, Duration::from_millis(500));
        let (finished, running) = (job(), job());
        store.insert(finished.clone());
        store.insert(running.clone());
        finished.finish(Ok(vec![1]));
        assert!(store.find(finished.uid).is_some());
        std::thread::sleep(Duration::from_millis(600));
        assert!(store.find(finished.uid).is_none());
        assert!(store.find(running.uid).is_some());
    }
}
