//! `hunyuan-paint info`: what a mesh or a model folder holds, and what is wrong with it.

pub(crate) mod mesh;
mod model;

use std::{fmt, path::PathBuf};

use serde::Serialize;

use crate::{console::Console, error::CliError};

#[derive(Debug, clap::Args)]
pub(crate) struct InfoArguments {
    /// A mesh (GLB, glTF, OBJ, PLY or STL), or a folder of weights.
    path: PathBuf,
}

/// Something that is wrong, or may be.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    severity: Severity,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// It cannot be painted, or loaded.
    Error,
    /// It works, perhaps not as meant.
    Warning,
}

impl Problem {
    fn error(message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into() }
    }

    fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}", self.message)
    }
}

/// Whether none of the problems is an error.
fn is_usable(problems: &[Problem]) -> bool {
    problems.iter().all(|problem| problem.severity != Severity::Error)
}

/// One problem a line.
fn write_problems(f: &mut fmt::Formatter<'_>, problems: &[Problem]) -> fmt::Result {
    if problems.is_empty() {
        return write!(f, "no problems found");
    }
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    write!(f, "{}", lines.join("\n"))
}

/// Prints the report, and fails with the exit code of bad input if the mesh or the model cannot be used.
pub(crate) fn run(arguments: &InfoArguments, console: Console) -> Result<(), CliError> {
    let path = &arguments.path;
    let metadata = std::fs::metadata(path).map_err(|error| CliError::input(path, error))?;
    let usable = if metadata.is_dir() {
        let report = model::ModelReport::new(path)?;
        console.print_always(&report)?;
        report.usable
    } else {
        let report = mesh::MeshReport::new(path)?;
        console.print_always(&report)?;
        report.usable
    };
    if usable { Ok(()) } else { Err(CliError::Unusable { path: path.clone() }) }
}
