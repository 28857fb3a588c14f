//! `hunyuan-paint devices`: every device, and why it is taken or not.

use std::fmt;

use hunyuan_paint::{ComputeDevice, DeviceReport, GeometryDevice};
use serde::Serialize;

use crate::{
    console::Console,
    error::{CliError, chain},
};

#[derive(Debug, clap::Args)]
pub(crate) struct DevicesArguments {}

#[derive(Serialize)]
struct Devices {
    devices: Vec<Device>,
    /// Where condition maps are rendered and views are baked.
    geometry: String,
}

#[derive(Serialize)]
struct Device {
    device: &'static str,
    /// The adapter's name.
    name: Option<String>,
    /// Whether `--device auto` takes it.
    automatic: bool,
    software: Option<bool>,
    memory_bytes: Option<u64>,
    /// Why it cannot be used.
    error: Option<String>,
}

impl Device {
    fn new(report: &DeviceReport) -> Self {
        let info = report.info.as_ref().ok();
        let error = |error| [vec![format!("{error}")], chain(error)].concat().join(": ");
        Self {
            device: report.device.name(),
            name: info.map(|info| info.name.clone()),
            automatic: report.is_automatic,
            software: info.map(|info| info.is_software),
            memory_bytes: info.and_then(|info| info.memory),
            error: report.info.as_ref().err().map(|found| error(found)),
        }
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for device in &self.devices {
            write!(f, "{:<8}", device.device)?;
            match (&device.name, &device.error) {
                (Some(name), _) => {
                    write!(f, "{name}")?;
                    if let Some(bytes) = device.memory_bytes {
                        write!(f, ", {} MiB", bytes >> 20)?;
                    }
                    if device.software == Some(true) {
                        write!(f, "; in software, not taken by --device auto")?;
                    }
                    if device.automatic {
                        write!(f, "; taken by --device auto")?;
                    }
                }
                (None, error) => write!(f, "{}", error.as_deref().unwrap_or("not usable"))?,
            }
            writeln!(f)?;
        }
        write!(f, "geometry: {}", self.geometry)
    }
}

pub(crate) fn run(_: &DevicesArguments, console: Console) -> Result<(), CliError> {
    let devices = ComputeDevice::survey().iter().map(Device::new).collect();
    let geometry = match GeometryDevice::Gpu.init() {
        Ok(_) => "a GPU can be used (--geometry gpu)".to_owned(),
        Err(error) => {
            let reasons = [vec![error.to_string()], chain(&error)].concat();
            format!("the CPU, because: {}", reasons.join(": "))
        }
    };
    console.print_always(&Devices { devices, geometry })
}
