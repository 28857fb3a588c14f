//! Ctrl-C: the first one asks the running stage to stop, the second one ends the process at once.

use std::{
    ops::ControlFlow,
    process::exit,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::error::exit_code;

static IS_CANCELLED: AtomicBool = AtomicBool::new(false);

/// Installs the handler. Without one, Ctrl-C ends the process as usual.
pub(crate) fn install() {
    let handler = || {
        if IS_CANCELLED.swap(true, Ordering::Relaxed) {
            exit(exit_code::CANCELLED.into());
        }
        tracing::warn!("cancelling; press Ctrl-C again to end at once");
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        tracing::debug!(%error, "no handler for Ctrl-C");
    }
}

/// Returns what a progress callback has to answer.
pub(crate) fn control_flow() -> ControlFlow<()> {
    if IS_CANCELLED.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Fails after Ctrl-C. For loops without a progress callback.
pub(crate) fn check() -> Result<(), crate::error::CliError> {
    match control_flow() {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(crate::error::CliError::Cancelled),
    }
}
