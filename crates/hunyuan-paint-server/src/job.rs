use std::{
    ops::ControlFlow,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use axum::body::Bytes;
use hunyuan_paint::PaintStage;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{PaintProgress, PaintRequest, ServerError, previews::PreviewThrottle};

/// A request and its status, which can be watched. A late watcher sees the latest status.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) uid: Uuid,
    request: Mutex<Option<PaintRequest>>,
    status: watch::Sender<JobStatus>,
    viewers: AtomicUsize,
}

/// The status of a job.
#[derive(Clone, Debug)]
pub(crate) struct JobStatus {
    pub(crate) phase: Phase,
    /// The stages that have begun, in order.
    pub(crate) stages: Vec<StageStatus>,
}

#[derive(Clone, Debug)]
pub(crate) enum Phase {
    Queued {
        /// The number of jobs before this one.
        ahead: usize,
    },
    Painting,
    Finished {
        at: Instant,
        result: Result<Bytes, ServerError>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct StageStatus {
    pub(crate) stage: PaintStage,
    pub(crate) fraction: f32,
    /// The latest previews, as PNG files.
    pub(crate) previews: Arc<[Bytes]>,
    /// Counts the sets of previews; 0 before the first.
    pub(crate) preview_version: u32,
}

impl JobStatus {
    pub(crate) fn finished(&self) -> Option<(Instant, &Result<Bytes, ServerError>)> {
        match &self.phase {
            Phase::Finished { at, result } => Some((*at, result)),
            _ => None,
        }
    }

    /// Returns the entry of a stage, which is added if it is new.
    fn stage(&mut self, stage: PaintStage) -> &mut StageStatus {
        let position = self.stages.iter().position(|status| status.stage == stage);
        let position = position.unwrap_or_else(|| {
            let previews = Arc::from([]);
            self.stages.push(StageStatus { stage, fraction: 0.0, previews, preview_version: 0 });
            self.stages.len() - 1
        });
        &mut self.stages[position]
    }
}

impl Job {
    pub(crate) fn new(request: PaintRequest) -> Self {
        let status = JobStatus { phase: Phase::Queued { ahead: 0 }, stages: Vec::new() };
        Self {
            uid: Uuid::new_v4(),
            request: Mutex::new(Some(request)),
            status: watch::Sender::new(status),
            viewers: AtomicUsize::new(0),
        }
    }

    pub(crate) fn status(&self) -> JobStatus {
        self.status.borrow().clone()
    }

    pub(crate) fn finished_at(&self) -> Option<Instant> {
        self.status.borrow().finished().map(|(at, _)| at)
    }

    /// Follows the status. With `previews`, the painter also makes previews within stages.
    pub(crate) fn watch(self: &Arc<Self>, previews: bool) -> Watch {
        let viewer = previews.then(|| Viewer::new(self.clone()));
        Watch { status: self.status.subscribe(), _viewer: viewer }
    }

    pub(crate) fn set_ahead(&self, ahead: usize) {
        self.status.send_if_modified(|status| match &mut status.phase {
            Phase::Queued { ahead: known } if *known != ahead => {
                *known = ahead;
                true
            }
            _ => false,
        });
    }

    /// Hands out the request, unless the job was cancelled while it waited.
    pub(crate) fn start(&self) -> Option<PaintRequest> {
        self.status.send_if_modified(|status| {
            let waiting = matches!(status.phase, Phase::Queued { .. });
            if waiting {
                status.phase = Phase::Painting;
            }
            waiting
        });
        let request = self.request.lock().unwrap_or_else(PoisonError::into_inner).take();
        request.filter(|_| self.finished_at().is_none())
    }

    /// Ends the job; only the first call counts. A painter at work notices at its next progress
    /// report.
    pub(crate) fn finish(&self, result: Result<Vec<u8>, ServerError>) {
        self.request.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.status.send_if_modified(|status| {
            let first = status.finished().is_none();
            if first {
                match &result {
                    Ok(glb) => tracing::info!(uid = %self.uid, bytes = glb.len(), "completed"),
                    Err(error) => tracing::warn!(uid = %self.uid, %error, "failed"),
                }
                status.phase = Phase::Finished { at: Instant::now(), result: result.map(Bytes::from) };
            }
            first
        });
    }

    /// Records the painter's progress, and returns whether it should go on.
    pub(crate) fn report(
        &self,
        progress: &PaintProgress<'_>,
        throttle: &mut PreviewThrottle,
    ) -> ControlFlow<()> {
        if self.finished_at().is_some() {
            return ControlFlow::Break(());
        }
        let is_watched = self.viewers.load(Ordering::Relaxed) > 0;
        let previews = throttle.take(progress, is_watched);
        self.status.send_modify(|status| {
            let stage = status.stage(progress.stage);
            stage.fraction = progress.fraction;
            if !previews.is_empty() {
                stage.previews = previews.into();
                stage.preview_version += 1;
            }
        });
        match self.finished_at() {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    }
}

/// Follows a job's status, starting with the current one.
#[derive(Debug)]
pub(crate) struct Watch {
    status: watch::Receiver<JobStatus>,
    _viewer: Option<Viewer>,
}

impl Watch {
    /// Returns the latest status.
    pub(crate) fn now(&mut self) -> JobStatus {
        self.status.borrow_and_update().clone()
    }

    /// Waits for a new status. Returns false if none will come.
    pub(crate) async fn changed(&mut self) -> bool {
        self.status.changed().await.is_ok()
    }

    /// Waits for the end of the job.
    pub(crate) async fn result(mut self) -> Result<Bytes, ServerError> {
        loop {
            if let Some((_, result)) = self.now().finished() {
                return result.clone();
            }
            if !self.changed().await {
                return Err(ServerError::Stopping);
            }
        }
    }
}

/// A client that looks at the previews, counted until it is dropped.
#[derive(Debug)]
struct Viewer(Arc<Job>);

impl Viewer {
    fn new(job: Arc<Job>) -> Self {
        job.viewers.fetch_add(1, Ordering::Relaxed);
        Self(job)
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.0.viewers.fetch_sub(1, Ordering::Relaxed);
    }
}
