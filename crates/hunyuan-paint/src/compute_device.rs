use burn::tensor::Device;
use hunyuan_paint_models::{LoadOptions, MemoryBudget, Precision};

use crate::{PaintError, PrecisionChoice};

/// Where the networks run, by name.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "lowercase", parse_err_fn = unknown, parse_err_ty = PaintError)]
#[non_exhaustive]
pub enum ComputeDevice {
    /// The best device of this build and this machine: Metal, Vulkan, wgpu, then the CPU. Never a GPU in software.
    #[default]
    Auto,
    /// All cores of the CPU (feature `cpu`).
    Cpu,
    /// Any GPU through wgpu (feature `wgpu`). Shaders are WGSL, or SPIR-V and MSL with the features `vulkan` and `metal`.
    Wgpu,
    /// Vulkan through SPIR-V (feature `vulkan`).
    Vulkan,
    /// Metal through MSL (feature `metal`).
    Metal,
}

fn unknown(name: &str) -> PaintError {
    PaintError::option("device", "auto, cpu, wgpu, vulkan or metal", name)
}

/// The devices that `Auto` prefers to the CPU, best first.
const GPUS: [ComputeDevice; 3] = [ComputeDevice::Metal, ComputeDevice::Vulkan, ComputeDevice::Wgpu];

/// What a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// The adapter, or `CPU`.
    pub name: String,
    /// Whether it is a GPU in software, such as Mesa's llvmpipe: exact, but slow.
    pub is_software: bool,
    /// Memory in bytes (for integrated GPUs, the shared heaps). Known for Vulkan devices and for the CPU; in a container,
    /// the container's limit. Memory of the host that some drivers use as well is not counted.
    pub memory: Option<u64>,
    /// Bytes of the largest tensor, if there is a limit.
    pub largest_allocation: Option<u64>,
}

impl DeviceInfo {
    /// Returns a budget of the device's memory.
    pub fn memory_budget(&self) -> MemoryBudget {
        MemoryBudget::with_limits(
            self.memory.unwrap_or(u64::MAX),
            self.largest_allocation.unwrap_or(u64::MAX),
        )
    }
}

/// A device of [`ComputeDevice::survey`].
#[derive(Debug)]
#[non_exhaustive]
pub struct DeviceReport {
    /// The device.
    pub device: ComputeDevice,
    /// What it is, or why it cannot be used.
    pub info: Result<DeviceInfo, PaintError>,
    /// Whether [`ComputeDevice::Auto`] takes it.
    pub is_automatic: bool,
}

/// An open device, and the memory that networks take there.
#[derive(Clone, Debug)]
struct Opened {
    device: Device,
    info: DeviceInfo,
    budget: MemoryBudget,
}

impl ComputeDevice {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Returns its name on the command line.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns what `Auto` stands for in this build and on this machine; any other device is itself. Opens GPUs to find
    /// out, and logs why one is not taken.
    pub fn resolve(self) -> Self {
        if self != Self::Auto {
            return self;
        }
        for gpu in GPUS {
            match gpu.info() {
                Ok(info) if !info.is_software => return gpu,
                Ok(info) => tracing::info!(device = %gpu, name = info.name, "not taken: a GPU in software"),
                // The build has no such device, which is no surprise.
                Err(PaintError::DeviceMissing { .. }) => {}
                Err(error) => {
                    tracing::info!(device = %gpu, error = &error as &dyn std::error::Error, "not taken");
                }
            }
        }
        Self::Cpu
    }

    /// Returns every device but `Auto` with what it is, or why it cannot be used.
    pub fn survey() -> Vec<DeviceReport> {
        let automatic = Self::Auto.resolve();
        let devices = Self::ALL.iter().copied().filter(|device| *device != Self::Auto);
        devices
            .map(|device| DeviceReport { device, info: device.info(), is_automatic: device == automatic })
            .collect()
    }

    /// Returns why `Auto` takes no GPU, in words.
    pub(crate) fn why_no_gpu() -> String {
        let reasons = GPUS.iter().filter_map(|gpu| match gpu.info() {
            Ok(info) => Some(format!("{gpu}: {} is a GPU in software", info.name)),
            Err(PaintError::DeviceMissing { .. }) => None,
            Err(error) => Some(error.to_string()),
        });
        let reasons: Vec<String> = reasons.collect();
        match reasons.is_empty() {
            true => "this build has no GPU feature: enable `gpu`".to_owned(),
            false => reasons.join("; "),
        }
    }

    /// Returns whether networks run on a GPU.
    pub fn is_gpu(self) -> bool {
        self.resolve() != Self::Cpu
    }

    /// Returns the devices, without `Auto`, that this build and this machine have.
    pub fn available() -> Vec<Self> {
        Self::survey().into_iter().filter(|report| report.info.is_ok()).map(|report| report.device).collect()
    }

    /// Opens the device for burn's tensors. Opening it again gives the same device.
    ///
    /// # Errors
    /// If the device's feature was not compiled in, or there is no such device.
    pub fn init(self) -> Result<Device, PaintError> {
        Ok(self.open()?.device)
    }

    /// Opens the device and returns what it is.
    ///
    /// # Errors
    /// As [`init`](Self::init).
    pub fn info(self) -> Result<DeviceInfo, PaintError> {
        Ok(self.open()?.info)
    }

    /// Returns options to load networks to this device, with the default memory plan and no progress callback. All
    /// networks that are loaded with them share one budget, the device's memory.
    ///
    /// # Errors
    /// As [`init`](Self::init).
    pub fn load_options(self, precision: PrecisionChoice) -> Result<LoadOptions, PaintError> {
        let Opened { device, budget, .. } = self.open()?;
        let precision: Precision = precision.resolve(self);
        Ok(LoadOptions::new(device).with_precision(precision).with_budget(budget))
    }

    fn open(self) -> Result<Opened, PaintError> {
        match self.resolve() {
            #[cfg(feature = "cpu")]
            Self::Cpu => {
                let memory = crate::device_memory::of_host();
                let name = "CPU".to_owned();
                let info = DeviceInfo { name, is_software: false, memory, largest_allocation: None };
                static BUDGET: std::sync::OnceLock<MemoryBudget> = std::sync::OnceLock::new();
                let budget = BUDGET.get_or_init(|| info.memory_budget()).clone();
                Ok(Opened { device: Device::flex(), info, budget })
            }
            #[cfg(feature = "wgpu")]
            device @ (Self::Wgpu | Self::Vulkan | Self::Metal) => gpu::open(device),
            device => Err(PaintError::DeviceMissing { device }),
        }
    }
}

/// burn opens a GPU when the first tensor needs it, and panics if there is none. Opened beforehand, it can be
/// refused with a reason.
#[cfg(feature = "wgpu")]
mod gpu {
    use std::sync::{Mutex, PoisonError};

    use burn::tensor::{
        Device, DeviceKind,
        wgpu::{WgpuBackend, WgpuInitError, wgpu},
    };

    use super::{ComputeDevice, DeviceInfo, Opened};
    use crate::{PaintError, device_memory};

    /// Devices that were opened, or the reason why not. burn opens each device once in a process.
    static OPENED: Mutex<Vec<(ComputeDevice, Result<Opened, String>)>> = Mutex::new(Vec::new());

    pub(super) fn open(device: ComputeDevice) -> Result<Opened, PaintError> {
        let (api, by_default): (_, fn() -> Device) = match device {
            #[cfg(feature = "vulkan")]
            ComputeDevice::Vulkan => (WgpuBackend::Vulkan, || Device::vulkan(DeviceKind::DefaultDevice)),
            #[cfg(feature = "metal")]
            ComputeDevice::Metal => (WgpuBackend::Metal, || Device::metal(DeviceKind::DefaultDevice)),
            ComputeDevice::Wgpu => (WgpuBackend::Auto, || Device::wgpu(DeviceKind::DefaultDevice)),
            device => return Err(PaintError::DeviceMissing { device }),
        };
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = match opened.iter().find(|(known, _)| *known == device) {
            Some((_, outcome)) => outcome.clone(),
            None => {
                let outcome = open_new(device, api, by_default);
                opened.push((device, outcome.clone()));
                outcome
            }
        };
        outcome.map_err(|reason| PaintError::NoDevice { device, reason })
    }

    fn open_new(
        device: ComputeDevice,
        api: WgpuBackend,
        by_default: fn() -> Device,
    ) -> Result<Opened, String> {
        let (burn_device, info) = match Device::wgpu_options().graphics_api(api).init_with_setup() {
            Ok((burn_device, setup)) => {
                let adapter = setup.adapter.get_info();
                let limits = setup.device.limits();
                let info = DeviceInfo {
                    name: adapter.name,
                    is_software: adapter.device_type == wgpu::DeviceType::Cpu,
                    memory: device_memory::of_adapter(&setup.adapter),
                    largest_allocation: Some(
                        limits.max_storage_buffer_binding_size.min(limits.max_buffer_size),
                    ),
                };
                (burn_device, info)
            }
            // The program has opened it already, without us.
            Err(WgpuInitError::Registration { .. }) => {
                let name = device.to_string();
                let info = DeviceInfo { name, is_software: false, memory: None, largest_allocation: None };
                (by_default(), info)
            }
            Err(error) => return Err(error.to_string()),
        };
        let budget = info.memory_budget();
        Ok(Opened { device: burn_device, info, budget })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for &device in ComputeDevice::ALL {
            assert!(matches!(device.name().parse::<ComputeDevice>(), Ok(d) if d == device));
        }
        assert!("gpu".parse::<ComputeDevice>().is_err());
    }

    #[test]
    fn devices_without_their_feature_are_missing() {
        let features = [
            (ComputeDevice::Cpu, cfg!(feature = "cpu")),
            (ComputeDevice::Wgpu, cfg!(feature = "wgpu")),
            (ComputeDevice::Vulkan, cfg!(feature = "vulkan")),
            (ComputeDevice::Metal, cfg!(feature = "metal")),
        ];
        for (device, is_compiled_in) in features {
            let is_missing = matches!(device.init(), Err(PaintError::DeviceMissing { .. }));
            assert_eq!(is_missing, !is_compiled_in, "{device}");
        }
    }

    #[test]
    fn a_failure_is_remembered() {
        for report in ComputeDevice::survey() {
            let again = report.device.info();
            assert_eq!(again.is_ok(), report.info.is_ok(), "{}", report.device);
        }
    }

    #[cfg(feature = "cpu")]
    #[test]
    fn what_a_device_has_is_its_budget() -> Result<(), PaintError> {
        for device in ComputeDevice::available() {
            let (info, options) = (device.info()?, device.load_options(PrecisionChoice::Auto)?);
            assert_eq!(options.budget.total(), info.memory.unwrap_or(u64::MAX));
            // No device that runs tests is smaller than this or larger than that.
            assert!(info.memory.is_none_or(|bytes| (1 << 28..1 << 44).contains(&bytes)), "{info:?}");
        }
        Ok(())
    }

    #[cfg(feature = "cpu")]
    #[test]
    fn auto_takes_exactly_one_device_and_never_software() {
        let survey = ComputeDevice::survey();
        let taken: Vec<_> = survey.iter().filter(|report| report.is_automatic).collect();
        assert_eq!(taken.len(), 1);
        assert!(taken.iter().all(|report| report.info.as_ref().is_ok_and(|info| !info.is_software)));
        let has_hardware = survey.iter().any(|report| {
            report.device != ComputeDevice::Cpu && report.info.as_ref().is_ok_and(|info| !info.is_software)
        });
        assert_eq!(taken[0].device == ComputeDevice::Cpu, !has_hardware);
    }
}
