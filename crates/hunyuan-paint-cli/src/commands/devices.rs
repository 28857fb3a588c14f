//! `hunyuan-paint devices`: every device, and why it would be used or not.

use std::fmt;

use hunyuan_paint::{ComputeDevice, DeviceStatus};
use serde::Serialize;

use crate::{
    console::Console,
    error::{CliError, chain},
};

#[derive(Debug, clap::Args)]
pub(crate) struct DevicesArguments {}
