//! What is left on disk when something goes wrong: every file is whole or absent, and the next run works.

mod common;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use common::{PROGRAM, TestResult, repository_file};
use hunyuan_paint::mesh::read_mesh;
use tempfile::tempdir;

/// One test at a time: some of them measure time.
static MACHINE: Mutex<()> = Mutex::new(());

const FILES: [&str; 3] = ["textured.glb", "texture.png", "preview.png"];

/// A painting with the smallest networks. It takes a second.
fn small_painting(output: &Path) -> Command {
    painting(output, "2")
}

fn painting(output: &Path, steps: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("paint");
    for (name, file) in [
        ("--mesh", "assets/robot.glb"),
        ("--image", "assets/robot.png"),
        ("--model", "crates/hunyuan-paint-testkit/cases/model_tiny"),
    ] {
        command.arg(name).arg(repository_file(file));
    }
    let sizes = ["--texture-size", "256", "--render-size", "128", "--steps", steps, "--no-delight"];
    command.args(sizes).args(["--device", "cpu", "--geometry", "cpu"]).arg("--output").arg(output);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Returns the results that are there, and fails if one of them cannot be read.
fn whole_files(output: &Path) -> Result<Vec<&'static str>, Box<dyn Error>> {
    let mut found = Vec::new();
    for name in FILES.into_iter().filter(|name| output.join(name).exists()) {
        let path = output.join(name);
        if name.ends_with("glb") {
            read_mesh(&path)?;
        } else {
            image::open(&path).map_err(|error| format!("{name}: {error}"))?;
        }
        found.push(name);
    }
    Ok(found)
}

/// Returns what is in the folder beside the results.
fn others(output: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let paths = fs::read_dir(output)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    Ok(paths.into_iter().filter(|path| !FILES.iter().any(|name| path.ends_with(name))).collect())
}

#[test]
fn a_run_that_is_killed_leaves_whole_files() -> TestResult {
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempdir()?;
    let whole = folder.path().join("whole");
    // The second run is measured: the first one finds nothing in the file cache.
    let mut duration = Duration::ZERO;
    for _ in 0..2 {
        let start = Instant::now();
        let run = small_painting(&whole).output()?;
        duration = start.elapsed();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
    assert_eq!(whole_files(&whole)?, FILES);

    // Most runs are killed in the last moments, when files are written.
    let (mut killed, output) = (0, folder.path().join("output"));
    for fraction in [0.1, 0.5, 0.8, 0.9, 0.92, 0.94, 0.96, 0.98, 1.0] {
        let mut child = small_painting(&output).spawn()?;
        std::thread::sleep(duration.mul_f64(fraction));
        child.kill()?;
        killed += usize::from(!child.wait()?.success());
        whole_files(&output)?;
    }
    assert!(killed > 3, "only {killed} of the runs were still at work");
    assert!(small_painting(&output).output()?.status.success());
    assert_eq!(whole_files(&output)?, FILES);
    Ok(())
}

#[test]
fn two_runs_may_write_to_one_folder() -> TestResult {
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempdir()?;
    let runs = [0, 1].map(|_| small_painting(folder.path()).spawn());
    for run in runs {
        let output = run?.wait_with_output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(whole_files(folder.path())?, FILES);
    assert_eq!(others(folder.path())?, Vec::<PathBuf>::new());
    Ok(())
}

/// Simulates a full disk: no file may grow beyond so many blocks of 512 bytes.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_and_leaves_nothing() -> TestResult {
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempdir()?;
    let folder = folder.path();
    assert!(small_painting(folder).output()?.status.success());
    let before = FILES.map(|name| fs::read(folder.join(name)));
    for blocks in [1, 20] {
        let painting = small_painting(folder);
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let output =
            Command::new("sh").arg("-c").arg(script).arg(PROGRAM).args(painting.get_args()).output()?;
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains("textured.glb"), "{message}");
        assert!(!message.contains("panicked"), "{message}");
        // The earlier results are still there.
        for (name, before) in FILES.iter().zip(&before) {
            assert_eq!(before.as_ref().ok(), Some(&fs::read(folder.join(name))?), "{name}");
        }
        assert_eq!(others(folder)?, Vec::<PathBuf>::new());
    }
    Ok(())
}

/// Nobody can create a folder in `/proc`, not even root.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_is_read_only_is_named() -> TestResult {
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let output = small_painting(Path::new("/proc/paint")).output()?;
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("/proc/paint"), "{message}");
    assert!(!message.contains("panicked"), "{message}");
    Ok(())
}

/// Ctrl-C during a painting that would take minutes.
#[cfg(unix)]
#[test]
fn ctrl_c_cancels_with_its_own_code() -> TestResult {
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempdir()?;
    let output = folder.path().join("output");
    let child = painting(&output, "1000").arg("--json").stdout(Stdio::piped()).spawn()?;
    std::thread::sleep(Duration::from_secs(3));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status()?.success());
    let result = child.wait_with_output()?;
    assert_eq!(result.status.code(), Some(130), "{}", String::from_utf8_lossy(&result.stderr));
    let report = common::json(&result)?;
    assert_eq!((&report["error"]["code"], &report["error"]["kind"]), (&130.into(), &"cancelled".into()));
    assert!(!output.exists());
    Ok(())
}
