//! One thread for each painter, since painting blocks for minutes.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use crate::{Painter, ServerError, job::Job, previews::PreviewPace, queue::Queue};

/// Starts a painter's thread, which ends with the queue, or with the painter's device: no process opens that again.
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
                tracing::error!("a painter's device is lost; it paints no more");
                queue.retire_painter();
                break;
            }
        }
    };
    thread::Builder::new().name("painter".into()).spawn(work).map(|_| ())
}

/// Paints one job, whatever happens. Whether the painter's device was lost over it.
fn run(job: &Arc<Job>, painter: &dyn Painter, time_limit: Option<Duration>) -> bool {
    let Some(request) = job.start() else { return false };
    tracing::info!(uid = %job.uid, seed = request.seed, "painting");
    let mut pace = PreviewPace::default();
    let paint = || painter.paint(&request, &mut |progress| job.report(progress, &mut pace));
    let result = within(time_limit, job, || catch_unwind(AssertUnwindSafe(paint)));
    let mut result = result.unwrap_or(Err(ServerError::Panicked));
    // Short of memory, as another program may make it, a device can still do the next job.
    let is_unexpected = matches!(result, Err(ServerError::Painting { .. } | ServerError::Panicked));
    let is_lost = is_unexpected && !painter.works();
    if is_lost && let Err(error) = result {
        result = Err(ServerError::DeviceLost { reason: error.to_string() });
    }
    job.finish(result);
    is_lost
}

/// Does some work, and ends the job when the time is over. The work itself stops at its next progress; those
/// who wait for the job need not.
fn within<T>(time_limit: Option<Duration>, job: &Job, work: impl FnOnce() -> T) -> T {
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
