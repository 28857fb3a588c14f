//! The program: start, answers, signals, and errors in its arguments.

#![cfg(unix)]

use std::{
    error::Error,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

type TestResult = Result<(), Box<dyn Error>>;

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Creates a request with the example object.
fn robot() -> Result<Value, std::io::Error> {
    let file = |path| Ok::<_, std::io::Error>(BASE64_STANDARD.encode(std::fs::read(repository(path))?));
    let (mesh, image) = (file("assets/robot.glb")?, file("assets/robot.png")?);
    Ok(json!({ "mesh": mesh, "image": image, "texture": true }))
}

/// The running program on a free port, and its address.
struct Program {
    child: Child,
    address: String,
    log: Option<JoinHandle<String>>,
}

impl Program {
    fn start(steps: u32, arguments: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hunyuan-paint-server"))
            .arg("--model")
            .arg(repository("crates/hunyuan-paint-testkit/cases/model_tiny"))
            .args("--port 0 --device cpu --geometry cpu --texture-size 64 --render-size 64".split(' '))
            .args(["--steps", &steps.to_string()])
            .args(arguments)
            .env_remove("RUST_LOG")
            .stderr(Stdio::piped())
            .spawn()?;
        let log = child.stderr.take().ok_or("no log")?;
        let mut lines = BufReader::new(log).lines();
        let mut address = None;
        for line in lines.by_ref() {
            let line = line?;
            if let Some((_, found)) = line.split_once("listening on ") {
                address = Some(found.to_owned());
                break;
            }
        }
        // A full pipe would block the program.
        let log = thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>().join("\n"));
        let address = address.ok_or("the program ended before it listened")?;
        Ok(Self { child, address, log: Some(log) })
    }

    fn terminate(&self) -> TestResult {
        let status = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        if status.success() { Ok(()) } else { Err("kill failed".into()) }
    }

    /// Waits up to a minute for the end. Returns the exit code, and the log since the program
    /// listens.
    fn end(&mut self) -> Result<(Option<i32>, String), Box<dyn Error>> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(60) {
            if let Some(status) = self.child.try_wait()? {
                let log = self.log.take().ok_or("ended twice")?;
                return Ok((status.code(), log.join().map_err(|_| "no log")?));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err("the program does not end".into())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn it_paints_and_stops_on_sigterm() -> TestResult {
    let mut program = Program::start(2, &[])?;
    let mut response = ureq::post(format!("{}/generate", program.address)).send_json(robot()?)?;
    assert!(response.body_mut().with_config().limit(1 << 30).read_to_vec()?.starts_with(b"glTF"));
    program.terminate()?;
    let (code, log) = program.end()?;
    assert_eq!(code, Some(0));
    assert!(log.contains("completed"), "{log}");
    Ok(())
}

#[test]
fn it_cancels_a_painting_after_the_shutdown_timeout() -> TestResult {
    let mut program = Program::start(1000, &["--shutdown-timeout", "0"])?;
    ureq::post(format!("{}/send", program.address)).send_json(robot()?)?;
    let health = format!("{}/health", program.address);
    while !ureq::get(&health).call()?.body_mut().read_to_string()?.contains("\"running\":1") {
        thread::sleep(Duration::from_millis(5));
    }
    program.terminate()?;
    let (code, log) = program.end()?;
    assert_eq!(code, Some(0));
    assert!(log.contains("cancelling the running jobs") && !log.contains("completed"), "{log}");
    Ok(())
}

#[test]
fn it_names_the_wrong_argument() -> TestResult {
    for (arguments, word) in [
        (&["--model", "nowhere"][..], "nowhere"),
        (&["--model", "nowhere", "--max-queue-length", "0"], "max_queue_length"),
        (&["--model", "nowhere", "--token-file", "no-token"], "no-token"),
        (&["--model", "nowhere", "--port", "99999"], "port"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_hunyuan-paint-server"))
            .args(["--device", "cpu"])
            .args(arguments)
            .output()?;
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(log.contains(word), "{arguments:?}: {log}");
    }
    Ok(())
}

#[test]
fn painters_on_one_device_share_the_memory_limit() -> TestResult {
    // The weights take 7 MiB.
    let limit = ["--memory-limit", "12"];
    drop(Program::start(2, &limit)?);
    let output = Command::new(env!("CARGO_BIN_EXE_hunyuan-paint-server"))
        .arg("--model")
        .arg(repository("crates/hunyuan-paint-testkit/cases/model_tiny"))
        .args("--port 0 --device cpu --device cpu --geometry cpu".split(' '))
        .args(limit)
        .env_remove("RUST_LOG")
        .output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && log.contains("memory"), "{log}");
    Ok(())
}

#[test]
fn the_token_comes_from_the_environment() -> TestResult {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hunyuan-paint-server"))
        .args(["--model", "nowhere", "--device", "cpu"])
        .env("HUNYUAN_PAINT_TOKEN", "")
        .stderr(Stdio::piped())
        .spawn()?;
    assert!(!child.wait()?.success());
    let mut log = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().ok_or("no log")?, &mut log)?;
    assert!(log.contains("token: expected at least one character"), "{log}");
    Ok(())
}
