//! Bodies: how they are read, and what becomes of those that are not.

use axum::{
    body::{Body, BodyDataStream},
    http::{HeaderMap, Request, header},
};
use futures_util::StreamExt;
use tokio::sync::SemaphorePermit;

use crate::{ServerError, server::Shared};

/// Reads a JSON body, if it says that it is one, there is room in the queue, and it is not too large.
///
/// The permit bounds the memory: whoever holds the body holds it, too.
pub(crate) async fn read_json(
    shared: &Shared,
    request: Request<Body>,
) -> Result<(Vec<u8>, SemaphorePermit<'_>), ServerError> {
    let max = shared.options.body_bytes_max;
    let refused = expect_json(request.headers())
        .and_then(|()| expect_length(request.headers(), max))
        .and_then(|()| shared.queue.admits());
    let mut chunks = request.into_body().into_data_stream();
    if let Err(error) = refused {
        drain(&mut chunks, max).await;
        return Err(error);
    }
    // A semaphore that is never closed.
    let permit = shared.uploads.acquire().await.map_err(|_| ServerError::Stopping)?;
    let mut content = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| ServerError::Body { reason: error.to_string() })?;
        if content.len() + chunk.len() > max {
            drop((content, permit));
            drain(&mut chunks, max).await;
            return Err(ServerError::BodyTooLarge { max });
        }
        content.extend_from_slice(&chunk);
    }
    Ok((content, permit))
}

/// Reads on without keeping anything: a client that is still sending would not see the answer. Twice the largest
/// body is as much patience as it gets.
pub(crate) async fn drain(chunks: &mut BodyDataStream, body_bytes_max: usize) {
    let mut left = body_bytes_max.saturating_mul(2);
    while let Some(Ok(chunk)) = chunks.next().await {
        match left.checked_sub(chunk.len()) {
            Some(less) => left = less,
            None => return,
        }
    }
}

/// Browsers send anything else across sites without asking, so that any page could use a server on loopback.
fn expect_json(headers: &HeaderMap) -> Result<(), ServerError> {
    let found = headers.get(header::CONTENT_TYPE).map_or(Ok("nothing"), |value| value.to_str());
    let found = found.unwrap_or("something unreadable");
    let essence = found.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ServerError::ContentType { found: found.into() })
}

/// Looks at the size that the client announces, if it does.
fn expect_length(headers: &HeaderMap, max: usize) -> Result<(), ServerError> {
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(length) if length > max as u64 => Err(ServerError::BodyTooLarge { max }),
        _ => Ok(()),
    }
}
