//! Reads criterion's estimates back, for the table that a bench prints.

use std::{env, fmt, fs, path::PathBuf, time::SystemTime};

use serde_json::Value;

/// Mean and standard deviation of one benchmark, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Estimate {
    /// Criterion's estimate of the mean.
    pub mean: f64,
    /// Criterion's estimate of the standard deviation of the samples.
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

/// Returns the estimate of the benchmark with this path (`["group", "function", "parameter"]`), or
/// `None` if it was not measured since `started`, because a filter skipped it or criterion only
/// tested it. The names must be valid file names.
pub fn measured_since(started: SystemTime, path: &[&str]) -> Option<Estimate> {
    let file =
        path.iter().fold(criterion_folder()?, |folder, name| folder.join(name)).join("new/estimates.json");
    // The file of an earlier run remains when a benchmark is skipped.
    if fs::metadata(&file).ok()?.modified().ok()? < started {
        return None;
    }
    let estimates: Value = serde_json::from_slice(&fs::read(&file).ok()?).ok()?;
    let seconds = |estimate: &str| Some(estimates[estimate]["point_estimate"].as_f64()? * 1e-9);
    Some(Estimate { mean: seconds("mean")?, deviation: seconds("std_dev")? })
}

/// Returns criterion's output folder, found as criterion finds it: `CRITERION_HOME`, else
/// `criterion` in `CARGO_TARGET_DIR`, else `criterion` in the target folder of this program
/// (`target/release/deps/bench`).
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
