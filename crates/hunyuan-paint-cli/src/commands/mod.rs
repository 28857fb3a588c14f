//! The subcommands, one module each.

pub(crate) mod bake;
pub(crate) mod completions;
pub(crate) mod devices;
pub(crate) mod fetch;
pub(crate) mod info;
pub(crate) mod paint;
pub(crate) mod render;
pub(crate) mod unwrap;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser;

use crate::{
    arguments::{Arguments, Command},
    cancel,
    console::Console,
};

/// Runs the program with its arguments, the program's name first.
pub(crate) fn run(arguments: Vec<OsString>) -> ExitCode {
    let wants_json = arguments.iter().any(|argument| argument == "--json");
    let Arguments { global, command } = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return Console { quiet: false, json: wants_json }.fail_usage(&error),
    };
    let console = Console::new(global);
    // The server has its own log filter and its own handling of signals.
    if let Command::Serve(arguments) = command {
        return hunyuan_paint_server::serve(arguments);
    }
    console.init_logging();
    cancel::install();
    let result = match command {
        Command::Paint(arguments) => paint::run(&arguments, console),
        Command::Bake(arguments) => bake::run(&arguments, console),
        Command::Unwrap(arguments) => unwrap::run(&arguments, console),
        Command::Render(arguments) => render::run(&arguments, console),
        Command::Info(arguments) => info::run(&arguments, console),
        Command::Devices(arguments) => devices::run(&arguments, console),
        Command::Fetch(arguments) => fetch::run(&arguments, console),
        Command::Completions(arguments) => completions::run(&arguments, console),
        Command::Serve(_) => Ok(()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => console.fail(&error),
    }
}
