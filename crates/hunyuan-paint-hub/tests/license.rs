//! The license callback: when it is called, with what, and what a refusal stops.

mod server;

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex},
};

use hunyuan_paint_hub::{HubError, HubOptions, License, LicenseCallback, ModelFolder, fetch_folders};
use serde_json::json;
use tempfile::tempdir;

use server::{
    Fault, Server, TestResult, error_of,
    files::{DELIGHT, PAINT, UNET, fetch_paint, list, options, repository, tencent},
    lock,
};

/// Creates a callback that records its licenses.
fn listener(answer: ControlFlow<()>) -> (Option<LicenseCallback>, Arc<Mutex<Vec<License>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = told.clone();
    let callback = LicenseCallback::new(move |license| {
        lock(&sink).push(license.clone());
        answer
    });
    (Some(callback), told)
}

#[test]
fn a_refusal_stops_before_any_file() -> TestResult {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    let (on_license, told) = listener(ControlFlow::Break(()));
    let options = HubOptions { on_license, ..options(&server, cache.path()) };
    for attempt in 1..=2 {
        let error = error_of(fetch_paint(&options))?;
        let text = error.to_string();
        let HubError::LicenseRefused { license } = error else { return Err(error.into()) };
        assert_eq!(license.name, "Tencent Hunyuan 3D 2.0 Community License");
        assert!(text.starts_with("nothing was downloaded because the license was not accepted"), "{text}");
        assert!(text.contains(&license.name) && text.contains(&license.address), "{text}");
        assert!(text.contains("European Union, the United Kingdom and South Korea"), "{text}");
        assert_eq!(lock(&told).len(), attempt, "it is asked again");
    }
    let seen = server.take_seen();
    assert!(seen.iter().all(|seen| seen.path.starts_with("/api/models/")), "{seen:?}");
    assert_eq!(list(cache.path())?, [""; 0]);
    Ok(())
}

#[test]
fn the_callback_is_called_once_per_commit() -> TestResult {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    let (on_license, told) = listener(ControlFlow::Continue(()));
    let options = HubOptions { on_license, ..options(&server, cache.path()) };
    server.fail(UNET, Fault::HangUpAfter(10), 1);
    assert!(fetch_paint(&options).is_err());
    assert_eq!(lock(&told).len(), 1);
    // The rest of a download, a repetition, and another folder.
    fetch_paint(&options)?;
    fetch_paint(&options)?;
    let both = [ModelFolder::multiview(PAINT), ModelFolder::instruct_pix2pix(DELIGHT)];
    fetch_folders(&tencent()?, &both, &options)?;
    assert_eq!(lock(&told).len(), 1);
    // Another commit may have another license.
    server.state().commit = "f".repeat(40);
    fetch_paint(&options)?;
    assert_eq!(lock(&told).len(), 2);
    Ok(())
}

#[test]
fn other_models_have_the_license_of_their_page() -> TestResult {
    let files: Vec<_> = repository().into_iter().collect();
    let rename = |(path, content): (String, Vec<u8>)| (path.replace(PAINT, "my-model"), content);
    let server = Server::new(files.into_iter().map(rename).collect())?;
    let page = format!("{}/someone/else", server.endpoint());
    let cases = [
        (json!(null), "not named on its page", page.as_str()),
        (json!("a text"), "not named on its page", &page),
        (json!({ "license_name": 7 }), "not named on its page", &page),
        (json!({ "license": "mit" }), "mit", &page),
        (json!({ "license": ["mit", "apache-2.0"] }), "mit, apache-2.0", &page),
        (
            json!({ "license": "other", "license_name": "openrail++", "license_link": "LICENSE" }),
            "openrail++",
            &page,
        ),
        (
            json!({ "license_name": "own", "license_link": "https://example.org/l" }),
            "own",
            "https://example.org/l",
        ),
    ];
    for (card, name, address) in cases {
        let cache = tempdir()?;
        server.state().card = card;
        let (on_license, told) = listener(ControlFlow::Continue(()));
        let options = HubOptions { on_license, ..options(&server, cache.path()) };
        fetch_folders(&"someone/else".parse()?, &[ModelFolder::multiview("my-model")], &options)?;
        let told = lock(&told);
        assert_eq!((told[0].name.as_str(), told[0].address.as_str()), (name, address));
        assert_eq!(told[0].repository, "someone/else".parse()?);
    }
    Ok(())
}
