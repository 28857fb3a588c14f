//! A test server on a free port, a plain HTTP client, and a fake painter that obeys its mesh.

#![allow(dead_code, reason = "each test binary uses some of it")]

use std::{
    error::Error,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr},
    ops::ControlFlow,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hunyuan_paint::PaintStage;
use hunyuan_paint_server::{
    PaintProgress, PaintRequest, PaintServer, Painter, ProgressSink, ServerError, ServerOptions,
};
use image::RgbImage;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot};
use ureq::{Agent, Body, http::Response};

pub(crate) type TestResult = Result<(), Box<dyn Error>>;

/// The result of the fake painter.
pub(crate) const PAINTED: &[u8] = b"glTF, painted";

/// A painter whose behavior is named by the mesh.
#[derive(Default)]
pub(crate) struct FakePainter {
    /// The number of jobs being painted, and its maximum.
    pub(crate) running: AtomicUsize,
    pub(crate) most_running: AtomicUsize,
    pub(crate) paintings: AtomicUsize,
    pub(crate) stopped_early: AtomicUsize,
    is_lost: AtomicBool,
    is_geometry_lost: AtomicBool,
    checks: AtomicUsize,
}

impl FakePainter {
    pub(crate) fn is_geometry_lost(&self) -> bool {
        self.is_geometry_lost.load(Ordering::SeqCst)
    }

    /// The number of checked requests.
    pub(crate) fn checks(&self) -> usize {
        self.checks.load(Ordering::SeqCst)
    }

    #[expect(clippy::panic, reason = "the server must survive a painter that panics")]
    fn obey(&self, order: &[u8], on_progress: &mut ProgressSink<'_>) -> Result<Vec<u8>, ServerError> {
        let nothing = || Vec::new();
        let mut at =
            |stage, fraction| match on_progress(&PaintProgress { stage, fraction, preview: &nothing }) {
                ControlFlow::Continue(()) => Ok(()),
                ControlFlow::Break(()) => {
                    self.stopped_early.fetch_add(1, Ordering::SeqCst);
                    Err(ServerError::Cancelled)
                }
            };
        match order {
            b"broken" => return Err(ServerError::Painting { reason: "no /secret/paint left".into() }),
            // The baker falls back to the CPU, which gives the same bits, and the networks go on.
            b"geometry lost" => self.is_geometry_lost.store(true, Ordering::SeqCst),
            b"lost" => {
                self.is_lost.store(true, Ordering::SeqCst);
                return Err(ServerError::Painting { reason: "no more".into() });
            }
            b"panic" => panic!("a panic that the test asks for"),
            b"deaf" => thread::sleep(Duration::from_secs(4)),
            // Half a second, three seconds, and ten.
            b"slow" => (0..100).try_for_each(|_| pause_at(&mut at, PaintStage::Views, 0.5))?,
            b"long" => (0..600).try_for_each(|_| pause_at(&mut at, PaintStage::Views, 0.5))?,
            b"endless" => (0..2000).try_for_each(|_| pause_at(&mut at, PaintStage::Views, 0.5))?,
            _ => {}
        }
        for &stage in PaintStage::ALL {
            let preview = || vec![RgbImage::new(8, 8); 2];
            for fraction in [0.0, 0.5, 1.0] {
                if on_progress(&PaintProgress { stage, fraction, preview: &preview }).is_break() {
                    return Err(ServerError::Cancelled);
                }
            }
        }
        Ok(PAINTED.to_vec())
    }
}

fn pause_at(
    at: &mut impl FnMut(PaintStage, f32) -> Result<(), ServerError>,
    stage: PaintStage,
    fraction: f32,
) -> Result<(), ServerError> {
    thread::sleep(Duration::from_millis(5));
    at(stage, fraction)
}

impl Painter for FakePainter {
    fn check(&self, request: &PaintRequest) -> Result<(), ServerError> {
        self.checks.fetch_add(1, Ordering::SeqCst);
        match &request.mesh[..] {
            b"bad" => Err(ServerError::Unusable { input: "mesh", reason: "bad".into() }),
            _ => Ok(()),
        }
    }

    fn works(&self) -> bool {
        !self.is_lost.load(Ordering::SeqCst)
    }

    fn paint(
        &self,
        request: &PaintRequest,
        on_progress: &mut ProgressSink<'_>,
    ) -> Result<Vec<u8>, ServerError> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_running.fetch_max(running, Ordering::SeqCst);
        self.paintings.fetch_add(1, Ordering::SeqCst);
        // Also counts down after a panic.
        let _down = Down(&self.running);
        self.obey(&request.mesh, on_progress)
    }
}

struct Down<'a>(&'a AtomicUsize);

impl Drop for Down<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The JSON of a request to the fake painter.
pub(crate) fn order(mesh: &str) -> Value {
    json!({ "mesh": BASE64_STANDARD.encode(mesh), "mesh_type": "obj", "image": "AAAA", "texture": true })
}

/// A server that runs until it is stopped or dropped.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    agent: Agent,
    token: Option<String>,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl TestServer {
    pub(crate) fn new(
        painters: Vec<Arc<dyn Painter>>,
        options: ServerOptions,
    ) -> Result<Self, Box<dyn Error>> {
        let server = PaintServer::new(painters, options)?;
        let (send_address, address) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                send_address.send(listener.local_addr()?).map_err(std::io::Error::other)?;
                server.serve(listener, async { drop(stopped.await) }).await
            })
        };
        let thread = Some(thread::spawn(serve));
        let address = address.recv_timeout(Duration::from_secs(10))?;
        Ok(Self { address, agent: agent(), token: None, stop: Mutex::new(Some(stop)), thread })
    }

    pub(crate) fn fake(options: ServerOptions) -> Result<(Self, Arc<FakePainter>), Box<dyn Error>> {
        let painter = Arc::new(FakePainter::default());
        Ok((Self::new(vec![painter.clone()], options)?, painter))
    }

    pub(crate) fn with_token(self, token: &str) -> Self {
        Self { token: Some(format!("Bearer {token}")), ..self }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn post(&self, path: &str, json: &Value) -> Result<Response<Body>, ureq::Error> {
        let mut request = self.agent.post(self.url(path));
        if let Some(token) = &self.token {
            request = request.header("Authorization", token);
        }
        request.send_json(json)
    }

    pub(crate) fn post_bytes(
        &self,
        path: &str,
        content_type: &str,
        body: impl ureq::AsSendBody,
    ) -> Result<Response<Body>, ureq::Error> {
        self.agent.post(self.url(path)).content_type(content_type).send(body)
    }

    pub(crate) fn get(&self, path: &str) -> Result<Response<Body>, ureq::Error> {
        let mut request = self.agent.get(self.url(path));
        if let Some(token) = &self.token {
            request = request.header("Authorization", token);
        }
        request.call()
    }

    pub(crate) fn delete(&self, path: &str) -> Result<Response<Body>, ureq::Error> {
        self.agent.delete(self.url(path)).call()
    }

    /// Queues a job, and returns its uid.
    pub(crate) fn send(&self, json: &Value) -> Result<String, Box<dyn Error>> {
        let answer = json_of(self.post("/send", json)?)?;
        Ok(answer["uid"].as_str().ok_or_else(|| format!("no uid: {answer}"))?.to_owned())
    }

    pub(crate) fn status(&self, uid: &str) -> Result<Value, Box<dyn Error>> {
        json_of(self.get(&format!("/status/{uid}"))?)
    }

    /// Polls until the job is finished, like a client of the original.
    pub(crate) fn wait(&self, uid: &str) -> Result<Value, Box<dyn Error>> {
        wait_until(|| Ok(Some(self.status(uid)?).filter(|status| status["status"] != "processing")))
    }

    /// Returns all events of a job until its end.
    pub(crate) fn events(&self, uid: &str) -> Result<Vec<(String, Value)>, Box<dyn Error>> {
        let response = self.get(&format!("/jobs/{uid}/events"))?;
        let mut events = Vec::new();
        let mut name = String::new();
        for line in BufReader::new(response.into_body().into_reader()).lines() {
            let line = line?;
            match line.split_once(": ") {
                Some(("event", value)) => value.clone_into(&mut name),
                Some(("data", value)) => events.push((name.clone(), serde_json::from_str(value)?)),
                _ => {}
            }
        }
        Ok(events)
    }

    /// Asks the server to stop, without waiting.
    pub(crate) fn ask_to_stop(&self) {
        let stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Sending fails if the server has stopped already.
        if let Some(stop) = stop {
            stop.send(()).unwrap_or_default();
        }
    }

    /// Stops the server, and waits for its end.
    pub(crate) fn stop(self) -> TestResult {
        self.ask_to_stop();
        self.ended()
    }

    /// Waits until the server has ended.
    pub(crate) fn ended(mut self) -> TestResult {
        let thread = self.thread.take().ok_or("stopped twice")?;
        Ok(thread.join().map_err(|_| "the server panicked")??)
    }
}

/// Creates a client that returns error statuses as responses, and keeps no connection open, so that
/// a stopping server need not wait.
fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_idle_connections(0)
        .timeout_global(Some(Duration::from_secs(300)));
    config.build().into()
}

pub(crate) fn json_of(mut response: Response<Body>) -> Result<Value, Box<dyn Error>> {
    Ok(response.body_mut().read_json()?)
}

pub(crate) fn bytes_of(mut response: Response<Body>) -> Result<Vec<u8>, Box<dyn Error>> {
    Ok(response.body_mut().with_config().limit(1 << 30).read_to_vec()?)
}

/// Polls every few milliseconds, for a minute.
pub(crate) fn wait_until<T>(
    mut found: impl FnMut() -> Result<Option<T>, Box<dyn Error>>,
) -> Result<T, Box<dyn Error>> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(60) {
        if let Some(value) = found()? {
            return Ok(value);
        }
        thread::sleep(Duration::from_millis(5));
    }
    Err("waited for a minute in vain".into())
}

/// Returns the status and the error name of a refusal, and checks the rest of it.
pub(crate) fn refusal(response: Response<Body>) -> Result<(u16, String), Box<dyn Error>> {
    let status = response.status().as_u16();
    let json = json_of(response)?;
    assert_eq!(json["error_code"], 1, "{json}");
    assert!(json["text"].as_str().is_some_and(|text| !text.is_empty()), "{json}");
    Ok((status, json["error"].as_str().unwrap_or_default().to_owned()))
}
