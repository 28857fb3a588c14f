use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// When to come again, in seconds, if there is no room now.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("30");

/// Why a request is refused, or a job has failed.
///
/// As a response it is JSON, `{"text": "...", "error_code": 1, "error": "queue_full"}`: the first two as in
/// the original server, whose code is always 1; the third is [`name`](Self::name).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The bearer token is missing or another one.
    #[error("this server asks for a bearer token: 'Authorization: Bearer ...'")]
    Unauthorized,
    /// The body does not say that it is JSON.
    #[error("content-type: expected application/json, found {found}")]
    ContentType {
        /// What it says.
        found: String,
    },
    /// The body did not arrive.
    #[error("the body could not be read: {reason}")]
    Body {
        /// What happened.
        reason: String,
    },
    /// The body is larger than allowed.
    #[error("the body is too large: expected at most {max} bytes")]
    BodyTooLarge {
        /// The limit in bytes.
        max: usize,
    },
    /// The body is not the JSON that is expected.
    #[error("JSON: {reason}")]
    Json {
        /// What the parser says.
        reason: String,
    },
    /// A field is not base64.
    #[error("{field}: expected base64: {reason}")]
    Base64 {
        /// The field.
        field: &'static str,
        /// What the decoder says.
        reason: String,
    },
    /// A field is missing or out of range.
    #[error("{field}: expected {expected}, found {found}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is allowed.
        expected: String,
        /// What was sent.
        found: String,
    },
    /// The original server can do it, this one cannot: shapes, text prompts, other file types.
    #[error("{what} is not implemented: this server only textures a given mesh, after an image, as GLB")]
    NotImplemented {
        /// What was asked for.
        what: &'static str,
    },
    /// A mesh or an image that cannot be used.
    #[error("{input}: {reason}")]
    Unusable {
        /// Which of the inputs.
        input: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// As many jobs wait as may.
    #[error("the queue is full: {waiting} jobs are waiting")]
    QueueFull {
        /// How many wait.
        waiting: usize,
    },
    /// The server is going down.
    #[error("the server is stopping")]
    Stopping,
    /// There is no such job, or it was forgotten.
    #[error("there is no job with this uid; finished ones are forgotten after a while")]
    UnknownJob,
    /// There is no such page or preview.
    #[error("there is nothing at this address")]
    NotFound,
    /// The address is right, the method is not.
    #[error("this address does not answer to this method")]
    MethodNotAllowed,
    /// The result is asked for before it is there.
    #[error("the job is not finished")]
    NotFinished,
    /// The job was cancelled.
    #[error("the job was cancelled")]
    Cancelled,
    /// Painting took longer than it may.
    #[error("painting took longer than the {seconds} seconds that it may")]
    TimeLimit {
        /// The limit in seconds.
        seconds: u64,
    },
    /// Painting failed, and not because of what was sent.
    #[error("painting failed: {reason}")]
    Painting {
        /// What the painter says.
        reason: String,
    },
    /// The painter's device is lost, and with it the painter. Where others are left, the next job is not affected.
    #[error("the device was lost; send the job again, as another device may take it ({reason})")]
    DeviceLost {
        /// What the painting ended with.
        reason: String,
    },
    /// The painter panicked. The next job is not affected.
    #[error("painting failed unexpectedly; the server's log says more")]
    Panicked,
    /// A server without a painter, or an option that makes no sense.
    #[error("{option}: expected {expected}")]
    Option {
        /// Which.
        option: &'static str,
        /// What is allowed.
        expected: &'static str,
    },
}

impl ServerError {
    /// A word for programs; the README lists them.
    pub fn name(&self) -> &'static str {
        self.kind().1
    }

    /// The HTTP status that goes with it.
    pub fn status(&self) -> StatusCode {
        self.kind().0
    }

    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::ContentType { .. } => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type"),
            Self::Body { .. } => (StatusCode::BAD_REQUEST, "body"),
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::Json { .. } => (StatusCode::BAD_REQUEST, "json"),
            Self::Base64 { .. } => (StatusCode::BAD_REQUEST, "base64"),
            Self::Field { .. } => (StatusCode::BAD_REQUEST, "field"),
            Self::NotImplemented { .. } => (StatusCode::NOT_IMPLEMENTED, "not_implemented"),
            Self::Unusable { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "unusable"),
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
            Self::Option { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "option"),
        }
    }

    /// As JSON, for a body or an event.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "text": self.to_string(), "error_code": 1, "error": self.name() })
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
