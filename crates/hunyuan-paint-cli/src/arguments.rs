//! The command line: global options and the list of subcommands.

use clap::{Parser, Subcommand};

use crate::commands::{
    bake::BakeArguments, completions::CompletionsArguments, devices::DevicesArguments, fetch::FetchArguments,
    info::InfoArguments, paint::PaintArguments, render::RenderArguments, unwrap::UnwrapArguments,
};

/// Shown below `--help`.
const EXIT_CODES: &str = "\
Exit codes:
    0  success
    1  failure: a file cannot be written, a download failed, an internal error
    2  usage: unknown or contradictory arguments, an option out of range, a license that was not accepted
    3  bad input: a mesh, an image, a camera list or a model folder that is missing or cannot be used
    4  device: it is not there, was lost, or has too little memory
  130  cancelled by Ctrl-C

Logs go to standard error; RUST_LOG selects them, for example RUST_LOG=debug.";

/// Paints, bakes, unwraps and renders triangle meshes.
#[derive(Debug, Parser)]
#[command(name = "hunyuan-paint", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every subcommand.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct GlobalArguments {
    /// Print neither progress nor a summary.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Print one JSON object with the result, or with the error, to standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Paint a mesh from one or more images of the object.
    Paint(PaintArguments),
    /// Make a texture from images of a mesh and their cameras, without any network.
    Bake(BakeArguments),
    /// Give a mesh UVs, and report their quality.
    Unwrap(UnwrapArguments),
    /// Render a mesh from all sides: PNG files and a contact sheet.
    Render(RenderArguments),
    /// Describe a mesh or a model folder, and what is wrong with it.
    Info(InfoArguments),
    /// List every device, and why it would be used or not.
    Devices(DevicesArguments),
    /// Download weights from the Hugging Face hub.
    Fetch(FetchArguments),
    /// Print a completion script for a shell.
    Completions(CompletionsArguments),
    /// Paint over HTTP, with a web page to try it.
    Serve(hunyuan_paint_server::ServeArguments),
}
