use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

use crate::job::Job;

/// All jobs that are remembered: the unfinished ones, and so many finished ones for so long.
#[derive(Debug)]
pub(crate) struct Archive {
    finished_max: usize,
    age_max: Duration,
    jobs: Mutex<Vec<Arc<Job>>>,
}

impl Archive {
    pub(crate) fn new(finished_max: usize, age_max: Duration) -> Self {
        Self { finished_max, age_max, jobs: Mutex::default() }
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

    /// Forgets what is too old or too much.
    pub(crate) fn purge(&self) {
        self.with_jobs(|_| ());
    }

    /// Does something with the jobs that are still remembered, and then forgets what is too much.
    fn with_jobs<T>(&self, action: impl FnOnce(&mut Vec<Arc<Job>>) -> T) -> T {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        self.forget(&mut jobs);
        let result = action(&mut jobs);
        self.forget(&mut jobs);
        result
    }

    fn forget(&self, jobs: &mut Vec<Arc<Job>>) {
        let finished = |job: &Arc<Job>| job.finished_at();
        jobs.retain(|job| finished(job).is_none_or(|at| at.elapsed() < self.age_max));
        let mut times: Vec<Instant> = jobs.iter().filter_map(finished).collect();
        if times.len() > self.finished_max {
            times.sort_unstable();
            let oldest_kept = times[times.len() - self.finished_max];
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
    fn the_oldest_finished_jobs_are_forgotten_and_unfinished_ones_never() {
        let archive = Archive::new(2, Duration::from_secs(60));
        let jobs: Vec<Arc<Job>> = (0..5).map(|_| job()).collect();
        for job in &jobs {
            archive.insert(job.clone());
        }
        // In an order of their own; the fifth goes on.
        for i in [3, 0, 2, 1] {
            std::thread::sleep(Duration::from_millis(2));
            jobs[i].finish(Err(ServerError::Cancelled));
        }
        let known: Vec<bool> = jobs.iter().map(|job| archive.find(job.uid).is_some()).collect();
        assert_eq!(known, [false, true, true, false, true]);
    }

    #[test]
    fn finished_jobs_are_forgotten_in_time() {
        let archive = Archive::new(2, Duration::from_millis(500));
        let (finished, running) = (job(), job());
        archive.insert(finished.clone());
        archive.insert(running.clone());
        finished.finish(Ok(vec![1]));
        assert!(archive.find(finished.uid).is_some());
        std::thread::sleep(Duration::from_millis(600));
        assert!(archive.find(finished.uid).is_none());
        assert!(archive.find(running.uid).is_some());
    }
}
