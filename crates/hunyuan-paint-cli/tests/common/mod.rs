//! Helpers of the tests that run the program.

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::Value;

pub(crate) type TestResult = Result<(), Box<dyn Error>>;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_hunyuan-paint");

/// Returns the path of a file of the repository.
pub(crate) fn repository_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Returns the one JSON object on standard output.
pub(crate) fn json(output: &Output) -> Result<Value, Box<dyn Error>> {
    let text = String::from_utf8_lossy(&output.stdout);
    let value: Value = serde_json::from_str(&text).map_err(|error| {
        format!("{error} in '{text}', standard error '{}'", String::from_utf8_lossy(&output.stderr))
    })?;
    assert!(value.is_object(), "{text}");
    Ok(value)
}
