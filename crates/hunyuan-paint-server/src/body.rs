//! Request bodies: receiving them, and discarding those of refused requests.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream},
    http::{HeaderMap, Request, header},
};
use futures_util::StreamExt;
use tokio::{sync::SemaphorePermit, time::timeout};

use crate::{ServerError, state::Shared};

/// The most bytes that are discarded for a client without the token.
pub(crate) const UNAUTHORIZED_DRAIN: usize = 1 << 20;

/// The longest time for discarding a body.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Receives a JSON body, if its headers say JSON, the queue has room, and it is not too large.
///
/// The permit bounds the memory of all bodies, and must live as long as the body.
pub(crate) async fn read_json(
    shared: &Shared,
    request: Request<Body>,
) -> Result<(Vec<u8>, SemaphorePermit<'_>), ServerError> {
    let max = shared.options.max_body_bytes;
    let refused = expect_json(request.headers())
        .and_then(|()| expect_length(request.headers(), max))
        .and_then(|()| shared.queue.check_room());
    let mut chunks = request.into_body().into_data_stream();
    if let Err(error) = refused {
        drain(&mut chunks, max.saturating_mul(2)).await;
        return Err(error);
    }
    // The semaphore is never closed.
    let permit = shared.uploads.acquire().await.map_err(|_| ServerError::Stopping)?;
    let limit = shared.options.body_timeout;
    let content = timeout(limit, receive(&mut chunks, max)).await.unwrap_or_else(|_| {
        Err(ServerError::Body { reason: format!("it did not arrive within {} seconds", limit.as_secs_f32()) })
    });
    match content {
        Ok(content) => Ok((content, permit)),
        Err(error) => {
            drop(permit);
            if matches!(error, ServerError::BodyTooLarge { .. }) {
                drain(&mut chunks, max.saturating_mul(2)).await;
            }
            Err(error)
        }
    }
}

async fn receive(chunks: &mut BodyDataStream, max: usize) -> Result<Vec<u8>, ServerError> {
    let mut content = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| ServerError::Body { reason: error.to_string() })?;
        if content.len() + chunk.len() > max {
            return Err(ServerError::BodyTooLarge { max });
        }
        content.extend_from_slice(&chunk);
    }
    Ok(content)
}

/// Discards at most `max` bytes, for at most 10 seconds: a client that is still sending would not
/// read the answer.
pub(crate) async fn drain(chunks: &mut BodyDataStream, max: usize) {
    let discard = async {
        let mut left = max;
        while let Some(Ok(chunk)) = chunks.next().await {
            match left.checked_sub(chunk.len()) {
                Some(less) => left = less,
                None => return,
            }
        }
    };
    // The answer is sent either way.
    let _ = timeout(DRAIN_TIMEOUT, discard).await;
}

/// Requires JSON. Browsers send other types across origins without a preflight, so that any page
/// could use a server on loopback.
fn expect_json(headers: &HeaderMap) -> Result<(), ServerError> {
    let found = headers.get(header::CONTENT_TYPE).map_or(Ok("nothing"), |value| value.to_str());
    let found = found.unwrap_or("something unreadable");
    let essence = found.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ServerError::ContentType { found: found.into() })
}

/// Checks the announced length, if there is one.
fn expect_length(headers: &HeaderMap, max: usize) -> Result<(), ServerError> {
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(length) if length > max as u64 => Err(ServerError::BodyTooLarge { max }),
        _ => Ok(()),
    }
}
