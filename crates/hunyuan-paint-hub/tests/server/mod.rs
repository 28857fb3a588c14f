//! A hub on 127.0.0.1 with a CDN on another port and under another name, both of which do as they are told.
//!
//! As the real one: large files are on the CDN, and their hash and size stand in headers of the redirection; small files
//! are redirected to another path of the hub.

#![allow(dead_code, reason = "each test binary uses some of it")]

mod answer;
pub(crate) mod files;

use std::{
    collections::BTreeMap,
    error::Error,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use sha1::{Digest, Sha1};
use sha2::Sha256;

pub(crate) type TestResult = Result<(), Box<dyn Error>>;

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What goes wrong with a file, or with the list of files.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// No byte comes after so many.
    StallAfter(usize),
    /// The connection ends after so many bytes of the body.
    HangUpAfter(usize),
    /// Other bytes of the right number.
    WrongBytes,
    /// All of the file, whatever was asked for.
    IgnoreRange,
    /// Another part than was asked for.
    WrongRange,
    /// No length, and so many bytes too many.
    Excess(usize),
    /// The length of another file.
    WrongLength(usize),
    /// A status without a body, and perhaps a Retry-After.
    Status(u16, Option<u64>),
    /// This text in place of the answer.
    Body(&'static str),
    /// So many milliseconds between pieces of 4096 bytes.
    Slow(u64),
}

/// A request that was answered.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Without the host.
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
    /// By path in the repository, or "api"; how many more answers it strikes.
    faults: BTreeMap<String, (Fault, usize)>,
    /// What the headers say in place of the truth, by path in the repository.
    pub(crate) stated_sizes: BTreeMap<String, usize>,
    pub(crate) stated_hashes: BTreeMap<String, String>,
    pub(crate) seen: Vec<Seen>,
    /// Bytes of bodies of files that were sent, by path.
    pub(crate) sent: BTreeMap<String, usize>,
    /// Connections that are being answered.
    active: usize,
    /// Wants this token.
    pub(crate) token: Option<String>,
    cdn: String,
}

pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    closed: Arc<AtomicBool>,
}

impl Server {
    pub(crate) fn new(files: BTreeMap<String, Vec<u8>>) -> io::Result<Self> {
        let hub = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let cdn = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = hub.local_addr()?;
        let state = State {
            files,
            commit: COMMIT.into(),
            cdn: format!("http://localhost:{}", cdn.local_addr()?.port()),
            ..State::default()
        };
        let server = Self { address, state: Arc::new(Mutex::new(state)), closed: Arc::default() };
        for (listener, on_cdn) in [(hub, false), (cdn, true)] {
            let (state, closed) = (server.state.clone(), server.closed.clone());
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let (state, closed) = (state.clone(), closed.clone());
                    lock(&state).active += 1;
                    thread::spawn(move || {
                        // A client that hangs up is part of the game.
                        answer::answer(stream, &state, &closed, on_cdn).ok();
                        lock(&state).active -= 1;
                    });
                }
            });
        }
        Ok(server)
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Lets something go wrong with the next answers for a file, or for "api".
    pub(crate) fn fail(&self, path: &str, fault: Fault, times: usize) {
        self.state().faults.insert(path.into(), (fault, times));
    }

    pub(crate) fn heal(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.stated_sizes.clear();
        state.stated_hashes.clear();
    }

    /// Bytes of files that were sent since this was last asked. Nothing may be stalling.
    pub(crate) fn take_sent(&self) -> usize {
        while self.state().active > 0 {
            thread::sleep(Duration::from_millis(5));
        }
        std::mem::take(&mut self.state().sent).values().sum()
    }

    /// Requests since this was last asked.
    pub(crate) fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state().seen)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn is_large(path: &str) -> bool {
    path.ends_with(".safetensors") || path.ends_with(".bin")
}

/// The hash by which the hub names a file's content.
pub(crate) fn hash(path: &str, content: &[u8]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if is_large(path) {
        return hex(&Sha256::digest(content));
    }
    hex(&Sha1::digest([format!("blob {}\0", content.len()).as_bytes(), content].concat()))
}
