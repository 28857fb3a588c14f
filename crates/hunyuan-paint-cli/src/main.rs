//! The program `hunyuan-paint`.

mod arguments;
mod cancel;
mod commands;
mod console;
mod error;
mod hub;
mod inputs;
mod output;
mod progress;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::run(std::env::args_os().collect())
}
