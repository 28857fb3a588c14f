//! What tests of programs share.

use std::{
    error::Error,
    path::{Path, PathBuf},
};

/// An example's program, which `cargo test` builds beside the tests.
pub(crate) fn example(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let tests = std::env::current_exe()?;
    let folder = tests.parent().and_then(Path::parent).ok_or("the test is not in a target folder")?;
    Ok(folder.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}

/// A folder of its own for a test.
pub(crate) fn folder(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("hunyuan-paint-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
