//! A fake hub on 127.0.0.1, and its CDN on another port and under another name, with injected
//! faults.
//!
//! Like the real hub, it redirects large files to the CDN, with their hash and size in headers of
//! the redirection, and small files to another path of the hub.

#![allow(dead_code, reason = "each test binary uses some of it")]

mod answer;
pub(crate) mod files;

use std::{
    collections::BTreeMap,
    error::Error,
    io,
    net::{Ipv4Addr, TcpListener},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivatePkcs8KeyDer};
use sha1::{Digest, Sha1};
use sha2::Sha256;

pub(crate) type TestResult = Result<(), Box<dyn Error>>;

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A fault in the answer for a file, or for the list of files.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The transfer stalls after this many bytes.
    StallAfter(usize),
    /// The connection ends after this many bytes of the body.
    HangUpAfter(usize),
    /// Wrong content of the right length.
    WrongBytes,
    /// The whole file, whatever range was requested.
    IgnoreRange,
    /// Another range than was requested.
    WrongRange,
    /// No length, and this many bytes too many.
    Excess(usize),
    /// The length of another file.
    WrongLength(usize),
    /// The connection ends without an answer.
    NoAnswer,
    /// A status without a body, with an optional `Retry-After`.
    Status(u16, Option<u64>),
    /// This text as the answer.
    Body(&'static str),
    /// A pause of this many milliseconds between pieces of 4096 bytes.
    Slow(u64),
}

/// A request that was answered.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Does not include the host.
    pub(crate) path: String,
    pub(crate) on_cdn: bool,
    pub(crate) authorization: Option<String>,
    pub(crate) range: Option<String>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) card: serde_json::Value,
    pub(crate) commit: String,
    /// Faults by path in the repository or "api", with the number of answers that they affect.
    faults: BTreeMap<String, (Fault, usize)>,
    /// Wrong headers, by path in the repository.
    pub(crate) stated_sizes: BTreeMap<String, usize>,
    pub(crate) stated_hashes: BTreeMap<String, String>,
    pub(crate) seen: Vec<Seen>,
    /// The number of sent bytes of files, by path.
    pub(crate) sent: BTreeMap<String, usize>,
    /// The number of open connections.
    active: usize,
    /// The required token.
    pub(crate) token: Option<String>,
    cdn: String,
}

pub(crate) struct Server {
    endpoint: String,
    state: Arc<Mutex<State>>,
    closed: Arc<AtomicBool>,
}

impl Server {
    pub(crate) fn new(files: BTreeMap<String, Vec<u8>>) -> io::Result<Self> {
        Self::start(files, None)
    }

    /// Starts a server with https, and returns its certificate in PEM.
    pub(crate) fn encrypted(files: BTreeMap<String, Vec<u8>>) -> Result<(Self, String), Box<dyn Error>> {
        let names = ["127.0.0.1", "localhost"].map(str::to_owned);
        let own = rcgen::generate_simple_self_signed(names)?;
        let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()).into();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)?;
        Ok((Self::start(files, Some(Arc::new(config)))?, own.cert.pem()))
    }

    fn start(files: BTreeMap<String, Vec<u8>>, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        let hub = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let cdn = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let endpoint = format!("{scheme}://{}", hub.local_addr()?);
        let state = State {
            files,
            commit: COMMIT.into(),
            cdn: format!("{scheme}://localhost:{}", cdn.local_addr()?.port()),
            ..State::default()
        };
        let server = Self { endpoint, state: Arc::new(Mutex::new(state)), closed: Arc::default() };
        for (listener, on_cdn) in [(hub, false), (cdn, true)] {
            let (state, closed, tls) = (server.state.clone(), server.closed.clone(), tls.clone());
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let (state, closed, tls) = (state.clone(), closed.clone(), tls.clone());
                    lock(&state).active += 1;
                    thread::spawn(move || {
                        // Clients that disconnect are part of the tests.
                        match tls.map(ServerConnection::new) {
                            None => answer::answer(stream, &state, &closed, on_cdn).ok(),
                            Some(Ok(tls)) => {
                                answer::answer(StreamOwned::new(tls, stream), &state, &closed, on_cdn).ok()
                            }
                            Some(Err(_)) => None,
                        };
                        lock(&state).active -= 1;
                    });
                }
            });
        }
        Ok(server)
    }

    pub(crate) fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Injects a fault into the next answers for a file or for "api".
    pub(crate) fn fail(&self, path: &str, fault: Fault, times: usize) {
        self.state().faults.insert(path.into(), (fault, times));
    }

    pub(crate) fn heal(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.stated_sizes.clear();
        state.stated_hashes.clear();
    }

    /// Returns the number of sent bytes since the last call. No transfer may be stalled.
    pub(crate) fn take_sent(&self) -> usize {
        while self.state().active > 0 {
            thread::sleep(Duration::from_millis(5));
        }
        std::mem::take(&mut self.state().sent).values().sum()
    }

    /// Returns the requests since the last call.
    pub(crate) fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state().seen)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the error of a result that must be one.
pub(crate) fn error_of<T, E>(result: Result<T, E>) -> Result<E, &'static str> {
    result.err().ok_or("it succeeded, where an error was expected")
}

pub(crate) fn is_large(path: &str) -> bool {
    path.ends_with(".safetensors") || path.ends_with(".bin")
}

/// Returns the hash by which the hub identifies a content.
pub(crate) fn hash(path: &str, content: &[u8]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if is_large(path) {
        return hex(&Sha256::digest(content));
    }
    hex(&Sha1::digest([format!("blob {}\0", content.len()).as_bytes(), content].concat()))
}
