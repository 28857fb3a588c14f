use std::{fmt, ops::ControlFlow, path::PathBuf, sync::Arc, time::Duration};

use crate::{HubError, License};

/// Where downloads come from, where they go, and how patiently.
#[derive(Clone, Debug)]
pub struct HubOptions {
    /// The hub's address, without a path after it that is not its own.
    pub endpoint: String,
    /// The folder of the cache, in the layout that all of the hub's clients share.
    pub cache: PathBuf,
    /// What proves an account; public repositories need none. Only the endpoint itself gets to see it.
    pub token: Option<Token>,
    /// A branch, a tag or a commit. Of a commit of 40 digits that is in the cache the network is not asked.
    pub revision: String,
    /// The network is not used; everything has to be in the cache.
    pub offline: bool,
    /// How long to wait for a connection, an answer, or the next byte. More than 0.
    pub stall_timeout: Duration,
    /// How often a request that failed for a reason that may pass is made again.
    pub retries: u32,
    /// How long to wait before the first retry. It doubles with each, up to 30 s; a server may ask for more, up to 2 minutes.
    pub retry_wait: Duration,
    /// Is told of the license before anything of the folders is downloaded, and may refuse it. Without one, the license goes
    /// to the log, as a warning.
    pub on_license: Option<LicenseCallback>,
    /// Is told how far the download has come, and may cancel it.
    pub on_progress: Option<DownloadCallback>,
}

impl HubOptions {
    /// The public hub without an account, the branch `main`, 30 s and 5 retries.
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

/// Whether a text is a path of names which is the same in a file system and in an address, and stays in its folder.
pub(crate) fn is_plain_path(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.split('/').all(|name| !name.is_empty() && !matches!(name, "." | "..") && name.chars().all(is_plain))
}

/// Proof of an account. It is shown to nobody but the endpoint.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a token as the hub gives it out.
    ///
    /// # Errors
    /// If it is empty, or has characters that cannot stand in a request's header. The message does not show it.
    pub fn new(token: impl Into<String>) -> Result<Self, HubError> {
        let token = token.into();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let found = format!("{} bytes that are not", token.len());
            return Err(HubError::Option { option: "token", expected: "letters, digits and signs", found });
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

/// How far a download has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DownloadProgress<'a> {
    /// The file under way, as the repository names it.
    pub file: &'a str,
    /// Bytes of it that are there, those of earlier calls included. Goes back if a file has to be started again.
    pub bytes: u64,
    /// Its size in bytes.
    pub total: u64,
    /// Bytes that are there of all files that this call found missing.
    pub all_bytes: u64,
    /// Bytes of all of them.
    pub all_total: u64,
}

/// A function that is told of the license, and says whether to go on.
#[derive(Clone)]
pub struct LicenseCallback(Arc<Decide>);

type Decide = dyn Fn(&License) -> ControlFlow<()> + Send + Sync;

impl LicenseCallback {
    /// [`ControlFlow::Break`] refuses the license.
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

/// A function that is told how far a download has come, and says whether to go on.
#[derive(Clone)]
pub struct DownloadCallback(Arc<Report>);

type Report = dyn Fn(&DownloadProgress<'_>) -> ControlFlow<()> + Send + Sync;

impl DownloadCallback {
    /// Is called for each piece that comes, which may be thousands of times a second, and every fifth of a second while
    /// another process downloads the same file. [`ControlFlow::Break`] cancels.
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
