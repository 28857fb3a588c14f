//! Files of the repository, and code that all example programs share.

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Returns the path of a file of the repository.
pub fn repository_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Checks, before any work is done, that an output folder is not an existing file.
///
/// # Errors
/// If it is a file.
pub fn check_folder(path: &Path) -> Result<(), Box<dyn Error>> {
    if path.exists() && !path.is_dir() {
        return Err(format!("{}: expected a folder, found a file", path.display()).into());
    }
    Ok(())
}

/// Runs a program: parses its arguments, and prints its summary, or the error with its sources.
pub fn run_program<A: clap::Parser>(run: impl FnOnce(&A) -> Result<String, Box<dyn Error>>) -> ExitCode {
    #![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is what the user sees")]
    match run(&A::parse()) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            let sources = std::iter::successors(error.source(), |error| (*error).source());
            sources.for_each(|source| eprintln!("  caused by: {source}"));
            ExitCode::FAILURE
        }
    }
}
