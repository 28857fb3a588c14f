//! The program as a user meets it: results, JSON, exit codes, messages.

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod subcommands;

use std::{
    ffi::OsStr,
    process::{Command, Output},
};

/// Runs the program.
fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> std::io::Result<Output> {
    Command::new(common::PROGRAM).args(arguments).output()
}
