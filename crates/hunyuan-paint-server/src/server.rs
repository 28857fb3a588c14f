use std::{fmt, io, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, oneshot},
};

use crate::{
    Painter, ServerOptions, StartError, connections::LimitedListener, job_store::JobStore, queue::Queue,
    routes::router, state::Shared, worker,
};

/// The interval between purges of finished jobs.
const PURGE_INTERVAL: Duration = Duration::from_secs(30);

/// The time for a painter to notice that it should stop, and for clients to fetch their answers.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// A job queue with one thread for each painter, and the HTTP interface to it. When the server and
/// its routers are dropped, the threads end after their current jobs.
#[derive(Clone)]
pub struct PaintServer {
    shared: Arc<Shared>,
}

impl fmt::Debug for PaintServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaintServer").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

impl PaintServer {
    /// Starts the painters' threads, usually with one painter for each device. Does not listen yet.
    ///
    /// # Errors
    /// If there is no painter, an option is invalid, or the system refuses a thread.
    pub fn new(painters: Vec<Arc<dyn Painter>>, options: ServerOptions) -> Result<Self, StartError> {
        options.validate()?;
        if painters.is_empty() {
            return Err(StartError::Option { option: "painters", expected: "at least one" });
        }
        let queue = Arc::new(Queue::new(options.max_queue_length, painters.clone()));
        let shared = Shared {
            queue: queue.clone(),
            jobs: JobStore::new(options.max_results, options.max_result_age),
            uploads: Semaphore::new(options.max_uploads.min(Semaphore::MAX_PERMITS)),
            options,
        };
        for painter in painters {
            worker::start(painter, queue.clone(), shared.options.time_limit)
                .map_err(|source| StartError::Thread { source })?;
        }
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Returns the HTTP interface and the page, to be served or nested elsewhere.
    /// [`serve`](Self::serve) also limits the connections.
    pub fn router(&self) -> Router {
        router(self.shared.clone())
    }

    /// Serves until `stop` completes, and then [stops](Self::stop).
    ///
    /// # Errors
    /// If the listener fails, or every painter has lost its device. In the latter case, restart the
    /// process.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let router = self.router();
        let listener = LimitedListener::new(listener, self.shared.options.max_connections);
        let stopping = self.clone();
        let (stopped, is_stopped) = oneshot::channel::<()>();
        let stop_all = async move {
            tokio::select! {
                () = stop => {}
                () = stopping.shared.queue.no_painters_left() => {}
            }
            stopping.stop().await;
            drop(stopped);
        };
        let late = async {
            drop(is_stopped.await);
            tokio::time::sleep(STOP_PATIENCE).await;
            tracing::warn!("some clients have not fetched their answers");
        };
        let purge = async {
            loop {
                tokio::time::sleep(PURGE_INTERVAL).await;
                self.shared.jobs.purge();
            }
        };
        // Every job has ended before the listener closes, so that open requests get their answers.
        let serve = axum::serve(listener, router).with_graceful_shutdown(stop_all).into_future();
        tokio::select! {
            result = serve => result?,
            () = late => {}
            () = purge => {}
        }
        if self.shared.queue.has_no_painters() {
            return Err(io::Error::other("every painter has lost its device; restart the process"));
        }
        Ok(())
    }

    /// Stops the server: rejects new jobs, fails all queued ones at once, and cancels running ones
    /// after [`ServerOptions::shutdown_timeout`]. Returns when no painter is at work, or half a
    /// minute after the cancellation.
    pub async fn stop(&self) {
        let queue = &self.shared.queue;
        queue.stop();
        if queue.idle_within(self.shared.options.shutdown_timeout).await {
            return;
        }
        tracing::warn!("cancelling the running jobs");
        queue.stop_running();
        if !queue.idle_within(STOP_PATIENCE).await {
            tracing::error!("a painter does not stop");
        }
    }
}
