//! The HTTP interface with a fake painter, over TCP: what clients of the original do, and what goes wrong.

mod common;

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use hunyuan_paint_server::{PaintServer, ServerError, ServerOptions, Token};
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
    // Not only once.
    assert_eq!(server.status(&uid)?, expected);
    assert_eq!(bytes_of(server.get(&format!("/jobs/{uid}/result"))?)?, PAINTED);
    Ok(())
}

#[test]
fn refusals_say_why() -> TestResult {
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
fn a_failed_job_says_so_in_its_status() -> TestResult {
    let server = server()?;
    let uid = server.send(&order("broken"))?;
    let status = server.wait(&uid)?;
    assert_eq!(status["status"], "failed");
    assert_eq!(status["error"], "painting");
    assert!(status["text"].as_str().is_some_and(|text| text.contains("no paint left")), "{status}");
    assert_eq!(refusal(server.get(&format!("/jobs/{uid}/result"))?)?, (500, "painting".into()));
    Ok(())
}

#[test]
fn unknown_jobs_are_unknown_everywhere() -> TestResult {
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
fn a_body_that_is_too_large_is_refused_and_the_client_sees_it() -> TestResult {
    let max = 4 << 20;
    let (server, painter) = TestServer::fake(ServerOptions { body_bytes_max: max, ..Default::default() })?;
    let with_image = |length: usize| {
        let mut json = order("quick");
        json["image"] = Value::String("A".repeat(length));
        json.to_string()
    };
    for length in [max, 2 * max - 4096] {
        let refused = server.post_bytes("/generate", "application/json", with_image(length))?;
        assert_eq!(refusal(refused)?, (413, "body_too_large".into()));
        // Without an announced length.
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
fn a_token_guards_all_but_the_page() -> TestResult {
    let options = || ServerOptions { token: Some(Token::new("sesame")), ..Default::default() };
    let (server, _) = TestServer::fake(options())?;
    let large = json!({ "mesh": "A".repeat(4 << 20) });
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
fn the_page_comes_whole_and_from_here_alone() -> TestResult {
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
        ServerOptions { results_max: 2, results_age_max: Duration::from_secs(2), ..Default::default() };
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
    assert!(matches!(error, Some(ServerError::Option { option: "painters", .. })));
}
