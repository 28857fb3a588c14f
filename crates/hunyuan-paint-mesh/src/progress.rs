//! Progress reports of unwrapping, and cancellation.

use std::{
    ops::ControlFlow,
    sync::{Mutex, PoisonError},
};

use crate::MeshError;

/// A stage of unwrapping. The variants are in the order in which the stages run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnwrapStage {
    /// Cutting the surface into charts. Units of work are faces.
    Segmenting,
    /// Flattening the charts. Units of work are faces.
    Flattening,
    /// Packing the charts into the texture. Units of work are attempts, whose total is unknown.
    Packing,
    /// Assembling the mesh.
    Output,
}

/// A progress report of unwrapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnwrapProgress {
    /// Current stage.
    pub stage: UnwrapStage,
    /// Units of work done in the stage.
    pub done: usize,
    /// Units of work in the stage, if known.
    pub total: Option<usize>,
}

/// Forwards reports from any thread to a callback: one at a time, with counts that start again in
/// each stage and never decrease within it, and none after the callback has cancelled.
pub(crate) struct Reporter<'a> {
    callback: &'a (dyn Fn(UnwrapProgress) -> ControlFlow<()> + Sync),
    /// Last report; `None` once the work is cancelled.
    last: Mutex<Option<UnwrapProgress>>,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(callback: &'a (dyn Fn(UnwrapProgress) -> ControlFlow<()> + Sync)) -> Self {
        let start = UnwrapProgress { stage: UnwrapStage::Segmenting, done: 0, total: None };
        Self { callback, last: Mutex::new(Some(start)) }
    }

    /// Reports `by` more units of work in a stage. `by` may be 0, to check for cancellation only.
    ///
    /// # Errors
    /// Returns [`MeshError::Cancelled`] if the callback cancels now or has cancelled before.
    pub(crate) fn advance(
        &self,
        stage: UnwrapStage,
        by: usize,
        total: Option<usize>,
    ) -> Result<(), MeshError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.take().ok_or(MeshError::Cancelled)?;
        let done = if before.stage == stage { before.done + by } else { by };
        let progress = UnwrapProgress { stage, done, total };
        match (self.callback)(progress) {
            ControlFlow::Continue(()) => {
                *last = Some(progress);
                Ok(())
            }
            ControlFlow::Break(()) => Err(MeshError::Cancelled),
        }
    }
}
