use std::{fmt, time::Duration};

use subtle::ConstantTimeEq;

use crate::{HostPolicy, StartError};

/// Limits of the server, and how long it remembers jobs. [`InputLimits`](crate::InputLimits) bounds
/// meshes and images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerOptions {
    /// The token that every request must carry, except for the page and `/health`.
    pub token: Option<Token>,
    /// The host names under which the server may be called. By default only those of loopback.
    pub hosts: HostPolicy,
    /// The most connections at a time. Others wait in the system's queue.
    pub max_connections: usize,
    /// The largest body of a request in bytes. Base64 is a third larger than its content.
    pub max_body_bytes: usize,
    /// The longest pause while a body arrives.
    pub idle_timeout: Duration,
    /// The longest time in which a whole body must arrive.
    pub body_timeout: Duration,
    /// The most bodies that are received and parsed at once. Others wait.
    pub max_uploads: usize,
    /// The most waiting jobs, in addition to those being painted.
    pub max_queue_length: usize,
    /// The longest time for one painting, without its time in the queue. `None` for no limit.
    pub time_limit: Option<Duration>,
    /// The most finished jobs to remember. The oldest are forgotten first.
    pub max_results: usize,
    /// The longest time to remember a finished job.
    pub max_result_age: Duration,
    /// The time for which running jobs may go on when the server stops, before they are cancelled.
    pub shutdown_timeout: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            token: None,
            hosts: HostPolicy::default(),
            max_connections: 256,
            max_body_bytes: 128 << 20,
            idle_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(600),
            max_uploads: 4,
            max_queue_length: 8,
            time_limit: Some(Duration::from_secs(3600)),
            max_results: 16,
            max_result_age: Duration::from_secs(3600),
            shutdown_timeout: Duration::from_secs(60),
        }
    }
}

impl ServerOptions {
    /// Checks the options.
    ///
    /// # Errors
    /// If a count or size is 0, or the token is empty.
    pub fn validate(&self) -> Result<(), StartError> {
        let positive = [
            ("max_connections", self.max_connections),
            ("max_body_bytes", self.max_body_bytes),
            ("max_uploads", self.max_uploads),
            ("max_queue_length", self.max_queue_length),
            ("max_results", self.max_results),
        ];
        if let Some((option, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(StartError::Option { option, expected: "at least 1" });
        }
        match &self.token {
            Some(token) if token.0.is_empty() => {
                Err(StartError::Option { option: "token", expected: "at least one character" })
            }
            _ => Ok(()),
        }
    }
}

/// A bearer token. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Wraps a token.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// Returns whether an `Authorization` header carries the token. The time depends on the lengths
    /// only.
    pub(crate) fn is_in(&self, authorization: &[u8]) -> bool {
        let Some((scheme, found)) = authorization.split_at_checked(b"Bearer ".len()) else { return false };
        let is_token = self.0.as_bytes().ct_eq(found.trim_ascii());
        scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(is_token)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_accepted() {
        let token = Token::new("open sesame");
        for right in ["Bearer open sesame", "bearer open sesame", "Bearer  open sesame "] {
            assert!(token.is_in(right.as_bytes()), "{right}");
        }
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer open",
            "Bearer open sesam",
            "Bearer open sesamee",
            "open sesame",
            "Basic open sesame",
            "Bearer Open sesame",
        ] {
            assert!(!token.is_in(wrong.as_bytes()), "{wrong}");
        }
        assert!(!format!("{token:?}").contains("sesame"));
    }

    #[test]
    fn zero_limits_and_empty_tokens_are_rejected() {
        assert!(ServerOptions::default().validate().is_ok());
        for wrong in [
            ServerOptions { max_connections: 0, ..Default::default() },
            ServerOptions { max_body_bytes: 0, ..Default::default() },
            ServerOptions { max_uploads: 0, ..Default::default() },
            ServerOptions { max_queue_length: 0, ..Default::default() },
            ServerOptions { max_results: 0, ..Default::default() },
            ServerOptions { token: Some(Token::new("")), ..Default::default() },
        ] {
            assert!(matches!(wrong.validate(), Err(StartError::Option { .. })), "{wrong:?}");
        }
    }
}
