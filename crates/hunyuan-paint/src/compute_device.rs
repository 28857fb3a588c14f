use std::{fmt, str::FromStr};

use burn::tensor::Device;
use hunyuan_paint_models::{LoadOptions, MemoryBudget, MemoryPlan};

use crate::{PaintError, PrecisionChoice};

/// Where the networks run, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ComputeDevice {
    /// The best that this build and this machine have: Metal, Vulkan, wgpu, then the CPU. Never a GPU in software.
    #[default]
    Auto,
    /// All cores of the CPU (feature `cpu`).
    Cpu,
    /// Any GPU, through wgpu (feature `wgpu`). Shaders are WGSL, or what the feature `vulkan` or `metal` brings.
    Wgpu,
    /// Vulkan, through SPIR-V (feature `vulkan`).
    Vulkan,
    /// Metal, through MSL (feature `metal`).
    Metal,
}

/// A device that is open: what computes, by its own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// The adapter, or `CPU`.
    pub name: String,
    /// Whether it is a GPU in software, as Mesa's llvmpipe is: right, but slow.
    pub is_software: bool,
    /// Bytes of memory that it has (a GPU that shares the host's, all that it may use of that): known of Vulkan's devices, and on
    /// Linux of the CPU. Some drivers move to the host what does not fit; that is not counted on.
    pub memory: Option<u64>,
    /// Bytes of the largest tensor that it takes, if there is a limit.
    pub largest_allocation: Option<u64>,
}

impl DeviceInfo {
    /// What fits there.
    pub fn memory_budget(&self) -> MemoryBudget {
        let budget = self.memory.map_or_else(MemoryBudget::unlimited, MemoryBudget::new);
        self.largest_allocation.map_or(budget.clone(), |bytes| budget.with_largest_allocation(bytes))
    }
}

/// A device, what it is, and what is loaded there.
#[derive(Clone)]
struct Opened {
    device: Device,
    info: DeviceInfo,
    budget: MemoryBudget,
}

impl ComputeDevice {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Cpu, Self::Wgpu, Self::Vulkan, Self::Metal];

    /// Its name, as the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
        }
    }

    /// What `Auto` stands for in this build and on this machine; any other device is itself. To find out, GPUs are
    /// opened.
    pub fn resolve(self) -> Self {
        if self != Self::Auto {
            return self;
        }
        let is_hardware = |device: &Self| device.info().is_ok_and(|info| !info.is_software);
        [Self::Metal, Self::Vulkan, Self::Wgpu].into_iter().find(is_hardware).unwrap_or(Self::Cpu)
    }

    /// Whether networks run on a GPU there.
    pub fn is_gpu(self) -> bool {
        self.resolve() != Self::Cpu
    }

    /// The devices, without `Auto`, that this build and this machine have.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|device| *device != Self::Auto && device.info().is_ok()).collect()
    }

    /// Opens the device for burn's tensors. Opening it again gives the same device.
    ///
    /// # Errors
    /// If the device's feature was not compiled in, or there is no such device.
    pub fn init(self) -> Result<Device, PaintError> {
        Ok(self.open()?.device)
    }

    /// Opens the device, and says what it is.
    ///
    /// # Errors
    /// As [`init`](Self::init).
    pub fn info(self) -> Result<DeviceInfo, PaintError> {
        Ok(self.open()?.info)
    }

    /// How to load networks to run there: with the memory plan as it is by default, telling nobody. All that is loaded with what
    /// this returns for one device shares one budget, its memory.
    ///
    /// # Errors
    /// As [`init`](Self::init).
    pub fn load_options(self, precision: PrecisionChoice) -> Result<LoadOptions, PaintError> {
        let Opened { device, budget, .. } = self.open()?;
        let precision = precision.resolve(self);
        Ok(LoadOptions { device, precision, memory: MemoryPlan::default(), budget, on_load: None })
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

    /// burn opens each device once in a process, and so do we.
    static OPENED: Mutex<Vec<(ComputeDevice, Opened)>> = Mutex::new(Vec::new());

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
        if let Some((_, opened)) = opened.iter().find(|(known, _)| *known == device) {
            return Ok(opened.clone());
        }
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
            Err(error) => return Err(PaintError::NoDevice { device, reason: error.to_string() }),
        };
        let budget = info.memory_budget();
        let new = Opened { device: burn_device, info, budget };
        opened.push((device, new.clone()));
        Ok(new)
    }
}

impl fmt::Display for ComputeDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ComputeDevice {
    type Err = PaintError;

    fn from_str(name: &str) -> Result<Self, PaintError> {
        let found = Self::ALL.into_iter().find(|device| device.name() == name);
        found.ok_or_else(|| PaintError::option("device", Self::ALL.map(Self::name).join(", "), name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for device in ComputeDevice::ALL {
            assert!(matches!(device.name().parse::<ComputeDevice>(), Ok(d) if d == device));
        }
        assert!("gpu".parse::<ComputeDevice>().is_err());
    }

    #[test]
    fn a_device_that_is_not_compiled_in_is_an_error() {
        if !cfg!(feature = "metal") {
            assert!(matches!(ComputeDevice::Metal.init(), Err(PaintError::DeviceMissing { .. })));
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
    fn auto_is_a_device_that_is_there() {
        let auto = ComputeDevice::Auto.resolve();
        assert!(ComputeDevice::available().contains(&auto));
    }
}
