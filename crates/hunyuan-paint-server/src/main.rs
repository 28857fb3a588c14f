//! The server as a program: `hunyuan-paint-server --model weights`.

use std::process::ExitCode;

use clap::Parser;
use hunyuan_paint_server::{ServeArguments, serve};

/// Paints meshes over HTTP with the interface of Hunyuan3D-2's `api_server.py`, and serves a page to
/// try it.
#[derive(Parser)]
#[command(version)]
struct Program {
    #[command(flatten)]
    arguments: ServeArguments,
}

fn main() -> ExitCode {
    serve(Program::parse().arguments)
}
