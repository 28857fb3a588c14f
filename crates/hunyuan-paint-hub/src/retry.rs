use std::{thread, time::Duration};

use crate::{HubError, HubOptions};

/// The longest wait unless a server asks for more.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The longest wait that a server may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(120);

/// Repeats an attempt after temporary failures.
pub(crate) fn retry<T>(
    options: &HubOptions,
    mut attempt: impl FnMut() -> Result<T, HubError>,
) -> Result<T, HubError> {
    let mut wait = options.retry_wait;
    let mut attempts = 1;
    loop {
        let error = match attempt() {
            Err(error) if error.is_transient() && options.retries > 0 => error,
            result => return result,
        };
        if attempts > options.retries {
            return Err(HubError::GaveUp { attempts, source: Box::new(error) });
        }
        let asked = match &error {
            HubError::Status { retry_after, .. } => retry_after.map(|wait| wait.min(LONGEST_RETRY_AFTER)),
            _ => None,
        };
        let pause = asked.unwrap_or(wait.min(LONGEST_WAIT));
        tracing::warn!(%error, attempts, ?pause, "the download failed; retrying");
        thread::sleep(pause);
        wait = wait.saturating_mul(2);
        attempts += 1;
    }
}
