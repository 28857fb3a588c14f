//! The HTTP interface over TCP with a fake painter: the requests of the original's clients, and
//! errors.

mod common;

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hunyuan_paint_server::{HostPolicy, PaintServer, ServerOptions, StartError, Token};
use serde_json::{Value, json};

use common::{PAINTED, TestResult, TestServer, bytes_of, json_of, order, refusal};

fn server() -> Result<TestServer, Box<dyn std::error::Error>> {
    Ok(TestServer::fake(ServerOptions::default())?.0)
}

#[test]
fn generate_answers_with_the_file() -> TestResult {
    let response = server()?.post("/generate", &order("quick"))?;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "model/gltf-binary");
    assert_eq!(bytes_of(response)?, PAINTED);
    Ok(())
}

#[test]
fn send_answers_at_once_and_status_later() -> TestResult {
    let server = server()?;
    let uid = server.send(&order("long"))?;
    assert_eq!(server.status(&uid)?, json!({ "status": "processing" }));
    assert_eq!(refusal(server.get(&format!("/jobs/{uid}/result"))?)?, (409, "not_finished".into()));
    let expected = json!({ "status": "completed", "model_base64": BASE64_STANDARD.encode(PAINTED) });
    assert_eq!(server.wait(&uid)?, expected);
    // The status can be asked for repeatedly.
    assert_eq!(server.status(&uid)?, expected);
    assert_eq!(bytes_of(server.get(&format!("/jobs/{uid}/result"))?)?, PAINTED);
    Ok(())
}

#[test]
fn refusals_name_their_reason() -> TestResult {
    let server = server()?;
    let mesh = &order("quick")["mesh"];
    for (json, status, name) in [
        (json!({ "image": "AAAA", "texture": true }), 501, "not_implemented"),
        (json!({ "text": "a chair" }), 501, "not_implemented"),
        (json!({ "mesh": mesh, "text": "a chair", "texture": true }), 501, "not_implemented"),
        (json!({ "mesh": mesh, "mesh_type": "obj" }), 400, "field"),
        (json!({ "mesh": "=", "image": "AAAA" }), 400, "base64"),
        (json!({ "mesh": mesh, "image": "AAAA" }), 422, "unusable"),
        (json!([]), 400, "json"),
        (order("bad"), 422, "unusable"),
        (order("broken"), 500, "painting"),
    ] {
        assert_eq!(refusal(server.post("/generate", &json)?)?, (status, name.into()), "{json}");
    }
    let refused = server.post_bytes("/send", "application/json", "{\"mesh\": ")?;
    assert_eq!(refusal(refused)?, (400, "json".into()));
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
        let refused = server.post_bytes("/send", content_type, order("quick").to_string())?;
        assert_eq!(refusal(refused)?, (415, "content_type".into()));
    }
    let accepted =
        server.post_bytes("/send", "Application/JSON; charset=utf-8", order("quick").to_string())?;
    assert_eq!(accepted.status(), 200);
    assert_eq!(refusal(server.get("/generate")?)?, (405, "method_not_allowed".into()));
    assert_eq!(refusal(server.get("/nowhere")?)?, (404, "not_found".into()));
    Ok(())
}

#[test]
fn a_failed_job_has_a_status_without_details_of_the_server() -> TestResult {
    let server = server()?;
    let uid = server.send(&order("broken"))?;
    let status = server.wait(&uid)?;
    assert_eq!(status["status"], "failed");
    assert_eq!(status["error"], "painting");
    assert!(
        status["text"].as_str().is_some_and(|text| text.contains("log") && !text.contains("secret")),
        "{status}"
    );
    assert_eq!(refusal(server.get(&format!("/jobs/{uid}/result"))?)?, (500, "painting".into()));
    Ok(())
}

#[test]
fn unknown_jobs_are_404_everywhere() -> TestResult {
    let server = server()?;
    for uid in ["test123", "00000000-0000-4000-8000-000000000000", "%2e%2e%2fsecret"] {
        for path in ["/status/{}", "/jobs/{}/events", "/jobs/{}/result", "/jobs/{}/previews/views/0"] {
            let refused = server.get(&path.replace("{}", uid))?;
            assert_eq!(refusal(refused)?, (404, "unknown_job".into()), "{path} {uid}");
        }
        assert_eq!(refusal(server.delete(&format!("/jobs/{uid}"))?)?, (404, "unknown_job".into()));
    }
    Ok(())
}

#[test]
fn a_client_sees_that_its_body_is_too_large() -> TestResult {
    let max = 4 << 20;
    let (server, painter) = TestServer::fake(ServerOptions { max_body_bytes: max, ..Default::default() })?;
    let with_image = |length: usize| {
        let mut json = order("quick");
        json["image"] = Value::String("A".repeat(length));
        json.to_string()
    };
    for length in [max, 2 * max - 4096] {
        let refused = server.post_bytes("/generate", "application/json", with_image(length))?;
        assert_eq!(refusal(refused)?, (413, "body_too_large".into()));
        // Chunked, without an announced length.
        let body = with_image(length);
        let mut reader = body.as_bytes();
        let body = ureq::SendBody::from_reader(&mut reader);
        let refused = server.post_bytes("/generate", "application/json", body)?;
        assert_eq!(refusal(refused)?, (413, "body_too_large".into()));
    }
    assert_eq!(painter.paintings.load(std::sync::atomic::Ordering::SeqCst), 0);
    let accepted = server.post_bytes("/generate", "application/json", with_image(max - 4096))?;
    assert_eq!(bytes_of(accepted)?, PAINTED);
    Ok(())
}

#[test]
fn everything_but_the_page_needs_the_token() -> TestResult {
    let options = || ServerOptions { token: Some(Token::new("sesame")), ..Default::default() };
    let (server, _) = TestServer::fake(options())?;
    let large = json!({ "mesh": "A".repeat(512 << 10) });
    for (path, json) in [("/generate", &order("quick")), ("/send", &large)] {
        let response = server.post(path, json)?;
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert_eq!(refusal(response)?, (401, "unauthorized".into()));
    }
    for path in ["/status/x", "/jobs/x/events", "/jobs/x/result", "/jobs/x/previews/views/0"] {
        assert_eq!(refusal(server.get(path)?)?, (401, "unauthorized".into()), "{path}");
    }
    assert_eq!(refusal(server.delete("/jobs/x")?)?, (401, "unauthorized".into()));
    assert_eq!(server.get("/")?.status(), 200);
    assert_eq!(server.get("/health")?.status(), 200);
    let server = server.with_token("other");
    assert_eq!(refusal(server.post("/generate", &order("quick"))?)?, (401, "unauthorized".into()));
    let server = server.with_token("sesame");
    assert_eq!(bytes_of(server.post("/generate", &order("quick"))?)?, PAINTED);
    Ok(())
}

#[test]
fn the_page_is_complete_and_links_nowhere_else() -> TestResult {
    let server = server()?;
    let mut page = server.get("/")?;
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert!(page.headers()["content-security-policy"].to_str()?.starts_with("default-src 'none'"));
    let html = page.body_mut().read_to_string()?;
    assert!(!html.contains("//"), "an address elsewhere");
    let linked: Vec<&str> = html
        .split(['"'])
        .filter(|word| [".js", ".css"].iter().any(|ending| word.ends_with(ending)))
        .collect();
    assert_eq!(linked, ["style.css", "app.js"]);
    for name in linked.into_iter().chain(["client.js", "glb.js", "viewer.js"]) {
        let file = server.get(&format!("/{name}"))?;
        assert_eq!(file.status(), 200, "{name}");
        assert!(file.headers()["content-type"].to_str()?.starts_with("text/"), "{name}");
    }
    Ok(())
}

#[test]
fn health_counts_the_jobs() -> TestResult {
    let server = server()?;
    let idle = json!({ "status": "ok", "waiting": 0, "running": 0 });
    assert_eq!(json_of(server.get("/health")?)?, idle);
    let uids = [server.send(&order("long"))?, server.send(&order("slow"))?, server.send(&order("slow"))?];
    let busy = json!({ "status": "ok", "waiting": 2, "running": 1 });
    common::wait_until(|| Ok((json_of(server.get("/health")?)? == busy).then_some(())))?;
    for uid in uids {
        server.wait(&uid)?;
    }
    common::wait_until(|| Ok((json_of(server.get("/health")?)? == idle).then_some(())))
}

#[test]
fn finished_jobs_are_forgotten() -> TestResult {
    let options =
        ServerOptions { max_results: 2, max_result_age: Duration::from_secs(2), ..Default::default() };
    let (server, _) = TestServer::fake(options)?;
    let mut uids = Vec::new();
    for _ in 0..3 {
        let uid = server.send(&order("quick"))?;
        server.wait(&uid)?;
        uids.push(uid);
    }
    assert_eq!(refusal(server.get(&format!("/status/{}", uids[0]))?)?, (404, "unknown_job".into()));
    assert_eq!(server.status(&uids[2])?["status"], "completed");
    std::thread::sleep(Duration::from_millis(2100));
    assert_eq!(refusal(server.get(&format!("/status/{}", uids[2]))?)?, (404, "unknown_job".into()));
    Ok(())
}

#[test]
fn a_server_needs_a_painter() {
    let error = PaintServer::new(Vec::new(), ServerOptions::default()).err();
    assert!(matches!(error, Some(StartError::Option { option: "painters", .. })));
}

/// Sends a raw request head, and returns the status line of the answer.
fn status_line(server: &TestServer, head: &str) -> Result<String, Box<dyn std::error::Error>> {
    let mut client = TcpStream::connect(server.address)?;
    client.set_read_timeout(Some(Duration::from_secs(20)))?;
    client.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

#[test]
fn other_hosts_are_refused_for_every_path() -> TestResult {
    let hosts = HostPolicy::LoopbackAnd(vec!["paint.example".into()]);
    let (server, painter) = TestServer::fake(ServerOptions { hosts, ..Default::default() })?;
    for path in ["/", "/health", "/status/x", "/nowhere"] {
        for host in ["evil.example", "evil.example:8081", "localhost.evil.example", ""] {
            let line = status_line(&server, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n"))?;
            assert!(line.contains(" 421 "), "{path} {host}: {line}");
        }
        let line = status_line(&server, &format!("GET {path} HTTP/1.0\r\n"))?;
        assert!(line.contains(" 421 "), "{path} without a host: {line}");
    }
    let body = order("quick").to_string();
    let head = "POST /send HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\n";
    let mut client = TcpStream::connect(server.address)?;
    write!(client, "{head}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())?;
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 421 ") && answer.contains("\"error\":\"host\""), "{answer}");
    assert_eq!(painter.paintings.load(std::sync::atomic::Ordering::SeqCst), 0);
    for host in ["localhost:8081", "127.0.0.1", "[::1]:8081", "Paint.Example"] {
        let line = status_line(&server, &format!("GET /health HTTP/1.1\r\nHost: {host}\r\n"))?;
        assert!(line.contains(" 200 "), "{host}: {line}");
    }
    Ok(())
}

#[test]
fn every_host_is_allowed_on_request() -> TestResult {
    let (server, _) = TestServer::fake(ServerOptions { hosts: HostPolicy::Any, ..Default::default() })?;
    let line = status_line(&server, "GET /health HTTP/1.1\r\nHost: evil.example\r\n")?;
    assert!(line.contains(" 200 "), "{line}");
    Ok(())
}

/// The head of a POST with a large body.
const LARGE_POST: &[u8] =
    b"POST /send HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n";

#[test]
fn a_client_without_the_token_can_send_a_mebibyte_only() -> TestResult {
    let options = ServerOptions { token: Some(Token::new("sesame")), ..Default::default() };
    let (server, _) = TestServer::fake(options)?;
    let mut client = TcpStream::connect(server.address)?;
    client.set_write_timeout(Some(Duration::from_secs(20)))?;
    client.write_all(LARGE_POST)?;
    let chunk = vec![b'A'; 64 << 10];
    let mut sent = 0;
    // The system's buffers take a few mebibytes more than the server reads.
    while sent < 90 << 20 && client.write_all(&chunk).is_ok() {
        sent += chunk.len();
    }
    assert!(sent < 32 << 20, "{sent} bytes were accepted");
    Ok(())
}

#[test]
fn a_trickling_client_without_the_token_is_answered_soon() -> TestResult {
    let options = ServerOptions { token: Some(Token::new("sesame")), ..Default::default() };
    let (server, _) = TestServer::fake(options)?;
    let start = Instant::now();
    let mut client = TcpStream::connect(server.address)?;
    client.set_read_timeout(Some(Duration::from_millis(500)))?;
    client.write_all(LARGE_POST)?;
    let mut answer = [0; 12];
    while start.elapsed() < Duration::from_secs(25) {
        client.write_all(b"A")?;
        if client.read_exact(&mut answer).is_ok() {
            break;
        }
    }
    assert_eq!(&answer, b"HTTP/1.1 401");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    Ok(())
}

#[test]
fn connections_beyond_the_limit_wait() -> TestResult {
    let (server, _) = TestServer::fake(ServerOptions { max_connections: 1, ..Default::default() })?;
    let idle = TcpStream::connect(server.address)?;
    // The idle connection is accepted before the next one.
    std::thread::sleep(Duration::from_millis(200));
    let mut second = TcpStream::connect(server.address)?;
    second.set_read_timeout(Some(Duration::from_millis(500)))?;
    second.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0; 12];
    assert!(second.read_exact(&mut answer).is_err(), "answered beyond the limit");
    drop(idle);
    second.set_read_timeout(Some(Duration::from_secs(20)))?;
    second.read_exact(&mut answer)?;
    assert_eq!(&answer, b"HTTP/1.1 200");
    Ok(())
}
