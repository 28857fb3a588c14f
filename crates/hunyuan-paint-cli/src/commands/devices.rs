//! `hunyuan-paint devices`: every device, and why it would be used or not.

use serde::Serialize;

use crate::{console::Console, error::CliError};

#[derive(Debug, clap::Args)]
pub(crate) struct DevicesArguments {}

pub(crate) fn run(_: &DevicesArguments, console: Console) -> Result<(), CliError> {
    let _ = console;
    #[derive(Serialize)]
    struct A;
    Err(CliError::Cancelled)
}
