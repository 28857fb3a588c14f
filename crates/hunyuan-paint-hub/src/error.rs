//! Everything that can be wrong with a request, a server, or what it sends.

use std::{path::PathBuf, time::Duration};

use crate::{License, RepoId};

/// Why model folders are not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// A text is not the name of a repository.
    #[error(
        "'{input}' is not the name of a repository: {reason}; expected owner/name, as tencent/Hunyuan3D-2"
    )]
    RepoId {
        /// The text.
        input: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An option or a variable of the environment has a value that cannot be used.
    #[error("{option}: expected {expected}, found '{found}'")]
    Option {
        /// The option's or the variable's name.
        option: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// The callback did not accept the license.
    #[error("nothing was downloaded, since the license was not accepted: {license}")]
    LicenseRefused {
        /// The license.
        license: Box<License>,
    },
    /// The progress callback asked to stop. What has come stays, and the next call goes on from there.
    #[error("cancelled")]
    Cancelled,
    /// The network may not be used, and the cache does not have everything.
    #[error("offline, and the cache {} lacks {missing} of {repository}", cache.display())]
    NotCached {
        /// The repository.
        repository: RepoId,
        /// The cache.
        cache: PathBuf,
        /// What is missing, with commas between.
        missing: String,
    },
    /// The repository does not have what a model folder needs.
    #[error("{repository} at {commit} lacks {missing}")]
    NotInRepository {
        /// The repository.
        repository: RepoId,
        /// The commit that was looked at.
        commit: String,
        /// What is missing, with commas between.
        missing: String,
    },
    /// The server wants an account that may read the repository.
    #[error(
        "{url}: refused with status {status}; the repository is private, gated or not there: check its name, ask for \
         access on its page, and put a token of your account into HF_TOKEN"
    )]
    Refused {
        /// What was asked for.
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// There is no such repository, revision or file.
    #[error("{url}: not there (status 404); check the repository's name and the revision")]
    NotFound {
        /// What was asked for.
        url: String,
    },
    /// The server answered with a status that is no success.
    #[error("{url}: expected success, found status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
        /// How long the server asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// No connection, or one that broke.
    #[error("{url}: {source}")]
    Connection {
        /// What was asked for.
        url: String,
        /// What went wrong.
        source: Box<ureq::Error>,
    },
    /// Not one byte came for too long.
    #[error("{url}: no byte came for {} s", after.as_secs_f32())]
    Stalled {
        /// What was asked for.
        url: String,
        /// How long was waited.
        after: Duration,
    },
    /// A transfer ended too early. What has come stays, and the next call goes on from there.
    #[error("{file}: the transfer ended after {found} of {expected} bytes")]
    Truncated {
        /// The file, as the repository names it.
        file: String,
        /// Its size.
        expected: u64,
        /// How many bytes have come.
        found: u64,
    },
    /// The same went wrong too often.
    #[error("gave up after {attempts} attempts: {source}")]
    GaveUp {
        /// How often it was tried.
        attempts: u32,
        /// What went wrong the last time.
        source: Box<HubError>,
    },
    /// A file is longer than it should be, or announced as one of another size. What had come of it was removed.
    #[error("{file}: expected {expected} bytes, found {found}; it was removed")]
    Size {
        /// The file, as the repository names it.
        file: String,
        /// The size that the repository states.
        expected: u64,
        /// The size that was announced, or reached.
        found: u64,
    },
    /// A file has other content than it should. It was removed.
    #[error("{file}: expected the {algorithm} {expected}, found {found}; it was removed")]
    Hash {
        /// The file, as the repository names it.
        file: String,
        /// SHA-256, or Git's SHA-1.
        algorithm: &'static str,
        /// The hash that the repository states.
        expected: String,
        /// The hash of what came.
        found: String,
    },
    /// The server sent something that is not in the hub's form.
    #[error("{url}: expected {expected}, found {found}")]
    Malformed {
        /// What was asked for.
        url: String,
        /// What the hub sends.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// The system refused to read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
}

impl HubError {
    /// Names the path that the system's error is about.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }

    /// Whether the same request may well succeed a little later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Stalled { .. } | Self::Truncated { .. } | Self::GaveUp { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            Self::Connection { source, .. } => match source.as_ref() {
                // What a certificate that is not trusted comes as.
                ureq::Error::Io(error) => error.kind() != std::io::ErrorKind::InvalidData,
                ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::Protocol(_) => true,
                _ => false,
            },
            _ => false,
        }
    }
}
