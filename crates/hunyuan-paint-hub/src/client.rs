//! Requests to the hub, without retries.

use std::{io, str::FromStr, sync::Arc, time::Duration};

use serde::Deserialize;
use ureq::{
    Agent, Body,
    http::{HeaderMap, Method, Request, Response, StatusCode, Uri, header},
    tls::{Certificate, RootCerts, TlsConfig},
};

use crate::{
    HubError, HubOptions, RepoId, Token,
    address::{is_hub, is_same_origin, parse, shown, target, without_query},
    checksum::Checksum,
    license::Card,
};

const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// The most redirections of one request.
const MAX_REDIRECTS: usize = 10;

/// The largest description of a repository, in bytes.
const MAX_DESCRIPTION: u64 = 16 << 20;

/// A client of one hub.
pub(crate) struct Client<'a> {
    agent: Agent,
    endpoint: &'a str,
    endpoint_uri: Uri,
    token: Option<&'a Token>,
    stall_timeout: Duration,
}

/// The hub's description of a repository.
#[derive(Deserialize)]
pub(crate) struct Description {
    /// The commit of the revision.
    #[serde(rename = "sha")]
    pub(crate) commit: String,
    /// All files of the repository.
    pub(crate) siblings: Vec<Sibling>,
    #[serde(rename = "cardData", default)]
    pub(crate) card: Card,
}

#[derive(Deserialize)]
pub(crate) struct Sibling {
    /// The path in the repository.
    #[serde(rename = "rfilename")]
    pub(crate) path: String,
}

/// The expected size and hash of a file.
#[derive(Clone, Debug)]
pub(crate) struct FileState {
    pub(crate) size: u64,
    pub(crate) checksum: Checksum,
}

impl<'a> Client<'a> {
    pub(crate) fn new(options: &'a HubOptions) -> Result<Self, HubError> {
        let endpoint_uri = Uri::from_str(&options.endpoint).map_err(|error| HubError::Option {
            option: "endpoint",
            expected: "an address",
            found: format!("{} ({error})", options.endpoint),
        })?;
        let limit = Some(options.stall_timeout);
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            // This client follows redirections itself: the token must go to one host only, and the
            // size and hash must come from the hub, not from its CDN.
            .max_redirects(0)
            .user_agent(USER_AGENT)
            .tls_config(tls_config())
            .timeout_resolve(limit)
            .timeout_connect(limit)
            .timeout_recv_response(limit)
            .timeout_per_read(limit)
            .timeout_per_write(limit)
            .build()
            .into();
        Ok(Self {
            agent,
            endpoint: options.endpoint.trim_end_matches('/'),
            endpoint_uri,
            token: options.token.as_ref(),
            stall_timeout: options.stall_timeout,
        })
    }

    /// Requests the description of a repository at a revision.
    pub(crate) fn describe(&self, repository: &RepoId, revision: &str) -> Result<Description, HubError> {
        let revision = revision.replace('/', "%2F");
        let url = format!("{}/api/models/{repository}/revision/{revision}", self.endpoint);
        let mut response = self.get(&url, 0)?;
        let body = response.body_mut().with_config().limit(MAX_DESCRIPTION);
        body.read_json().map_err(|error| match error {
            ureq::Error::Json(error) if error.is_data() || error.is_syntax() => HubError::Malformed {
                url,
                expected: "the description of a repository",
                found: error.to_string(),
            },
            error => self.transport_error(&url, error),
        })
    }

    /// Requests the expected size and hash of a file, without its content.
    pub(crate) fn state(&self, repository: &RepoId, commit: &str, file: &str) -> Result<FileState, HubError> {
        let url = self.file_url(repository, commit, file);
        let mut uri = parse(&url)?;
        let (mut etag, mut size) = (None, None);
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(Method::HEAD, &uri, 0)?;
            let headers = response.headers();
            etag = etag.or_else(|| text(headers, "x-linked-etag"));
            size = size.or_else(|| text(headers, "x-linked-size"));
            match redirection(&uri, &response)? {
                // The headers of another host are not those of the hub.
                Some(target) if !is_hub(&target, &self.endpoint_uri) => break,
                Some(target) => uri = target,
                None => {
                    check_status(&uri, &response)?;
                    etag = etag.or_else(|| text(headers, "etag"));
                    size = size.or_else(|| text(headers, "content-length"));
                    break;
                }
            }
        }
        let malformed = |expected, found: Option<String>| HubError::Malformed {
            url: url.clone(),
            expected,
            found: found.map_or("none".into(), |found| format!("'{found}'")),
        };
        let checksum = etag.as_deref().and_then(Checksum::from_etag);
        let bytes = size.as_deref().and_then(|size| size.parse().ok());
        Ok(FileState {
            checksum: checksum.ok_or_else(|| malformed("a hash of 40 or 64 hex digits as the ETag", etag))?,
            size: bytes.ok_or_else(|| malformed("the file's size", size))?,
        })
    }

    /// Requests a file, starting at byte `from`.
    pub(crate) fn open(
        &self,
        repository: &RepoId,
        commit: &str,
        file: &str,
        from: u64,
    ) -> Result<Response<Body>, HubError> {
        self.get(&self.file_url(repository, commit, file), from)
    }

    pub(crate) fn file_url(&self, repository: &RepoId, commit: &str, file: &str) -> String {
        format!("{}/{repository}/resolve/{commit}/{file}", self.endpoint)
    }

    fn get(&self, url: &str, from: u64) -> Result<Response<Body>, HubError> {
        let mut uri = parse(url)?;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(Method::GET, &uri, from)?;
            match redirection(&uri, &response)? {
                Some(target) => uri = target,
                None => {
                    check_status(&uri, &response)?;
                    return Ok(response);
                }
            }
        }
        let found = format!("more than {MAX_REDIRECTS} redirections");
        Err(HubError::Malformed { url: shown(&uri), expected: "an answer", found })
    }

    fn send(&self, method: Method, uri: &Uri, from: u64) -> Result<Response<Body>, HubError> {
        let mut request =
            Request::builder().method(method).uri(uri).header(header::ACCEPT_ENCODING, "identity");
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        if let Some(token) = self.token.filter(|_| is_same_origin(uri, &self.endpoint_uri)) {
            request = request.header(header::AUTHORIZATION, token.header());
        }
        let request = request.body(()).map_err(ureq::Error::Http);
        request
            .and_then(|request| self.agent.run(request))
            .map_err(|error| self.transport_error(&uri.to_string(), error))
    }

    /// Distinguishes timeouts from broken connections.
    pub(crate) fn transport_error(&self, url: &str, source: ureq::Error) -> HubError {
        let url = without_query(url);
        match source {
            ureq::Error::Timeout(_) => HubError::Stalled { url, after: self.stall_timeout },
            source => HubError::Connection { url, source: Box::new(source) },
        }
    }

    /// Like [`transport_error`](Self::transport_error), for an error while reading a body.
    pub(crate) fn body_error(&self, url: &str, source: io::Error) -> HubError {
        self.transport_error(url, ureq::Error::from(source))
    }
}

/// Trusts the certificates of the system, or those in `SSL_CERT_FILE` and `SSL_CERT_DIR`.
fn tls_config() -> TlsConfig {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "cannot use a certificate of the system");
    }
    if found.certs.is_empty() {
        tracing::warn!("the system has no certificates; every https address will be refused");
    }
    let certificates: Vec<_> =
        found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    TlsConfig::builder()
        .root_certs(RootCerts::from(certificates))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build()
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Returns the target if the response is a redirection.
fn redirection(uri: &Uri, response: &Response<Body>) -> Result<Option<Uri>, HubError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = text(response.headers(), "location").unwrap_or_default();
    let malformed = || HubError::Malformed {
        url: shown(uri),
        expected: "a redirection to a path or an address as safe as this",
        found: format!("'{}'", without_query(&location)),
    };
    target(uri, &location).map(Some).ok_or_else(malformed)
}

fn check_status(uri: &Uri, response: &Response<Body>) -> Result<(), HubError> {
    let url = shown(uri);
    match response.status() {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(()),
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Err(HubError::Refused { url, status: status.as_u16() })
        }
        StatusCode::NOT_FOUND => Err(HubError::NotFound { url }),
        status => {
            let seconds = text(response.headers(), "retry-after").and_then(|seconds| seconds.parse().ok());
            let retry_after = seconds.map(Duration::from_secs);
            Err(HubError::Status { url, status: status.as_u16(), retry_after })
        }
    }
}
