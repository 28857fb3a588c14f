use std::{fmt, ops::ControlFlow, path::PathBuf, sync::Arc, time::Duration};

use crate::{HubError, License};

/// The source and the target of downloads, timeouts, and callbacks.
#[derive(Clone, Debug)]
pub struct HubOptions {
    /// The address of the hub.
    pub endpoint: String,
    /// The folder of the cache, in the layout that all clients of the hub share.
    pub cache: PathBuf,
    /// An access token. Public repositories need none. Sent only to `endpoint`, never to redirect
    /// targets.
    pub token: Option<Token>,
    /// A branch, a tag or a commit. A full commit hash that is in the cache needs no network.
    pub revision: String,
    /// Whether to use the cache only, and never the network.
    pub offline: bool,
    /// The longest wait for a connection, an answer, or the next byte. More than 0.
    pub stall_timeout: Duration,
    /// The number of retries after temporary failures.
    pub retries: u32,
    /// The wait before the first retry. Doubles with each retry, up to 30 s. A server may ask for
    /// up to 2 minutes.
    pub retry_wait: Duration,
    /// Called with the license before the first file is downloaded; may refuse it. Without a
    /// callback, the license is logged as a warning.
    pub on_license: Option<LicenseCallback>,
    /// Called with the progress; may cancel the download.
    pub on_progress: Option<DownloadCallback>,
}

impl HubOptions {
    /// The public hub without a token, the branch `main`, a timeout of 30 s and 5 retries.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            endpoint: "https://huggingface.co".into(),
            cache: cache.into(),
            token: None,
            revision: "main".into(),
            offline: false,
            stall_timeout: Duration::from_secs(30),
            retries: 5,
            retry_wait: Duration::from_secs(1),
            on_license: None,
            on_progress: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), HubError> {
        let refuse = |option, expected, found: &str| {
            Err(HubError::Option { option, expected, found: found.to_owned() })
        };
        let address = self.endpoint.strip_prefix("https://").or(self.endpoint.strip_prefix("http://"));
        if address.is_none_or(str::is_empty) || self.endpoint.contains(['?', '#', '@']) {
            return refuse("endpoint", "an address that begins with https:// or http://", &self.endpoint);
        }
        if !is_plain_path(&self.revision) {
            return refuse("revision", "a branch, a tag or a commit", &self.revision);
        }
        if self.stall_timeout.is_zero() {
            return refuse("stall_timeout", "more than 0", "0");
        }
        Ok(())
    }
}

/// Returns whether a text is a relative path that needs no escaping in a URL or file system, and
/// cannot leave its folder.
pub(crate) fn is_plain_path(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.split('/').all(|name| !name.is_empty() && !matches!(name, "." | "..") && name.chars().all(is_plain))
}

/// An access token. Sent only to `endpoint`, never to redirect targets. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Wraps a token.
    ///
    /// # Errors
    /// If it is empty, or contains characters that are not allowed in an HTTP header. The message
    /// does not show it.
    pub fn new(token: impl Into<String>) -> Result<Self, HubError> {
        let token = token.into();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(HubError::Token);
        }
        Ok(Self(token))
    }

    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The progress of a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DownloadProgress<'a> {
    /// The path of the current file in the repository.
    pub file: &'a str,
    /// The downloaded bytes of the file, including those of earlier calls. Decreases if the file
    /// must be started again.
    pub bytes: u64,
    /// The size of the file in bytes.
    pub total: u64,
    /// The downloaded bytes of all files of this call.
    pub all_bytes: u64,
    /// The size of all files of this call in bytes.
    pub all_total: u64,
}

/// A callback that decides on a license.
#[derive(Clone)]
pub struct LicenseCallback(Arc<Decide>);

type Decide = dyn Fn(&License) -> ControlFlow<()> + Send + Sync;

impl LicenseCallback {
    /// Wraps a function. [`ControlFlow::Break`] refuses the license.
    pub fn new(decide: impl Fn(&License) -> ControlFlow<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(decide))
    }

    pub(crate) fn call(&self, license: &License) -> ControlFlow<()> {
        (self.0)(license)
    }
}

impl fmt::Debug for LicenseCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LicenseCallback")
    }
}

/// A callback for the progress of a download.
#[derive(Clone)]
pub struct DownloadCallback(Arc<Report>);

type Report = dyn Fn(&DownloadProgress<'_>) -> ControlFlow<()> + Send + Sync;

impl DownloadCallback {
    /// Wraps a function. [`ControlFlow::Break`] cancels the download.
    ///
    /// Called for each received piece, up to thousands of times a second, and five times a second
    /// while another process downloads the same file.
    pub fn new(report: impl Fn(&DownloadProgress<'_>) -> ControlFlow<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    pub(crate) fn call(&self, progress: &DownloadProgress<'_>) -> ControlFlow<()> {
        (self.0)(progress)
    }
}

impl fmt::Debug for DownloadCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DownloadCallback")
    }
}
