use std::{io, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, oneshot},
};

use crate::{Painter, ServerError, ServerOptions, archive::Archive, queue::Queue, routes::router, worker};

/// How often finished jobs are looked through.
const PURGE_INTERVAL: Duration = Duration::from_secs(30);

/// How long a painter that was told to stop may take to notice, and a client to fetch its answer.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// A queue with a thread for each painter, and the HTTP interface to it. When it and its routers are dropped,
/// the threads end after their present job.
#[derive(Clone)]
pub struct PaintServer {
    shared: Arc<Shared>,
}

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) options: ServerOptions,
    pub(crate) queue: Arc<Queue>,
    pub(crate) archive: Archive,
    /// Looks at requests before they are queued. Any painter will do.
    pub(crate) painter: Arc<dyn Painter>,
    pub(crate) uploads: Semaphore,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue.stop();
    }
}

impl PaintServer {
    /// Starts the painters' threads: usually one painter for each device. Nothing listens yet.
    ///
    /// # Errors
    /// If there is no painter, an option makes no sense, or the system gives no thread.
    pub fn new(painters: Vec<Arc<dyn Painter>>, options: ServerOptions) -> Result<Self, ServerError> {
        options.validate()?;
        let no_painter = ServerError::Option { option: "painters", expected: "at least one" };
        let painter = painters.first().ok_or(no_painter)?.clone();
        let queue = Arc::new(Queue::new(options.queue_length_max, painters.len()));
        let shared = Shared {
            queue: queue.clone(),
            archive: Archive::new(options.results_max, options.results_age_max),
            painter,
            uploads: Semaphore::new(options.uploads_max),
            options,
        };
        for painter in painters {
            worker::start(painter, queue.clone(), shared.options.time_limit)
                .map_err(|error| ServerError::Painting { reason: error.to_string() })?;
        }
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The HTTP interface and the page, to be served or nested elsewhere.
    pub fn router(&self) -> Router {
        router(self.shared.clone())
    }

    /// Serves until `stop` is ready, and then [stops](Self::stop).
    ///
    /// # Errors
    /// If the listener fails, or all painters have lost their devices; start the server anew: whoever started the server may start it anew.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let router = self.router();
        let stopping = self.clone();
        let (stopped, is_stopped) = oneshot::channel::<()>();
        let stop_all = async move {
            tokio::select! {
                () = stop => {}
                () = stopping.shared.queue.deserted() => {}
            }
            stopping.stop().await;
            drop(stopped);
        };
        let late = async {
            drop(is_stopped.await);
            tokio::time::sleep(STOP_PATIENCE).await;
            tracing::warn!("some clients do not fetch their answers");
        };
        let purge = async {
            loop {
                tokio::time::sleep(PURGE_INTERVAL).await;
                self.shared.archive.purge();
            }
        };
        // Requests that are under way see their end: every job has one by the time that the listener closes.
        let serve = axum::serve(listener, router).with_graceful_shutdown(stop_all).into_future();
        tokio::select! {
            result = serve => result?,
            () = late => {}
            () = purge => {}
        }
        if self.shared.queue.is_deserted() {
            return Err(io::Error::other("all painters have lost their devices"));
        }
        Ok(())
    }

    /// Stops: new jobs are refused and waiting ones are sent away at once; running ones may go on for
    /// [`ServerOptions::grace`], and are then cancelled. Returns when no painter is at work, or has not
    /// noticed for half a minute that it should stop.
    pub async fn stop(&self) {
        let queue = &self.shared.queue;
        queue.stop();
        if queue.idle_within(self.shared.options.grace).await {
            return;
        }
        tracing::warn!("the running jobs are cancelled");
        queue.stop_running();
        if !queue.idle_within(STOP_PATIENCE).await {
            tracing::error!("a painter does not stop");
        }
    }
}
