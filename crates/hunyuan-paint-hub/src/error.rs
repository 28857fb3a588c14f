//! The errors of options, requests, servers and their answers.

use std::{path::PathBuf, time::Duration};

use crate::{License, RepoId};

/// The reason why model folders could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// A text is not the name of a repository.
    #[error(
        "'{input}' is not the name of a repository: {reason}; expected owner/name, such as tencent/Hunyuan3D-2"
    )]
    RepoId {
        /// The text.
        input: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An option or an environment variable is invalid.
    #[error("{option}: expected {expected}, found '{found}'")]
    Option {
        /// The name of the option or variable.
        option: &'static str,
        /// The allowed values.
        expected: &'static str,
        /// The given value.
        found: String,
    },
    /// The token is empty, or contains characters that are not allowed in an HTTP header.
    #[error("token: empty, or contains characters not allowed in an HTTP header")]
    Token,
    /// The callback did not accept the license.
    #[error("nothing was downloaded because the license was not accepted: {license}")]
    LicenseRefused {
        /// The license.
        license: Box<License>,
    },
    /// The progress callback cancelled the download. The next call resumes it.
    #[error("cancelled")]
    Cancelled,
    /// The network is not allowed, and the cache is incomplete.
    #[error("offline, and the cache {} lacks {missing} of {repository}", cache.display())]
    NotCached {
        /// The repository.
        repository: RepoId,
        /// The cache.
        cache: PathBuf,
        /// The missing files, separated by commas.
        missing: String,
    },
    /// The repository lacks files that a model folder needs.
    #[error("{repository} at {commit} lacks {missing}")]
    NotInRepository {
        /// The repository.
        repository: RepoId,
        /// The commit.
        commit: String,
        /// The missing files, separated by commas.
        missing: String,
    },
    /// The server requires an account with access to the repository.
    #[error(
        "{url}: refused with status {status}; the repository is private, gated or does not exist: check its \
         name, request access on its page, and put a token of your account into HF_TOKEN"
    )]
    Refused {
        /// The requested address.
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// The repository, revision or file does not exist.
    #[error("{url}: not found (status 404); check the names of the repository and the revision")]
    NotFound {
        /// The requested address.
        url: String,
    },
    /// The server answered with another error status.
    #[error("{url}: expected success, found status {status}")]
    Status {
        /// The requested address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The time after which the server allows a retry.
        retry_after: Option<Duration>,
    },
    /// The connection could not be made, or broke.
    #[error("{url}: the connection failed")]
    Connection {
        /// The requested address.
        url: String,
        /// The failure.
        source: Box<ureq::Error>,
    },
    /// No byte arrived for too long.
    #[error("{url}: no byte arrived for {} s", after.as_secs_f32())]
    Stalled {
        /// The requested address.
        url: String,
        /// The timeout.
        after: Duration,
    },
    /// A transfer ended too early. The next call resumes it.
    #[error("{file}: the transfer ended after {found} of {expected} bytes")]
    Truncated {
        /// The path of the file in the repository.
        file: String,
        /// The size of the file in bytes.
        expected: u64,
        /// The number of bytes received.
        found: u64,
    },
    /// Every attempt failed.
    #[error("gave up after {attempts} attempts")]
    GaveUp {
        /// The number of attempts.
        attempts: u32,
        /// The last failure.
        source: Box<Self>,
    },
    /// A file is longer than expected, or announced with another size. The partial download was
    /// removed.
    #[error("{file}: expected {expected} bytes, found {found}; it was removed")]
    Size {
        /// The path of the file in the repository.
        file: String,
        /// The size according to the hub.
        expected: u64,
        /// The announced or received size.
        found: u64,
    },
    /// A file has unexpected content. It was removed.
    #[error("{file}: expected the {algorithm} {expected}, found {found}; it was removed")]
    Hash {
        /// The path of the file in the repository.
        file: String,
        /// `SHA-256` or `Git SHA-1`.
        algorithm: &'static str,
        /// The hash according to the hub.
        expected: String,
        /// The hash of the received content.
        found: String,
    },
    /// The server's answer is malformed.
    #[error("{url}: expected {expected}, found {found}")]
    Malformed {
        /// The requested address.
        url: String,
        /// The expected form.
        expected: &'static str,
        /// The answer.
        found: String,
    },
    /// A file or folder could not be read or written.
    #[error("{}: cannot be read or written", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}

impl HubError {
    /// Adds the path to a system error.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }

    /// Returns whether a retry may succeed.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Stalled { .. } | Self::Truncated { .. } | Self::GaveUp { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            Self::Connection { source, .. } => match source.as_ref() {
                // An untrusted certificate.
                ureq::Error::Io(error) => error.kind() != std::io::ErrorKind::InvalidData,
                ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::Protocol(_) => true,
                _ => false,
            },
            _ => false,
        }
    }
}
