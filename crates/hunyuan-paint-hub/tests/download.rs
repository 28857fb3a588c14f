//! The downloaded files, their places, and the use of the network.

mod server;

use std::{
    collections::BTreeMap,
    fs,
    ops::ControlFlow,
    path::Path,
    sync::{Arc, Mutex},
};

use hunyuan_paint_hub::{DownloadCallback, HubError, HubOptions, ModelFolder, fetch_folders};
use tempfile::tempdir;

use server::{
    COMMIT, Fault, Server, TestResult, error_of,
    files::{
        DELIGHT, DELIGHT_FILES, PAINT, PAINT_FILES, UNET, blob, fetch_paint, list, options, repository,
        tencent,
    },
    lock,
};

fn assert_same_as_published(snapshot: &Path, server: &Server, expected: &[String]) -> TestResult {
    assert_eq!(list(snapshot)?, expected);
    for path in expected {
        assert_eq!(fs::read(snapshot.join(path))?, server.state().files[path], "{path}");
    }
    Ok(())
}

fn paths(folder: &str, files: &[&str]) -> Vec<String> {
    files.iter().map(|file| format!("{folder}/{file}")).collect()
}

fn both() -> [ModelFolder<'static>; 2] {
    [ModelFolder::multiview(PAINT), ModelFolder::instruct_pix2pix(DELIGHT).optional()]
}

#[test]
fn only_the_needed_files_are_downloaded() -> TestResult {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    let snapshot = fetch_folders(&tencent()?, &both(), &options(&server, cache.path()))?;
    let expected = [paths(DELIGHT, &DELIGHT_FILES), paths(PAINT, &PAINT_FILES)].concat();
    assert_same_as_published(&snapshot, &server, &expected)?;
    let sizes = expected.iter().map(|path| server.state().files[path].len()).sum::<usize>();
    assert_eq!(server.take_sent(), sizes);
    Ok(())
}

#[test]
fn the_cache_has_the_layout_of_the_hubs_clients() -> TestResult {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    let snapshot = fetch_paint(&options(&server, cache.path()))?;
    let root = cache.path().join("models--tencent--Hunyuan3D-2");
    assert_eq!(snapshot, root.join("snapshots").join(COMMIT));
    assert_eq!(fs::read_to_string(root.join("refs/main"))?, COMMIT);
    let mut blobs: Vec<_> = paths(PAINT, &PAINT_FILES)
        .iter()
        .map(|path| server::hash(path, &server.state().files[path]))
        .collect();
    blobs.sort();
    assert_eq!(list(&root.join("blobs"))?, blobs, "no partial file is left");
    if cfg!(unix) {
        let target = fs::read_link(snapshot.join(UNET))?;
        let hash = server::hash(UNET, &server.state().files[UNET]);
        assert_eq!(target, Path::new("../../../../blobs").join(hash));
    }
    Ok(())
}

#[test]
fn a_second_call_requests_the_revision_only() -> TestResult {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    let options = options(&server, cache.path());
    let snapshot = fetch_paint(&options)?;
    server.take_seen();
    assert_eq!(fetch_paint(&options)?, snapshot);
    let seen = server.take_seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].path, "/api/models/tencent/Hunyuan3D-2/revision/main");
    // The delight model is still missing: only that is downloaded.
    server.take_sent();
    fetch_folders(&tencent()?, &both(), &options)?;
    assert!(!server.state().sent.keys().any(|path| path.starts_with(PAINT)), "{:?}", server.state().sent);
    Ok(())
}

#[test]
fn the_cache_is_used_without_a_network() -> TestResult {
    let cache = tempdir()?;
    let (first, options) = {
        let server = Server::new(repository())?;
        let options = options(&server, cache.path());
        (fetch_paint(&options)?, options)
    };
    // No server listens on this port.
    let dead = HubOptions { endpoint: "http://127.0.0.1:9".into(), ..options.clone() };
    assert_eq!(fetch_paint(&dead)?, first);
    assert_eq!(fetch_folders(&tencent()?, &both(), &dead)?, first, "the delight model is optional");
    let offline = HubOptions { offline: true, ..dead.clone() };
    assert_eq!(fetch_paint(&offline)?, first);

    let delight = [ModelFolder::instruct_pix2pix(DELIGHT)];
    let error = error_of(fetch_folders(&tencent()?, &delight, &offline))?;
    assert!(matches!(error, HubError::NotCached { .. }));
    let text = error.to_string();
    assert!(text.contains("hunyuan3d-delight-v2-0/tokenizer/vocab.json"), "{text}");
    assert!(text.contains(&*cache.path().to_string_lossy()), "{text}");
    let error = error_of(fetch_folders(&tencent()?, &delight, &dead))?;
    assert!(matches!(error, HubError::Connection { .. }), "{error}");
    Ok(())
}

#[test]
fn a_commit_in_the_cache_needs_no_network() -> TestResult {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    let pinned = HubOptions { revision: COMMIT.into(), ..options(&server, cache.path()) };
    let snapshot = fetch_paint(&pinned)?;
    assert!(snapshot.ends_with(COMMIT));
    server.take_seen();
    assert_eq!(fetch_paint(&pinned)?, snapshot);
    assert_eq!(server.take_seen().len(), 0);
    fetch_folders(&tencent()?, &both(), &pinned)?;
    assert!(snapshot.join(DELIGHT).is_dir(), "what is optional is still looked for");
    Ok(())
}

#[test]
fn only_changes_of_a_new_commit_are_downloaded() -> TestResult {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    let options = options(&server, cache.path());
    let old = fetch_paint(&options)?;
    server.take_sent();
    let vae = format!("{PAINT}/vae/diffusion_pytorch_model.bin");
    server.state().files.insert(vae.clone(), b"a new one".to_vec());
    server.state().commit = "f".repeat(40);
    let new = fetch_paint(&options)?;
    assert!(new.ends_with("f".repeat(40)));
    assert_eq!(server.take_sent(), b"a new one".len());
    assert_eq!(fs::read(new.join(&vae))?, b"a new one");
    assert_eq!(fs::read(old.join(&vae))?.len(), 20_000, "the old commit stays as it was");
    Ok(())
}

#[test]
fn the_old_commit_stays_until_the_new_one_is_complete() -> TestResult {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    let options = options(&server, cache.path());
    let old = fetch_paint(&options)?;
    server.state().commit = "f".repeat(40);
    server.state().files.insert(UNET.into(), vec![1; 1000]);
    server.fail(UNET, Fault::HangUpAfter(10), 1);
    assert!(fetch_paint(&options).is_err());
    assert_eq!(fetch_paint(&HubOptions { offline: true, ..options })?, old);
    Ok(())
}

#[test]
fn equal_content_is_downloaded_once() -> TestResult {
    let mut files = repository();
    files.insert(format!("{DELIGHT}/unet/diffusion_pytorch_model.safetensors"), files[UNET].clone());
    let (server, cache) = (Server::new(files)?, tempdir()?);
    let snapshot = fetch_folders(&tencent()?, &both(), &options(&server, cache.path()))?;
    let sent = server.state().sent.clone();
    let counts = sent.iter().filter(|(path, _)| path.ends_with("unet/diffusion_pytorch_model.safetensors"));
    assert_eq!(counts.count(), 1, "{sent:?}");
    assert_eq!(
        fs::read(snapshot.join(UNET))?,
        fs::read(snapshot.join(DELIGHT).join("unet/diffusion_pytorch_model.safetensors"))?
    );
    Ok(())
}

#[test]
fn the_preferred_weight_file_is_downloaded() -> TestResult {
    let names = |stem: &str| {
        [".safetensors", ".bin", ".fp16.safetensors", ".fp16.bin"]
            .map(|end| format!("{PAINT}/unet/{stem}{end}"))
    };
    let mut files: BTreeMap<_, _> = repository();
    let all = names("diffusion_pytorch_model");
    files.extend(all.iter().map(|path| (path.clone(), path.clone().into_bytes())));
    for first in 0..4 {
        let (server, cache) = (Server::new(files.clone())?, tempdir()?);
        let snapshot = fetch_paint(&options(&server, cache.path()))?;
        let there: Vec<_> = all.iter().filter(|path| snapshot.join(path).exists()).collect();
        assert_eq!(there, [&all[first]]);
        files.remove(&all[first]);
    }
    let (server, cache) = (Server::new(files)?, tempdir()?);
    let error = error_of(fetch_paint(&options(&server, cache.path())))?;
    assert!(matches!(error, HubError::NotInRepository { .. }));
    assert!(error.to_string().contains(".safetensors or diffusion_pytorch_model.bin or"), "{error}");
    Ok(())
}

#[test]
fn missing_files_are_named_before_any_download() -> TestResult {
    let mut files = repository();
    files.retain(|path, _| !path.starts_with(DELIGHT));
    let (server, cache) = (Server::new(files)?, tempdir()?);
    let options = options(&server, cache.path());
    let snapshot = fetch_folders(&tencent()?, &both(), &options)?;
    assert!(!snapshot.join(DELIGHT).exists());
    let error = error_of(fetch_folders(&tencent()?, &[ModelFolder::instruct_pix2pix(DELIGHT)], &options))?;
    assert!(matches!(error, HubError::NotInRepository { .. }));
    assert!(error.to_string().contains("hunyuan3d-delight-v2-0/text_encoder/config.json"), "{error}");
    // An incomplete optional folder is an error.
    server.state().files.insert(format!("{DELIGHT}/unet/config.json"), Vec::new());
    server.take_sent();
    let error = error_of(fetch_folders(&tencent()?, &both(), &options))?;
    assert!(matches!(error, HubError::NotInRepository { .. }));
    assert_eq!(server.take_sent(), 0);
    Ok(())
}

#[test]
fn progress_counts_to_the_last_byte() -> TestResult {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    let reports = Arc::new(Mutex::new(Vec::new()));
    let sink = reports.clone();
    let on_progress = DownloadCallback::new(move |progress| {
        let report = (
            progress.file.to_owned(),
            progress.bytes,
            progress.total,
            progress.all_bytes,
            progress.all_total,
        );
        lock(&sink).push(report);
        ControlFlow::Continue(())
    });
    fetch_paint(&HubOptions { on_progress: Some(on_progress), ..options(&server, cache.path()) })?;
    let reports = lock(&reports);
    let all = reports[0].4;
    let sizes: usize = paths(PAINT, &PAINT_FILES).iter().map(|path| server.state().files[path].len()).sum();
    assert_eq!(all as usize, sizes);
    assert!(reports.is_sorted_by_key(|report| report.3), "{reports:?}");
    assert!(reports.iter().all(|report| report.1 <= report.2 && report.4 == all));
    let last = reports.last().cloned();
    assert_eq!(last, Some((UNET.into(), 300_000, 300_000, all, all)), "the largest file comes last");
    Ok(())
}

#[test]
fn empty_files_and_removed_blobs_are_handled() -> TestResult {
    let mut files = repository();
    let config = format!("{PAINT}/model_index.json");
    files.insert(config.clone(), Vec::new());
    let (server, cache) = (Server::new(files)?, tempdir()?);
    let options = options(&server, cache.path());
    let snapshot = fetch_paint(&options)?;
    assert_eq!(fs::read(snapshot.join(&config))?, b"");
    // The link is dangling.
    fs::remove_file(blob(cache.path(), &server, UNET).0)?;
    server.take_sent();
    assert_eq!(fetch_paint(&options)?, snapshot);
    assert_eq!(server.take_sent(), 300_000);
    assert_eq!(fs::read(snapshot.join(UNET))?, server.state().files[UNET]);
    Ok(())
}

#[test]
fn every_file_of_the_small_checkpoint_is_needed() -> TestResult {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hunyuan-paint-testkit/cases/model_tiny");
    let mut files = BTreeMap::new();
    for path in list(&model)? {
        files.insert(path.clone(), fs::read(model.join(path))?);
    }
    let (server, cache) = (Server::new(files.clone())?, tempdir()?);
    let folders = [&both()[..], &[ModelFolder::multiview("hunyuan3d-paint-v2-0-turbo")]].concat();
    let snapshot = fetch_folders(&tencent()?, &folders, &options(&server, cache.path()))?;
    assert_same_as_published(&snapshot, &server, &files.into_keys().collect::<Vec<_>>())
}
