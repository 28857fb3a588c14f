//! The order of jobs, what stops a painting, and what must not stop the server.

mod common;

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use hunyuan_paint::PaintStage;
use hunyuan_paint_server::{Painter, ServerOptions};
use serde_json::{Value, json};

use common::{FakePainter, PAINTED, TestResult, TestServer, bytes_of, json_of, order, refusal, wait_until};

/// Waits until this many jobs are being painted.
fn wait_for_running(painter: &FakePainter, count: usize) -> TestResult {
    wait_until(|| Ok((painter.running.load(Ordering::SeqCst) == count).then_some(())))
}

#[test]
fn one_painter_paints_one_at_a_time_and_two_paint_two() -> TestResult {
    for painter_count in [1, 2] {
        let painter = Arc::new(FakePainter::default());
        let server = TestServer::new(
            (0..painter_count).map(|_| painter.clone() as Arc<_>).collect(),
            ServerOptions::default(),
        )?;
        let uids = (0..4).map(|_| server.send(&order("slow"))).collect::<Result<Vec<_>, _>>()?;
        for uid in uids {
            assert_eq!(server.wait(&uid)?["status"], "completed");
        }
        assert_eq!(painter.most_running.load(Ordering::SeqCst), painter_count);
        assert_eq!(painter.paintings.load(Ordering::SeqCst), 4);
    }
    Ok(())
}

#[test]
fn a_full_queue_answers_with_retry_after() -> TestResult {
    let (server, painter) = TestServer::fake(ServerOptions { max_queue_length: 2, ..Default::default() })?;
    let running = server.send(&order("endless"))?;
    wait_for_running(&painter, 1)?;
    let waiting = [server.send(&order("quick"))?, server.send(&order("quick"))?];
    for path in ["/send", "/generate"] {
        let refused = server.post(path, &order("quick"))?;
        assert_eq!(refused.headers()["retry-after"], "30");
        assert_eq!(refusal(refused)?, (503, "queue_full".into()));
    }
    // Jobs are accepted again as soon as there is room.
    server.delete(&format!("/jobs/{running}"))?;
    for uid in waiting {
        assert_eq!(server.wait(&uid)?["status"], "completed");
    }
    assert_eq!(bytes_of(server.post("/generate", &order("quick"))?)?, PAINTED);
    Ok(())
}

#[test]
fn a_panic_fails_one_job_only() -> TestResult {
    let (server, _) = TestServer::fake(ServerOptions::default())?;
    assert_eq!(refusal(server.post("/generate", &order("panic"))?)?, (500, "panicked".into()));
    assert_eq!(bytes_of(server.post("/generate", &order("quick"))?)?, PAINTED);
    Ok(())
}

#[test]
fn a_painting_that_takes_too_long_is_stopped() -> TestResult {
    let time_limit = Some(Duration::from_millis(300));
    let (server, painter) = TestServer::fake(ServerOptions { time_limit, ..Default::default() })?;
    assert_eq!(refusal(server.post("/generate", &order("endless"))?)?, (504, "time_limit".into()));
    wait_for_running(&painter, 0)?;
    assert_eq!(painter.stopped_early.load(Ordering::SeqCst), 1);
    // The answer neither waits for a painter that ignores the cancellation, nor changes with its
    // late result.
    let start = Instant::now();
    let uid = server.send(&order("deaf"))?;
    assert_eq!(server.wait(&uid)?["error"], "time_limit");
    assert!(start.elapsed() < Duration::from_millis(3500), "{:?}", start.elapsed());
    wait_for_running(&painter, 0)?;
    assert_eq!(server.status(&uid)?["error"], "time_limit");
    assert_eq!(bytes_of(server.post("/generate", &order("quick"))?)?, PAINTED);
    Ok(())
}

#[test]
fn jobs_are_cancelled_while_they_run_and_while_they_wait() -> TestResult {
    let (server, painter) = TestServer::fake(ServerOptions::default())?;
    let running = server.send(&order("endless"))?;
    wait_for_running(&painter, 1)?;
    let waiting = server.send(&order("quick"))?;
    let last = server.send(&order("quick"))?;
    for uid in [&waiting, &running] {
        let answer = json_of(server.delete(&format!("/jobs/{uid}"))?)?;
        assert_eq!((&answer["status"], &answer["error"]), (&json!("failed"), &json!("cancelled")));
        assert_eq!(refusal(server.get(&format!("/jobs/{uid}/result"))?)?, (410, "cancelled".into()));
    }
    assert_eq!(server.wait(&last)?["status"], "completed");
    assert_eq!(painter.stopped_early.load(Ordering::SeqCst), 1);
    assert_eq!(painter.paintings.load(Ordering::SeqCst), 2, "the cancelled one never began");
    // A finished job cannot be cancelled.
    assert_eq!(json_of(server.delete(&format!("/jobs/{last}"))?)?["status"], "completed");
    Ok(())
}

#[test]
fn a_client_that_disconnects_cancels_its_job() -> TestResult {
    let (server, painter) = TestServer::fake(ServerOptions::default())?;
    let body = order("endless").to_string();
    let mut client = TcpStream::connect(server.address)?;
    write!(
        client,
        "POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    wait_for_running(&painter, 1)?;
    drop(client);
    wait_for_running(&painter, 0)?;
    assert_eq!(painter.stopped_early.load(Ordering::SeqCst), 1);
    Ok(())
}

#[test]
fn a_stalled_body_is_refused() -> TestResult {
    let options = ServerOptions { idle_timeout: Duration::from_millis(200), ..Default::default() };
    let (server, _) = TestServer::fake(options)?;
    let mut client = TcpStream::connect(server.address)?;
    client.set_read_timeout(Some(Duration::from_secs(20)))?;
    client.write_all(
        b"POST /send HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    )?;
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("\"error\":\"body\""), "{answer}");
    Ok(())
}

#[test]
fn a_trickling_body_has_a_deadline() -> TestResult {
    let options = ServerOptions { body_timeout: Duration::from_millis(500), ..Default::default() };
    let (server, _) = TestServer::fake(options)?;
    let mut client = TcpStream::connect(server.address)?;
    client.set_read_timeout(Some(Duration::from_millis(50)))?;
    client.write_all(
        b"POST /send HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{",
    )?;
    let start = Instant::now();
    let mut status = [0; 12];
    while client.read_exact(&mut status).is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "no answer");
        client.write_all(b" ")?;
    }
    assert_eq!(&status, b"HTTP/1.1 400");
    Ok(())
}

#[test]
fn a_painter_goes_on_without_its_geometry_device() -> TestResult {
    let (server, painter) = TestServer::fake(ServerOptions::default())?;
    for mesh in ["geometry lost", "quick"] {
        assert_eq!(bytes_of(server.post("/generate", &order(mesh))?)?, PAINTED);
    }
    assert!(painter.is_geometry_lost());
    Ok(())
}

#[test]
fn requests_are_checked_by_a_painter_that_has_not_retired() -> TestResult {
    let lost = Arc::new(FakePainter::default());
    let alive = Arc::new(FakePainter::default());
    let server = TestServer::new(vec![lost.clone(), alive.clone()], ServerOptions::default())?;
    // One of them gets the job, and retires.
    assert_eq!(refusal(server.post("/generate", &order("lost"))?)?, (500, "device_lost".into()));
    let retired = if lost.works() { alive } else { lost };
    // The answer comes a moment before the painter retires.
    wait_until(|| {
        let before = retired.checks();
        assert_eq!(bytes_of(server.post("/generate", &order("quick"))?)?, PAINTED);
        Ok((retired.checks() == before).then_some(()))
    })?;
    Ok(())
}

#[test]
fn events_are_complete_and_in_order() -> TestResult {
    let (server, painter) = TestServer::fake(ServerOptions::default())?;
    let first = server.send(&order("long"))?;
    wait_for_running(&painter, 1)?;
    let second = server.send(&order("quick"))?;
    let third = server.send(&order("quick"))?;
    let events = thread::scope(|scope| -> Result<Vec<_>, Box<dyn std::error::Error>> {
        let third = scope.spawn(|| server.events(&third).map_err(|error| error.to_string()));
        Ok(third.join().map_err(|_| "panicked")??)
    })?;
    let name = |i: usize| events.get(i).map(|(name, _)| name.as_str());
    assert_eq!(events[0], ("queued".into(), json!({ "ahead": 1 })));
    let begin = events.iter().position(|(name, _)| name == "painting").ok_or("never painted")?;
    assert!(events[..begin].iter().all(|(name, _)| name == "queued"), "{events:?}");
    assert_eq!(name(events.len() - 1), Some("completed"));
    assert_eq!(events[events.len() - 1].1, json!({ "bytes": PAINTED.len() }));
    check_stages(&events[begin + 1..events.len() - 1]);
    // A late client gets all past events.
    let late = server.events(&second)?;
    assert_eq!(late[0].0, "painting");
    check_stages(&late[1..late.len() - 1]);
    assert_eq!(late[late.len() - 1].0, "completed");
    server.wait(&first)?;
    Ok(())
}

/// Checks that every stage reaches its end, in order, with a preview.
fn check_stages(events: &[(String, Value)]) {
    let mut fractions: Vec<(String, f64)> = Vec::new();
    let mut previews: Vec<String> = Vec::new();
    for (name, data) in events {
        let stage = data["stage"].as_str().unwrap_or_default().to_owned();
        match name.as_str() {
            "stage" => fractions.push((stage, data["fraction"].as_f64().unwrap_or(-1.0))),
            "preview" => {
                assert_eq!(data["count"], 2);
                previews.push(stage);
            }
            other => assert_eq!(other, "stage or preview"),
        }
    }
    let order = |name: &str| PaintStage::ALL.iter().position(|stage| stage.name() == name);
    let places: Vec<(Option<usize>, f64)> = fractions.iter().map(|(name, f)| (order(name), *f)).collect();
    assert!(places.is_sorted_by(|a, b| a <= b), "{fractions:?}");
    for stage in PaintStage::ALL {
        assert!(fractions.contains(&(stage.name().to_owned(), 1.0)), "{fractions:?}");
        assert!(previews.iter().any(|name| name == stage.name()), "{previews:?}");
    }
}

#[test]
fn previews_are_images() -> TestResult {
    let (server, _) = TestServer::fake(ServerOptions::default())?;
    let uid = server.send(&order("quick"))?;
    server.wait(&uid)?;
    let response = server.get(&format!("/jobs/{uid}/previews/views/1"))?;
    assert_eq!(response.headers()["content-type"], "image/png");
    assert_eq!(image::load_from_memory(&bytes_of(response)?)?.to_rgb8().dimensions(), (8, 8));
    for missing in ["views/2", "views/x", "views/-1", "nothing/0"] {
        assert_eq!(server.get(&format!("/jobs/{uid}/previews/{missing}"))?.status(), 404);
    }
    Ok(())
}

#[test]
fn a_stopping_server_finishes_what_it_paints() -> TestResult {
    let (server, painter) = TestServer::fake(ServerOptions::default())?;
    let (long, quick) = (order("long"), order("quick"));
    thread::scope(|scope| -> TestResult {
        let running = scope.spawn(|| server.post("/generate", &long));
        wait_for_running(&painter, 1)?;
        let waiting = scope.spawn(|| server.post("/generate", &quick));
        wait_until(|| Ok((json_of(server.get("/health")?)?["waiting"] == 1).then_some(())))?;
        // The waiting job is refused; the running one is finished.
        server.ask_to_stop();
        let waiting = waiting.join().map_err(|_| "panicked")??;
        assert_eq!(waiting.headers()["retry-after"], "30");
        assert_eq!(refusal(waiting)?, (503, "stopping".into()));
        assert_eq!(refusal(server.post("/send", &order("quick"))?)?, (503, "stopping".into()));
        assert_eq!(bytes_of(running.join().map_err(|_| "panicked")??)?, PAINTED);
        Ok(())
    })?;
    assert_eq!(painter.stopped_early.load(Ordering::SeqCst), 0);
    let address = server.address;
    server.stop()?;
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    Ok(())
}

#[test]
fn a_stopping_server_cancels_what_takes_too_long() -> TestResult {
    let shutdown_timeout = Duration::from_millis(200);
    let (server, painter) = TestServer::fake(ServerOptions { shutdown_timeout, ..Default::default() })?;
    server.send(&order("endless"))?;
    wait_for_running(&painter, 1)?;
    let start = Instant::now();
    server.stop()?;
    assert!(start.elapsed() >= shutdown_timeout);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(painter.stopped_early.load(Ordering::SeqCst), 1);
    assert_eq!(painter.running.load(Ordering::SeqCst), 0);
    Ok(())
}

#[test]
fn a_painter_retires_with_its_device_and_the_server_with_its_last_painter() -> TestResult {
    let painters = (0..2).map(|_| Arc::new(FakePainter::default()) as Arc<_>).collect();
    let server = TestServer::new(painters, ServerOptions::default())?;
    assert_eq!(refusal(server.post("/generate", &order("lost"))?)?, (500, "device_lost".into()));
    assert_eq!(bytes_of(server.post("/generate", &order("quick"))?)?, PAINTED);
    // The last answer still arrives before the server ends.
    assert_eq!(refusal(server.post("/generate", &order("lost"))?)?, (500, "device_lost".into()));
    let ended = server.ended().map_err(|error| error.to_string());
    assert!(ended.is_err_and(|error| error.contains("lost its device")));
    Ok(())
}
