//! How far unwrapping has come, and the wish to stop.

use std::{
    ops::ControlFlow,
    sync::{Mutex, PoisonError},
};

use crate::MeshError;

/// A stage of unwrapping, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnwrapStage {
    /// The surface is cut into charts; counts faces.
    Segmenting,
    /// The charts are flattened; counts faces.
    Flattening,
    /// The charts are placed in the texture; counts attempts, of which nobody knows how many it will take.
    Packing,
    /// The mesh is put together.
    Output,
}

/// How far unwrapping has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnwrapProgress {
    /// What is being done.
    pub stage: UnwrapStage,
    /// Units of work done in this stage.
    pub done: usize,
    /// Units of work in this stage, if known.
    pub total: Option<usize>,
}

/// Hands reports from any thread to a callback, one at a time, never going back, and none after it asked to stop.
pub(crate) struct Reporter<'a> {
    callback: &'a (dyn Fn(UnwrapProgress) -> ControlFlow<()> + Sync),
    /// The last report; `None` once the work is cancelled.
    last: Mutex<Option<UnwrapProgress>>,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(callback: &'a (dyn Fn(UnwrapProgress) -> ControlFlow<()> + Sync)) -> Self {
        let start = UnwrapProgress { stage: UnwrapStage::Segmenting, done: 0, total: None };
        Self { callback, last: Mutex::new(Some(start)) }
    }

    /// Reports further units of work in a stage, or just asks whether to go on.
    ///
    /// # Errors
    /// If the callback asks to stop, or has asked before.
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
