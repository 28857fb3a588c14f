//! What criterion has measured, read back for a bench's own table.

use std::{env, fmt, fs, path::PathBuf, time::SystemTime};

use serde_json::Value;

/// Mean and standard deviation of one benchmark, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Estimate {
    /// criterion's estimate of the mean.
    pub mean: f64,
    /// criterion's estimate of the standard deviation of the samples.
    pub deviation: f64,
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mean, deviation } = self;
        if *mean < 1.0 {
            write!(f, "{:.1} ± {:.1} ms", 1e3 * mean, 1e3 * deviation)
        } else {
            write!(f, "{mean:.2} ± {deviation:.2} s")
        }
    }
}

/// The estimate of the benchmark with this path (`["group", "function", "parameter"]`), or `None` if it was not
/// measured since `started`: a filter left it out, or it was only tried. Names are taken as they are; they must have
/// no character that a file name cannot have.
pub fn measured_since(started: SystemTime, path: &[&str]) -> Option<Estimate> {
    let file =
        path.iter().fold(criterion_folder()?, |folder, name| folder.join(name)).join("new/estimates.json");
    // An earlier run's file stays when a benchmark is left out.
    if fs::metadata(&file).ok()?.modified().ok()? < started {
        return None;
    }
    let estimates: Value = serde_json::from_slice(&fs::read(&file).ok()?).ok()?;
    let seconds = |estimate: &str| Some(estimates[estimate]["point_estimate"].as_f64()? * 1e-9);
    Some(Estimate { mean: seconds("mean")?, deviation: seconds("std_dev")? })
}

/// Where criterion writes, by its own rules: `CRITERION_HOME`, else `criterion` in `CARGO_TARGET_DIR`, else in the
/// target folder that this program lies in (`target/release/deps/bench`).
fn criterion_folder() -> Option<PathBuf> {
    if let Some(folder) = env::var_os("CRITERION_HOME") {
        return Some(folder.into());
    }
    let target = match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => env::current_exe().ok()?.ancestors().nth(3)?.to_owned(),
    };
    Some(target.join("criterion"))
}
