//! What is left on disk when something goes wrong: every file is whole, or not there, and the next run works.

mod programs;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use hunyuan_paint::mesh::read_mesh;
use hunyuan_paint_examples::inputs::repository_file;

use self::programs::{example, folder};

type TestResult = Result<(), Box<dyn Error>>;

/// One test at a time has the machine: what is timed here would take longer beside others.
static MACHINE: Mutex<()> = Mutex::new(());

const FILES: [&str; 3] = ["textured.glb", "texture.png", "preview.png"];

/// A painting that takes a second: the smallest networks.
fn small_painting(program: impl AsRef<std::ffi::OsStr>, output: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("--model").arg(repository_file("crates/hunyuan-paint-testkit/cases/model_tiny"));
    let sizes = ["--texture-size", "256", "--render-size", "128", "--steps", "2", "--no-delight"];
    command.args(sizes).args(["--device", "cpu", "--geometry", "cpu"]).arg("--output").arg(output);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Which of the results are there; those that are can be read.
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

/// What stands in the folder beside the results.
fn others(output: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let paths = fs::read_dir(output)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    Ok(paths.into_iter().filter(|path| !FILES.iter().any(|name| path.ends_with(name))).collect())
}

#[test]
fn a_run_that_is_killed_leaves_whole_files() -> TestResult {
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = folder("killed")?;
    let program = example("paint_mesh")?;
    // The second run is timed: the first one finds nothing in the system's memory.
    let mut duration = Duration::ZERO;
    for _ in 0..2 {
        let start = Instant::now();
        let whole = small_painting(&program, &folder.join("whole")).output()?;
        duration = start.elapsed();
        assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));
    }
    assert_eq!(whole_files(&folder.join("whole"))?, FILES);

    // Most are killed in the last moments, when files are written.
    let (mut killed, output) = (0, folder.join("output"));
    for fraction in [0.1, 0.5, 0.8, 0.9, 0.92, 0.94, 0.96, 0.98, 1.0] {
        let mut child = small_painting(&program, &output).spawn()?;
        std::thread::sleep(duration.mul_f64(fraction));
        child.kill()?;
        killed += usize::from(!child.wait()?.success());
        whole_files(&output)?;
    }
    assert!(killed > 3, "only {killed} of the runs were still at work");
    assert!(small_painting(&program, &output).output()?.status.success());
    assert_eq!(whole_files(&output)?, FILES);
    Ok(fs::remove_dir_all(&folder)?)
}

#[test]
fn two_runs_may_write_to_one_folder() -> TestResult {
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = folder("two-runs")?;
    let program = example("paint_mesh")?;
    let runs = [0, 1].map(|_| small_painting(&program, &folder).spawn());
    for run in runs {
        let output = run?.wait_with_output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(whole_files(&folder)?, FILES);
    assert_eq!(others(&folder)?, Vec::<PathBuf>::new());
    Ok(fs::remove_dir_all(&folder)?)
}

/// A full disk, as a program meets it: no file may grow beyond so many blocks of 512 bytes.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_and_leaves_nothing() -> TestResult {
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = folder("full")?;
    let program = example("paint_mesh")?;
    assert!(small_painting(&program, &folder).output()?.status.success());
    let before = FILES.map(|name| fs::read(folder.join(name)));
    for blocks in [1, 20] {
        let mut shell = small_painting("sh", &folder);
        let arguments: Vec<_> = shell.get_args().map(ToOwned::to_owned).collect();
        shell = Command::new("sh");
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        shell.arg("-c").arg(script).arg(&program).args(arguments);
        let output = shell.output()?;
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains("textured.glb"), "{message}");
        assert!(!message.contains("panicked"), "{message}");
        // What was there before is still there.
        for (name, before) in FILES.iter().zip(&before) {
            assert_eq!(before.as_ref().ok(), Some(&fs::read(folder.join(name))?), "{name}");
        }
        assert_eq!(others(&folder)?, Vec::<PathBuf>::new());
    }
    Ok(fs::remove_dir_all(&folder)?)
}

/// Nobody may write there, not even the administrator.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_is_read_only_is_named() -> TestResult {
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let output = small_painting(example("paint_mesh")?, Path::new("/proc/paint")).output()?;
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("/proc/paint"), "{message}");
    assert!(!message.contains("panicked"), "{message}");
    Ok(())
}
