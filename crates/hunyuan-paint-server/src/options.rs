use std::{fmt, time::Duration};

use crate::ServerError;

/// What the server allows and how long it remembers. What a mesh and an image may be is up to the painter;
/// see [`InputLimits`](crate::InputLimits).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerOptions {
    /// What every request but those for the page and `/health` has to carry.
    pub token: Option<Token>,
    /// Largest body of a request in bytes; base64 is a third larger than what it holds.
    pub body_bytes_max: usize,
    /// How long a body may stall while it arrives.
    pub body_stall_max: Duration,
    /// How many bodies are read and looked through at once; others wait.
    pub uploads_max: usize,
    /// How many jobs may wait, beside those that are being painted.
    pub queue_length_max: usize,
    /// How long one painting may take, without the time in the queue; `None` for as long as it takes.
    pub time_limit: Option<Duration>,
    /// How many finished jobs are remembered; the oldest are forgotten first.
    pub results_max: usize,
    /// How long a finished job is remembered.
    pub results_age_max: Duration,
    /// How long a stopping server lets the running jobs go on before it cancels them.
    pub grace: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            token: None,
            body_bytes_max: 128 << 20,
            body_stall_max: Duration::from_secs(30),
            uploads_max: 4,
            queue_length_max: 8,
            time_limit: Some(Duration::from_secs(3600)),
            results_max: 16,
            results_age_max: Duration::from_secs(3600),
            grace: Duration::from_secs(60),
        }
    }
}

impl ServerOptions {
    /// Checks the numbers.
    ///
    /// # Errors
    /// If one that has to be positive is 0, or the token is empty.
    pub fn validate(&self) -> Result<(), ServerError> {
        let positive = [
            ("body_bytes_max", self.body_bytes_max),
            ("uploads_max", self.uploads_max),
            ("queue_length_max", self.queue_length_max),
            ("results_max", self.results_max),
        ];
        if let Some((option, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(ServerError::Option { option, expected: "at least 1" });
        }
        match &self.token {
            Some(token) if token.0.is_empty() => {
                Err(ServerError::Option { option: "token", expected: "at least one character" })
            }
            _ => Ok(()),
        }
    }
}

/// A bearer token, which is not shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// Whether an `Authorization` header carries it. Takes the same time wherever a token of the right length
    /// differs.
    pub(crate) fn is_in(&self, authorization: &[u8]) -> bool {
        let Some((scheme, found)) = authorization.split_at_checked(b"Bearer ".len()) else { return false };
        let (expected, found) = (self.0.as_bytes(), found.trim_ascii());
        let differing = expected.iter().zip(found).fold(0, |differing, (a, b)| differing | (a ^ b));
        scheme.eq_ignore_ascii_case(b"Bearer ") && expected.len() == found.len() && differing == 0
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
    fn only_the_whole_token_will_do() {
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
    fn options_that_make_no_sense_are_refused() {
        assert_eq!(ServerOptions::default().validate(), Ok(()));
        for wrong in [
            ServerOptions { body_bytes_max: 0, ..Default::default() },
            ServerOptions { uploads_max: 0, ..Default::default() },
            ServerOptions { queue_length_max: 0, ..Default::default() },
            ServerOptions { results_max: 0, ..Default::default() },
            ServerOptions { token: Some(Token::new("")), ..Default::default() },
        ] {
            assert!(matches!(wrong.validate(), Err(ServerError::Option { .. })), "{wrong:?}");
        }
    }
}
