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

use crate::{PaintProgress, PaintRequest, ServerError, previews::PreviewPace};

/// A request on its way to a result. Its status can be watched; whoever looks late sees the latest.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) uid: Uuid,
    request: Mutex<Option<PaintRequest>>,
    status: watch::Sender<JobStatus>,
    viewers: AtomicUsize,
}

/// All there is to know about a job.
#[derive(Clone, Debug)]
pub(crate) struct JobStatus {
    pub(crate) phase: Phase,
    /// The stages that have begun, in their order.
    pub(crate) stages: Vec<StageStatus>,
}

#[derive(Clone, Debug)]
pub(crate) enum Phase {
    /// So many jobs come before it.
    Queued {
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
    /// PNG files, the latest only.
    pub(crate) previews: Arc<[Bytes]>,
    /// Counts up with every new set of previews; 0 before the first.
    pub(crate) preview_version: u32,
}

impl JobStatus {
    pub(crate) fn finished(&self) -> Option<(Instant, &Result<Bytes, ServerError>)> {
        match &self.phase {
            Phase::Finished { at, result } => Some((*at, result)),
            _ => None,
        }
    }

    /// The entry of a stage, which is made if this is the first that is heard of it.
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

    /// Follows the status. With `previews`, the painter is asked for some in mid-stage, too.
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

    /// Hands out the request, unless the job is finished already: cancelled while it waited.
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

    /// Ends the job; only the first end counts. A painter that is at work hears of it at its next progress.
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

    /// Notes the painter's progress, and tells it whether to go on.
    pub(crate) fn report(&self, progress: &PaintProgress<'_>, pace: &mut PreviewPace) -> ControlFlow<()> {
        if self.finished_at().is_some() {
            return ControlFlow::Break(());
        }
        let watched = self.viewers.load(Ordering::Relaxed) > 0;
        let previews = pace.take(progress, watched);
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

/// Follows a job's status, from the present one on.
#[derive(Debug)]
pub(crate) struct Watch {
    status: watch::Receiver<JobStatus>,
    _viewer: Option<Viewer>,
}

impl Watch {
    /// The latest status.
    pub(crate) fn now(&mut self) -> JobStatus {
        self.status.borrow_and_update().clone()
    }

    /// Waits for one that was not seen yet; false if none will come.
    pub(crate) async fn changed(&mut self) -> bool {
        self.status.changed().await.is_ok()
    }

    /// Waits for the end.
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

/// Someone who looks at the previews.
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
