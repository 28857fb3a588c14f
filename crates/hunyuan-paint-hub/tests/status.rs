//! Error statuses, redirections, options and tokens.

mod server;

use std::{
    net::{Ipv4Addr, TcpListener},
    time::{Duration, Instant},
};

use hunyuan_paint_hub::{HubError, HubOptions, ModelFolder, Token, fetch_folders};
use tempfile::tempdir;

use server::{
    Fault, Server, TestResult, error_of,
    files::{PAINT, UNET, fetch_paint, list, options, repository, tencent},
};

#[test]
fn refused_and_missing_files_are_not_retried() -> TestResult {
    for place in ["api", UNET] {
        for status in [401, 403, 404] {
            let (server, cache) = (Server::new(repository())?, tempdir()?);
            let options = HubOptions { retries: 3, ..options(&server, cache.path()) };
            server.fail(place, Fault::Status(status, None), usize::MAX);
            let error = error_of(fetch_paint(&options))?;
            let text = error.to_string();
            match error {
                HubError::Refused { status: found, .. } => {
                    assert_eq!(found, status);
                    assert!(text.contains("HF_TOKEN"), "{text}");
                }
                HubError::NotFound { .. } => assert_eq!(status, 404),
                error => return Err(error.into()),
            }
            assert!(text.contains("tencent/Hunyuan3D-2"), "{text}");
            let seen = server.take_seen();
            let asked = seen.iter().filter(|seen| seen.method == "GET" && seen.path.contains("unet/diff"));
            assert!(asked.count() <= 2, "the hub's redirection and the CDN's answer, and no retry");
            server.heal();
            fetch_paint(&options)?;
        }
    }
    Ok(())
}

#[test]
fn temporary_errors_are_retried() -> TestResult {
    for place in ["api", UNET] {
        for status in [408, 429, 500, 502, 503, 504] {
            let (server, cache) = (Server::new(repository())?, tempdir()?);
            let patient = HubOptions { retries: 2, ..options(&server, cache.path()) };
            server.fail(place, Fault::Status(status, None), 2);
            fetch_paint(&patient)?;

            let (server, cache) = (Server::new(repository())?, tempdir()?);
            let hasty = HubOptions { retries: 1, ..options(&server, cache.path()) };
            server.fail(place, Fault::Status(status, None), 2);
            let error = error_of(fetch_paint(&hasty))?;
            let HubError::GaveUp { attempts: 2, source } = &error else { return Err(error.into()) };
            assert!(matches!(**source, HubError::Status { status: found, .. } if found == status), "{error}");
            assert!(error.to_string() == "gave up after 2 attempts", "{error}");
            assert!(!cache.path().join("models--tencent--Hunyuan3D-2/refs").exists());
            fetch_paint(&hasty)?;
        }
    }
    Ok(())
}

#[test]
fn other_errors_are_not_retried() -> TestResult {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    server.fail("api", Fault::Status(501, None), 1);
    let error = error_of(fetch_paint(&HubOptions { retries: 5, ..options(&server, cache.path()) }))?;
    assert!(matches!(error, HubError::Status { status: 501, .. }), "{error}");
    Ok(())
}

#[test]
fn retry_after_is_respected() -> TestResult {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    server.fail("api", Fault::Status(429, Some(1)), 1);
    let start = Instant::now();
    fetch_paint(&HubOptions { retries: 1, ..options(&server, cache.path()) })?;
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    Ok(())
}

#[test]
fn an_error_page_is_not_stored_as_a_file() -> TestResult {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    let options = options(&server, cache.path());
    server.fail(UNET, Fault::Body("<html>Sign in to the hotel's network</html>"), 1);
    let error = error_of(fetch_paint(&options))?;
    assert!(matches!(error, HubError::Size { found: 43, .. }), "{error}");
    server.fail("api", Fault::Body("<html>Sign in to the hotel's network</html>"), 1);
    let error = error_of(fetch_paint(&options))?;
    assert!(matches!(error, HubError::Malformed { .. }), "{error}");
    assert!(error.to_string().contains("the description of a repository"), "{error}");
    fetch_paint(&options)?;
    Ok(())
}

#[test]
fn redirections_without_a_valid_target_are_errors() -> TestResult {
    for place in ["api", UNET] {
        let (server, cache) = (Server::new(repository())?, tempdir()?);
        server.fail(place, Fault::Status(302, None), 1);
        let error = error_of(fetch_paint(&options(&server, cache.path())))?;
        assert!(matches!(error, HubError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains("a redirection to"), "{error}");
    }
    Ok(())
}

#[test]
fn a_silent_server_times_out() -> TestResult {
    let (silent, cache) = (TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, tempdir()?);
    let options = HubOptions {
        endpoint: format!("http://{}", silent.local_addr()?),
        stall_timeout: Duration::from_millis(200),
        retries: 1,
        retry_wait: Duration::from_millis(10),
        ..HubOptions::new(cache.path())
    };
    let start = Instant::now();
    let error = error_of(fetch_paint(&options))?;
    let HubError::GaveUp { attempts: 2, source } = &error else { return Err(error.into()) };
    assert!(matches!(**source, HubError::Stalled { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    Ok(())
}

#[test]
fn paths_outside_the_cache_are_rejected() -> TestResult {
    let (server, folder) = (Server::new(repository())?, tempdir()?);
    let options = options(&server, &folder.path().join("cache"));
    for commit in ["../../outside", "", "0123"] {
        server.state().commit = commit.into();
        let error = error_of(fetch_paint(&options))?;
        assert!(matches!(error, HubError::Malformed { .. }), "{error}");
    }
    for name in ["../hunyuan3d-paint-v2-0", "/etc", "", "a//b", "a b", "a?b", "a\\b", "."] {
        let error = error_of(fetch_folders(&tencent()?, &[ModelFolder::multiview(name)], &options))?;
        assert!(
            matches!(&error, HubError::Option { option: "folder", found, .. } if found == name),
            "{error}"
        );
    }
    for revision in ["../main", "", "a#b", "ünder"] {
        let error = error_of(fetch_paint(&HubOptions { revision: revision.into(), ..options.clone() }))?;
        assert!(matches!(error, HubError::Option { option: "revision", .. }), "{error}");
    }
    assert_eq!(list(folder.path())?, [""; 0]);
    Ok(())
}

#[test]
fn invalid_options_are_rejected() -> TestResult {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    let good = options(&server, cache.path());
    for endpoint in
        ["", "huggingface.co", "ftp://huggingface.co", "https://", "https://user@host", "http://a b"]
    {
        let error = error_of(fetch_paint(&HubOptions { endpoint: endpoint.into(), ..good.clone() }))?;
        assert!(matches!(error, HubError::Option { option: "endpoint", .. }), "{endpoint}: {error}");
    }
    let error = error_of(fetch_paint(&HubOptions { stall_timeout: Duration::ZERO, ..good.clone() }))?;
    assert!(matches!(error, HubError::Option { option: "stall_timeout", .. }), "{error}");
    for token in ["", "hf_ two", "hf_\r\nx-evil: 1"] {
        let error = error_of(Token::new(token))?;
        assert!(!error.to_string().contains("hf_"), "{error}");
    }
    Ok(())
}

#[test]
fn a_revision_may_contain_a_slash() -> TestResult {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    let endpoint = format!("{}/", server.endpoint());
    let options = HubOptions { endpoint, revision: "refs/pr/7".into(), ..options(&server, cache.path()) };
    fetch_paint(&options)?;
    assert_eq!(server.take_seen()[0].path, "/api/models/tencent/Hunyuan3D-2/revision/refs%2Fpr%2F7");
    assert!(cache.path().join("models--tencent--Hunyuan3D-2/refs/refs/pr/7").is_file());
    assert!(fetch_paint(&HubOptions { offline: true, ..options })?.join(PAINT).is_dir());
    Ok(())
}

#[test]
fn the_token_is_sent_to_the_hub_only() -> TestResult {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    server.state().token = Some("hf_secret".into());
    let open = options(&server, cache.path());
    let error = error_of(fetch_paint(&open))?;
    assert!(matches!(error, HubError::Refused { status: 401, .. }), "{error}");
    let options = HubOptions { token: Some(Token::new("hf_secret")?), ..open };
    assert!(!format!("{options:?}").contains("secret"));
    server.take_seen();
    server.fail(UNET, Fault::HangUpAfter(10), 1);
    let error = error_of(fetch_paint(&options))?;
    assert!(!format!("{error:?} {error}").contains("secret"), "{error:?}");
    fetch_paint(&options)?;
    let seen = server.take_seen();
    let (cdn, hub): (Vec<_>, Vec<_>) = seen.into_iter().partition(|seen| seen.on_cdn);
    assert_eq!(cdn.len(), 3, "the UNet's weights twice, the autoencoder's once: {cdn:?}");
    assert!(cdn.iter().all(|seen| seen.authorization.is_none()), "{cdn:?}");
    assert!(hub.iter().all(|seen| seen.authorization.as_deref() == Some("Bearer hf_secret")), "{hub:?}");
    assert!(
        hub.iter().any(|seen| seen.path.contains("/resolve-cache/")),
        "also after a redirection within the hub"
    );
    // Errors of the CDN show neither the token nor the signature of the CDN's address.
    let other = tempdir()?;
    server.fail(UNET, Fault::Status(403, None), 1);
    let options = HubOptions { cache: other.path().into(), ..options };
    let refused = error_of(fetch_paint(&options))?;
    assert!(matches!(refused, HubError::Refused { status: 403, .. }), "{refused}");
    server.fail(UNET, Fault::NoAnswer, 1);
    let broken = error_of(fetch_paint(&options))?;
    assert!(matches!(broken, HubError::Connection { .. }), "{broken}");
    for error in [refused, broken] {
        assert!(error.to_string().contains("http://localhost:"), "{error}");
        assert!(!format!("{error:?} {error}").contains("secret"), "{error:?}");
    }
    Ok(())
}
