//! `hunyuan-paint completions`: a completion script for a shell.

use std::fmt;

use clap::CommandFactory;
use clap_complete::{Shell, generate};
use serde::Serialize;

use crate::{arguments::Arguments, console::Console, error::CliError};

#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArguments {
    /// The shell.
    shell: Shell,
}

#[derive(Serialize)]
struct Completions {
    shell: String,
    script: String,
}

impl fmt::Display for Completions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.script)
    }
}

pub(crate) fn run(arguments: &CompletionsArguments, console: Console) -> Result<(), CliError> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut Arguments::command(), "hunyuan-paint", &mut script);
    let script = String::from_utf8_lossy(&script).trim_end().to_owned();
    console.print_always(&Completions { shell: arguments.shell.to_string(), script })
}
