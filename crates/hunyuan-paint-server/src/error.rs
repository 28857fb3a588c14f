use std::borrow::Cow;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// The seconds after which a client should retry if the server has no room now.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("30");

/// The reason why the server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An option is out of range, or there is no painter.
    #[error("{option}: expected {expected}")]
    Option {
        /// The option.
        option: &'static str,
        /// The allowed values.
        expected: &'static str,
    },
    /// The system refused a thread.
    #[error("cannot start a painter's thread")]
    Thread {
        /// The system's error.
        source: std::io::Error,
    },
}

/// The reason why a request is refused, or why a job has failed.
///
/// As a response it is JSON, `{"text": "...", "error_code": 1, "error": "queue_full"}`: the first
/// two as in the original server, whose code is always 1; the third is [`name`](Self::name). The
/// text leaves out the reason of [`Painting`](Self::Painting) and [`DeviceLost`](Self::DeviceLost),
/// which may name files of the server; `Display`, for the log, includes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The bearer token is missing or wrong.
    #[error("this server requires a bearer token: 'Authorization: Bearer ...'")]
    Unauthorized,
    /// The request is for a host name that is not allowed.
    #[error("host: expected localhost, 127.0.0.1, [::1] or an allowed name (--allowed-host), found {found}")]
    Host {
        /// The host name in the request.
        found: String,
    },
    /// The body is not declared as JSON.
    #[error("content-type: expected application/json, found {found}")]
    ContentType {
        /// The declared type.
        found: String,
    },
    /// The body did not arrive.
    #[error("the body could not be read: {reason}")]
    Body {
        /// The failure.
        reason: String,
    },
    /// The body is larger than allowed.
    #[error("the body is too large: expected at most {max} bytes")]
    BodyTooLarge {
        /// The limit in bytes.
        max: usize,
    },
    /// The body is not JSON, or a field has the wrong type.
    #[error("JSON: {reason}")]
    Json {
        /// The parser's message.
        reason: String,
    },
    /// A field is not base64.
    #[error("{field}: expected base64: {reason}")]
    Base64 {
        /// The field.
        field: &'static str,
        /// The decoder's message.
        reason: String,
    },
    /// A field is missing or out of range.
    #[error("{field}: expected {expected}, found {found}")]
    Field {
        /// The field.
        field: &'static str,
        /// The allowed values.
        expected: String,
        /// The value in the request.
        found: String,
    },
    /// A function of the original server that this one lacks: shapes, text prompts, other file
    /// types.
    #[error("{what} is not implemented: this server only textures a given mesh, from an image, as GLB")]
    NotImplemented {
        /// The function.
        what: &'static str,
    },
    /// A mesh or an image that cannot be read or painted.
    #[error("{input}: {reason}")]
    Unusable {
        /// `mesh` or `image`.
        input: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Rasterizing the mesh would take too long.
    #[error(
        "mesh: rasterizing it tests about {found} pixels, expected at most {max}: use fewer or smaller \
         overlapping triangles"
    )]
    TooComplex {
        /// The estimated number of pixel tests in all views.
        found: u64,
        /// The limit.
        max: u64,
    },
    /// The queue has no room.
    #[error("the queue is full: {waiting} jobs are waiting")]
    QueueFull {
        /// The number of waiting jobs.
        waiting: usize,
    },
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// The job does not exist, or was forgotten.
    #[error("there is no job with this uid; finished jobs are forgotten after a while")]
    UnknownJob,
    /// The address or the preview does not exist.
    #[error("there is nothing at this address")]
    NotFound,
    /// The address does not support the method.
    #[error("this address does not support this method")]
    MethodNotAllowed,
    /// The job has no result yet.
    #[error("the job is not finished")]
    NotFinished,
    /// The job was cancelled.
    #[error("the job was cancelled")]
    Cancelled,
    /// The painting took too long.
    #[error("painting took longer than the limit of {seconds} seconds")]
    TimeLimit {
        /// The limit in seconds.
        seconds: u64,
    },
    /// The painting failed through no fault of the client.
    #[error("painting failed: {reason}")]
    Painting {
        /// The painter's error, for the log only.
        reason: String,
    },
    /// The painter's device is lost, and the painter retires. Other painters go on.
    #[error("the painter's device was lost: {reason}")]
    DeviceLost {
        /// The painter's error, for the log only.
        reason: String,
    },
    /// The painter panicked. The next job is not affected.
    #[error("painting failed unexpectedly; the server's log has the details")]
    Panicked,
}

impl ServerError {
    /// Returns a word for programs. The README lists them.
    pub fn name(&self) -> &'static str {
        self.kind().1
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> StatusCode {
        self.kind().0
    }

    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Host { .. } => (StatusCode::MISDIRECTED_REQUEST, "host"),
            Self::ContentType { .. } => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type"),
            Self::Body { .. } => (StatusCode::BAD_REQUEST, "body"),
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::Json { .. } => (StatusCode::BAD_REQUEST, "json"),
            Self::Base64 { .. } => (StatusCode::BAD_REQUEST, "base64"),
            Self::Field { .. } => (StatusCode::BAD_REQUEST, "field"),
            Self::NotImplemented { .. } => (StatusCode::NOT_IMPLEMENTED, "not_implemented"),
            Self::Unusable { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "unusable"),
            Self::TooComplex { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "too_complex"),
            Self::QueueFull { .. } => (StatusCode::SERVICE_UNAVAILABLE, "queue_full"),
            Self::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            Self::UnknownJob => (StatusCode::NOT_FOUND, "unknown_job"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::NotFinished => (StatusCode::CONFLICT, "not_finished"),
            Self::Cancelled => (StatusCode::GONE, "cancelled"),
            Self::TimeLimit { .. } => (StatusCode::GATEWAY_TIMEOUT, "time_limit"),
            Self::Painting { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "painting"),
            Self::DeviceLost { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "device_lost"),
            Self::Panicked => (StatusCode::INTERNAL_SERVER_ERROR, "panicked"),
        }
    }

    /// Returns the text for the client, without details of the server.
    fn public_text(&self) -> Cow<'static, str> {
        match self {
            Self::Painting { .. } => "painting failed; the server's log has the details".into(),
            Self::DeviceLost { .. } => {
                "the device was lost; send the job again, as another device may take it".into()
            }
            other => other.to_string().into(),
        }
    }

    /// Returns the JSON for a body or an event.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "text": self.public_text(), "error_code": 1, "error": self.name() })
    }
}

impl IntoResponse for ServerError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self.to_json())).into_response();
        match self {
            Self::QueueFull { .. } | Self::Stopping => {
                response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            Self::Unauthorized => {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}
