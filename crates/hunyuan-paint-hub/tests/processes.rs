//! Several processes with their own environments. The test has no harness, because it starts itself
//! as a child.

mod server;

use std::{
    env,
    error::Error,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

use hunyuan_paint_hub::HubOptions;
use tempfile::tempdir;

use server::{
    Fault, Server, TestResult, error_of,
    files::{UNET, UNET_SIZE, blob, fetch_paint, repository},
};

/// Makes this program download the paint model according to its environment, and print the folder.
const CHILD: &str = "HUNYUAN_PAINT_HUB_TEST_CHILD";

fn main() -> TestResult {
    if env::var_os(CHILD).is_some() {
        let snapshot = fetch_paint(&HubOptions::from_env()?)?;
        return Ok(io::stdout().write_all(snapshot.to_string_lossy().as_bytes())?);
    }
    the_environment_is_honored()?;
    untrusted_certificates_are_refused()?;
    several_processes_share_one_download()?;
    the_next_process_resumes_after_a_killed_one()
}

/// Starts a child with only the given environment.
fn child(server: &Server, variables: &[(&str, &Path)]) -> Result<Child, Box<dyn Error>> {
    let mut command = Command::new(env::current_exe()?);
    command.env_clear().env(CHILD, "1").env("HF_ENDPOINT", server.endpoint()).envs(variables.iter().copied());
    Ok(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
}

fn snapshot(output: Output) -> Result<PathBuf, Box<dyn Error>> {
    if !output.status.success() {
        return Err(String::from_utf8(output.stderr)?.into());
    }
    Ok(PathBuf::from(String::from_utf8(output.stdout)?))
}

fn the_environment_is_honored() -> TestResult {
    let (server, home) = (Server::new(repository())?, tempdir()?);
    server.state().token = Some("hf_of_the_file".into());
    fs::write(home.path().join("token"), "hf_of_the_file")?;
    let folder = snapshot(child(&server, &[("HF_HOME", home.path())])?.wait_with_output()?)?;
    assert!(folder.starts_with(home.path().join("hub/models--tencent--Hunyuan3D-2/snapshots")), "{folder:?}");
    assert_eq!(fs::read(folder.join(UNET))?, server.state().files[UNET]);

    server.take_seen();
    let offline = [("HF_HOME", home.path()), ("HF_HUB_OFFLINE", Path::new("1"))];
    assert_eq!(snapshot(child(&server, &offline)?.wait_with_output()?)?, folder);
    assert_eq!(server.take_seen().len(), 0);

    let other = tempdir()?;
    let variables =
        [("HF_HOME", home.path()), ("HF_HUB_CACHE", other.path()), ("HF_TOKEN", Path::new("hf_wrong"))];
    let error = error_of(snapshot(child(&server, &variables)?.wait_with_output()?))?.to_string();
    assert!(error.contains("status: 401"), "{error}");
    Ok(())
}

fn untrusted_certificates_are_refused() -> TestResult {
    let (server, certificate) = Server::encrypted(repository())?;
    let (_, another) = Server::encrypted(repository())?;
    let cache = tempdir()?;
    let file = cache.path().join("certificate.pem");
    let variables = [("HF_HUB_CACHE", cache.path()), ("SSL_CERT_FILE", file.as_path())];
    fs::write(&file, another)?;
    let error = error_of(snapshot(child(&server, &variables)?.wait_with_output()?))?.to_string();
    assert!(error.contains("InvalidCertificate") && !error.contains("GaveUp"), "a retry is useless: {error}");
    fs::write(&file, certificate)?;
    let folder = snapshot(child(&server, &variables)?.wait_with_output()?)?;
    assert_eq!(fs::read(folder.join(UNET))?, server.state().files[UNET]);
    Ok(())
}

fn several_processes_share_one_download() -> TestResult {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    // 300 000 bytes in 74 pieces take 1.5 s.
    server.fail(UNET, Fault::Slow(20), usize::MAX);
    let children = [(); 3].map(|()| child(&server, &[("HF_HUB_CACHE", cache.path())]));
    let mut folders = Vec::new();
    for child in children {
        folders.push(snapshot(child?.wait_with_output()?)?);
    }
    assert!(folders.iter().all(|folder| *folder == folders[0]), "{folders:?}");
    assert_eq!(fs::read(folders[0].join(UNET))?, server.state().files[UNET]);
    assert_eq!(server.state().sent[UNET], UNET_SIZE, "it was sent once");
    Ok(())
}

fn the_next_process_resumes_after_a_killed_one() -> TestResult {
    let (server, cache) = (Server::new(repository())?, tempdir()?);
    server.fail(UNET, Fault::StallAfter(123_456), usize::MAX);
    let (blob, partial) = blob(cache.path(), &server, UNET);
    let mut killed = child(&server, &[("HF_HUB_CACHE", cache.path())])?;
    while fs::metadata(&partial).map_or(0, |metadata| metadata.len()) < 123_456 {
        if let Some(status) = killed.try_wait()? {
            return Err(format!("it ended with {status}").into());
        }
        thread::sleep(Duration::from_millis(10));
    }
    killed.kill()?;
    killed.wait()?;
    assert!(!blob.exists());
    server.heal();
    server.take_sent();
    let folder = snapshot(child(&server, &[("HF_HUB_CACHE", cache.path())])?.wait_with_output()?)?;
    assert_eq!(server.take_sent(), UNET_SIZE - 123_456);
    assert_eq!(fs::read(folder.join(UNET))?, server.state().files[UNET]);
    Ok(())
}
