//! A server that stalls, truncates and lies: the error, the cache after it, and the next call
//! without the fault.

mod server;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use hunyuan_paint_hub::{HubError, HubOptions};
use tempfile::{TempDir, tempdir};

use server::{
    COMMIT, Fault, Server, TestResult, error_of,
    files::{PAINT, UNET, UNET_SIZE, blob, cancel_at, fetch_paint, list, options, repository},
};

/// Creates a server, and a cache that lacks only the weights of the `UNet`.
fn all_but_the_unet() -> Result<(Server, TempDir, HubOptions), Box<dyn std::error::Error>> {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    let options = options(&server, cache.path());
    error_of(fetch_paint(&HubOptions { on_progress: cancel_at(UNET, 0), ..options.clone() }))?;
    server.take_sent();
    server.take_seen();
    Ok((server, cache, options))
}

/// Checks that neither the snapshot nor the blobs have the file, and that `waiting` bytes can be
/// resumed.
fn assert_absent(server: &Server, cache: &Path, waiting: Option<usize>) -> TestResult {
    let (blob, partial) = blob(cache, server, UNET);
    assert!(!blob.exists());
    let snapshot = cache.join("models--tencent--Hunyuan3D-2/snapshots").join(COMMIT);
    assert!(snapshot.join(UNET).symlink_metadata().is_err());
    assert!(!cache.join("models--tencent--Hunyuan3D-2/refs/main").exists());
    assert_eq!(fs::metadata(partial).ok().map(|metadata| metadata.len() as usize), waiting);
    Ok(())
}

/// Checks that the next call gets the file, and that `sent` bytes are transferred.
fn assert_recovers(server: &Server, options: &HubOptions, sent: usize) -> TestResult {
    server.heal();
    server.take_sent();
    let snapshot = fetch_paint(options)?;
    assert_eq!(server.take_sent(), sent);
    assert_eq!(fs::read(snapshot.join(UNET))?, server.state().files[UNET]);
    let left = list(&options.cache)?
        .into_iter()
        .filter(|path| path.contains(".incomplete") || path.contains(".tmp"));
    assert_eq!(left.collect::<Vec<_>>(), [""; 0]);
    Ok(())
}

#[test]
fn a_stalled_transfer_times_out_and_resumes() -> TestResult {
    let (server, cache, options) = all_but_the_unet()?;
    server.fail(UNET, Fault::StallAfter(100_000), 1);
    let hasty = HubOptions { stall_timeout: Duration::from_secs(1), ..options.clone() };
    let start = Instant::now();
    let error = error_of(fetch_paint(&hasty))?;
    let waited = start.elapsed();
    assert!(matches!(error, HubError::Stalled { .. }), "{error}");
    assert!(
        error.to_string().contains(UNET) && error.to_string().contains("no byte arrived for 1 s"),
        "{error}"
    );
    assert!(waited >= hasty.stall_timeout && waited < options.stall_timeout, "{waited:?}");
    assert_absent(&server, cache.path(), Some(100_000))?;
    assert_recovers(&server, &options, UNET_SIZE - 100_000)
}

#[test]
fn a_truncated_transfer_resumes() -> TestResult {
    let (server, cache, options) = all_but_the_unet()?;
    server.fail(UNET, Fault::HangUpAfter(200_000), 1);
    let error = error_of(fetch_paint(&options))?;
    assert!(matches!(error, HubError::Truncated { expected: 300_000, found: 200_000, .. }), "{error}");
    assert_eq!(error.to_string(), format!("{UNET}: the transfer ended after 200000 of 300000 bytes"));
    assert_absent(&server, cache.path(), Some(200_000))?;
    server.take_seen();
    assert_recovers(&server, &options, UNET_SIZE - 200_000)?;
    let ranges: Vec<_> = server.take_seen().into_iter().filter_map(|seen| seen.range).collect();
    assert_eq!(ranges, ["bytes=200000-", "bytes=200000-"], "the hub's and the CDN's");
    Ok(())
}

#[test]
fn retries_resume_and_are_counted() -> TestResult {
    let (server, cache, mut options) = all_but_the_unet()?;
    options.retries = 2;
    server.fail(UNET, Fault::HangUpAfter(50_000), 2);
    server.take_sent();
    fetch_paint(&options)?;
    assert_eq!(server.take_sent(), UNET_SIZE, "not one byte twice");

    let (server, other, mut options) = all_but_the_unet()?;
    options.retries = 2;
    server.fail(UNET, Fault::HangUpAfter(50_000), 3);
    let error = error_of(fetch_paint(&options))?;
    let HubError::GaveUp { attempts: 3, source } = &error else { return Err(error.into()) };
    assert!(matches!(**source, HubError::Truncated { found: 150_000, .. }), "{error}");
    assert_absent(&server, other.path(), Some(150_000))?;
    drop(cache);
    assert_recovers(&server, &options, UNET_SIZE - 150_000)
}

#[test]
fn wrong_bytes_are_removed() -> TestResult {
    let (server, cache, options) = all_but_the_unet()?;
    server.fail(UNET, Fault::WrongBytes, 1);
    let error = error_of(fetch_paint(&options))?;
    let HubError::Hash { file, algorithm, expected, found } = &error else { return Err(error.into()) };
    assert_eq!((file.as_str(), *algorithm), (UNET, "SHA-256"));
    assert_eq!(*expected, server::hash(UNET, &server.state().files[UNET]));
    let wrong: Vec<_> = server.state().files[UNET].iter().map(|byte| byte ^ 0x55).collect();
    assert_eq!(*found, server::hash(UNET, &wrong));
    assert!(error.to_string().contains(expected) && error.to_string().contains(found), "{error}");
    assert_absent(&server, cache.path(), None)?;
    assert_recovers(&server, &options, UNET_SIZE)
}

#[test]
fn wrong_bytes_of_a_small_file_are_removed() -> TestResult {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    let (options, config) = (options(&server, cache.path()), format!("{PAINT}/unet/config.json"));
    server.fail(&config, Fault::WrongBytes, 1);
    let error = error_of(fetch_paint(&options))?;
    assert!(
        matches!(&error, HubError::Hash { algorithm: "Git SHA-1", file, .. } if *file == config),
        "{error}"
    );
    let (blob, partial) = blob(cache.path(), &server, &config);
    assert!(!blob.exists() && !partial.exists());
    server.heal();
    fetch_paint(&options)?;
    Ok(())
}

#[test]
fn a_damaged_partial_download_is_replaced() -> TestResult {
    let (server, cache, options) = all_but_the_unet()?;
    let (_, partial) = blob(cache.path(), &server, UNET);
    // Short and wrong; of the right length and wrong; too long.
    for (content, sent) in [
        (vec![9; 1000], 2 * UNET_SIZE - 1000),
        (vec![9; UNET_SIZE], UNET_SIZE),
        (vec![9; UNET_SIZE + 1], UNET_SIZE),
    ] {
        let (blob, _) = blob(cache.path(), &server, UNET);
        if blob.exists() {
            fs::remove_file(&blob)?;
        }
        fs::write(&partial, content)?;
        assert_recovers(&server, &options, sent)?;
    }
    // Complete, but not yet in its place: nothing is transferred.
    fs::rename(self::blob(cache.path(), &server, UNET).0, &partial)?;
    assert_recovers(&server, &options, 0)
}

#[test]
fn a_blob_of_another_size_is_replaced() -> TestResult {
    let (server, cache, options) = all_but_the_unet()?;
    fs::write(blob(cache.path(), &server, UNET).0, "cut short by a full disk")?;
    assert_recovers(&server, &options, UNET_SIZE)
}

#[test]
fn a_server_without_ranges_is_supported() -> TestResult {
    let (server, cache, options) = all_but_the_unet()?;
    server.fail(UNET, Fault::HangUpAfter(200_000), 1);
    error_of(fetch_paint(&options))?;
    server.take_sent();
    server.fail(UNET, Fault::IgnoreRange, 1);
    let snapshot = fetch_paint(&options)?;
    assert_eq!(server.take_sent(), UNET_SIZE);
    assert_eq!(fs::read(snapshot.join(UNET))?, server.state().files[UNET]);

    fs::remove_file(blob(cache.path(), &server, UNET).0)?;
    server.fail(UNET, Fault::HangUpAfter(200_000), 1);
    error_of(fetch_paint(&options))?;
    server.fail(UNET, Fault::WrongRange, 1);
    let error = error_of(fetch_paint(&options))?;
    assert!(matches!(error, HubError::Malformed { .. }), "{error}");
    assert!(error.to_string().contains("bytes 200001-299999/300000"), "{error}");
    assert_recovers(&server, &options, UNET_SIZE - 200_000)
}

#[test]
fn wrong_sizes_are_errors() -> TestResult {
    let lies: [(&str, Fault, u64); 2] = [
        ("more than announced", Fault::Excess(5000), 0),
        ("another length", Fault::WrongLength(299_999), 299_999),
    ];
    for (name, fault, announced) in lies {
        let (server, cache, options) = all_but_the_unet()?;
        server.fail(UNET, fault, 1);
        let error = error_of(fetch_paint(&options))?;
        let HubError::Size { file, expected: 300_000, found } = &error else { return Err(error.into()) };
        assert!(file == UNET && (*found > 300_000 || *found == announced), "{name}: {error}");
        assert_absent(&server, cache.path(), None)?;
        assert_recovers(&server, &options, UNET_SIZE)?;
    }
    // The hub announces another size than the CDN.
    let (server, cache, options) = all_but_the_unet()?;
    server.state().stated_sizes.insert(UNET.into(), usize::MAX);
    let vae = format!("{PAINT}/vae/diffusion_pytorch_model.bin");
    fs::remove_file(blob(cache.path(), &server, &vae).0)?;
    server.state().stated_sizes.insert(vae.clone(), usize::MAX);
    let error = error_of(fetch_paint(&options))?;
    assert!(matches!(error, HubError::Size { found: 20_000 | 300_000, .. }), "{error}");
    let (server, cache, options) = all_but_the_unet()?;
    server.state().stated_sizes.insert(UNET.into(), 300_001);
    let error = error_of(fetch_paint(&options))?;
    assert!(matches!(error, HubError::Size { expected: 300_001, found: 300_000, .. }), "{error}");
    assert_absent(&server, cache.path(), None)?;
    assert_recovers(&server, &options, UNET_SIZE)
}

#[test]
fn a_file_without_a_hash_is_refused() -> TestResult {
    let (server, cache, options) = all_but_the_unet()?;
    server.state().stated_hashes.insert(UNET.into(), "5d41402abc4b2a76b9719d911017c592-3".into());
    let error = error_of(fetch_paint(&options))?;
    assert!(matches!(error, HubError::Malformed { .. }), "{error}");
    assert!(error.to_string().contains(UNET) && error.to_string().contains("592-3"), "{error}");
    assert_eq!(server.take_sent(), 0);
    assert_absent(&server, cache.path(), Some(0))?;
    assert_recovers(&server, &options, UNET_SIZE)
}

#[test]
fn a_cancelled_transfer_resumes() -> TestResult {
    let (server, cache, options) = all_but_the_unet()?;
    let stop = HubOptions { on_progress: cancel_at(UNET, 1), ..options.clone() };
    assert!(matches!(fetch_paint(&stop), Err(HubError::Cancelled)));
    let waiting = fs::metadata(blob(cache.path(), &server, UNET).1)?.len() as usize;
    assert!(waiting > 0 && waiting < UNET_SIZE, "{waiting}");
    assert_absent(&server, cache.path(), Some(waiting))?;
    assert_recovers(&server, &options, UNET_SIZE - waiting)
}

#[test]
fn an_unwritable_cache_is_named() -> TestResult {
    let (server, folder) = (Server::new(repository())?, tempdir()?);
    let file = folder.path().join("a file");
    fs::write(&file, "")?;
    let error = error_of(fetch_paint(&options(&server, &file)))?;
    assert!(matches!(&error, HubError::Io { path, .. } if path.starts_with(&file)), "{error}");
    Ok(())
}
