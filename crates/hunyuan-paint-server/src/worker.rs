//! One thread for each painter, because painting blocks for minutes.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use crate::{Painter, ServerError, job::Job, previews::PreviewThrottle, queue::Queue};

/// Starts a painter's thread. It ends when the queue stops, or when the painter's device is lost,
/// which no process can open again.
pub(crate) fn start(
    painter: Arc<dyn Painter>,
    queue: Arc<Queue>,
    time_limit: Option<Duration>,
) -> std::io::Result<()> {
    let work = move || {
        while let Some(job) = queue.wait_for_job() {
            let is_lost = run(&job, painter.as_ref(), time_limit);
            queue.done(&job);
            if is_lost {
                tracing::error!("a painter's device is lost; the painter retires");
                queue.retire_painter(&painter);
                break;
            }
        }
    };
    thread::Builder::new().name("painter".into()).spawn(work).map(|_| ())
}

/// Paints one job, and survives its panics. Returns whether the painter's device was lost.
fn run(job: &Arc<Job>, painter: &dyn Painter, time_limit: Option<Duration>) -> bool {
    let Some(request) = job.start() else { return false };
    tracing::info!(uid = %job.uid, seed = request.seed, "painting");
    let mut throttle = PreviewThrottle::default();
    let paint = || painter.paint(&request, &mut |progress| job.report(progress, &mut throttle));
    let result = with_time_limit(time_limit, job, || catch_unwind(AssertUnwindSafe(paint)));
    let mut result = result.unwrap_or(Err(ServerError::Panicked));
    // A device that ran out of memory can usually paint the next job.
    let is_unexpected = matches!(result, Err(ServerError::Painting { .. } | ServerError::Panicked));
    let is_lost = is_unexpected && !painter.works();
    if is_lost && let Err(error) = result {
        result = Err(ServerError::DeviceLost { reason: error.to_string() });
    }
    job.finish(result);
    is_lost
}

/// Runs `work`, and fails the job when the time is over. Clients get their answer then; the work
/// itself stops at its next progress report.
fn with_time_limit<T>(time_limit: Option<Duration>, job: &Job, work: impl FnOnce() -> T) -> T {
    let Some(limit) = time_limit else { return work() };
    thread::scope(|scope| {
        let (done, is_done) = mpsc::channel::<()>();
        scope.spawn(move || {
            if is_done.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
                job.finish(Err(ServerError::TimeLimit { seconds: limit.as_secs() }));
            }
        });
        let result = work();
        drop(done);
        result
    })
}
