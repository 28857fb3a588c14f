use std::{fmt, str::FromStr};

use burn::tensor::Device;
use hunyuan_paint_bake::{Backend, Cpu};

use crate::PaintError;

/// Where the networks run, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ComputeDevice {
    /// The best that this build has: Metal, Vulkan, wgpu, then the CPU.
    #[default]
    Auto,
    /// All cores of the CPU (feature `cpu`).
    Cpu,
    /// Any GPU, through wgpu and WGSL (feature `wgpu`).
    Wgpu,
    /// Vulkan, through SPIR-V (feature `vulkan`).
    Vulkan,
    /// Metal, through MSL (feature `metal`).
    Metal,
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

    /// What `Auto` stands for in this build; any other device is itself.
    pub fn resolve(self) -> Self {
        match self {
            Self::Auto if cfg!(all(feature = "metal", target_vendor = "apple")) => Self::Metal,
            Self::Auto if cfg!(feature = "vulkan") => Self::Vulkan,
            Self::Auto if cfg!(feature = "wgpu") => Self::Wgpu,
            Self::Auto => Self::Cpu,
            other => other,
        }
    }

    /// Whether networks run on a GPU there.
    pub fn is_gpu(self) -> bool {
        self.resolve() != Self::Cpu
    }

    /// The device for burn's tensors.
    ///
    /// # Errors
    /// If the device's feature was not compiled in.
    pub fn init(self) -> Result<Device, PaintError> {
        match self.resolve() {
            #[cfg(feature = "cpu")]
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Ok(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "metal")]
            Self::Metal => Ok(Device::metal(burn::tensor::DeviceKind::DefaultDevice)),
            device => Err(PaintError::DeviceMissing { device }),
        }
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

/// Where condition maps are rendered and views are baked, by name. The bits are the same everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum GeometryDevice {
    /// A GPU, if the build (feature `gpu`) and the machine have one that is not software; else the CPU.
    #[default]
    Auto,
    /// All cores of the CPU.
    Cpu,
    /// A GPU (feature `gpu`), through wgpu and WGSL; also a software one.
    Gpu,
}

impl GeometryDevice {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Cpu, Self::Gpu];

    /// Its name, as the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        }
    }

    /// Opens it, for [`PaintPipeline::with_backend`](crate::PaintPipeline::with_backend) and the
    /// [`stages`](crate::stages).
    ///
    /// # Errors
    /// If `Gpu` is asked for and not compiled in, or there is none, or it cannot be used.
    pub fn init(self) -> Result<Box<dyn Backend>, PaintError> {
        match self {
            Self::Cpu => Ok(Box::new(Cpu)),
            #[cfg(feature = "gpu")]
            Self::Gpu => Ok(Box::new(gpu_baker(true)?)),
            #[cfg(feature = "gpu")]
            Self::Auto => match gpu_baker(false) {
                Ok(baker) => Ok(Box::new(baker)),
                // No GPU, or none that can do it: the CPU can.
                Err(_) => Ok(Box::new(Cpu)),
            },
            #[cfg(not(feature = "gpu"))]
            Self::Auto => Ok(Box::new(Cpu)),
            #[cfg(not(feature = "gpu"))]
            Self::Gpu => Err(PaintError::option("geometry", "a build with the feature 'gpu'", "gpu")),
        }
    }
}

/// A GPU; `NoGpu` if there is only a software one and that is not wanted.
#[cfg(feature = "gpu")]
fn gpu_baker(software_too: bool) -> Result<hunyuan_paint_bake::gpu::GpuBaker, PaintError> {
    use hunyuan_paint_bake::{BakeError, gpu::GpuBaker};
    use hunyuan_paint_raster::{RasterError, gpu::GpuDevice};

    let device = pollster::block_on(GpuDevice::request()).map_err(BakeError::from)?;
    if device.is_software() && !software_too {
        return Err(BakeError::from(RasterError::NoGpu { reason: "only a software one".into() }).into());
    }
    Ok(pollster::block_on(GpuBaker::new(&device))?)
}

impl fmt::Display for GeometryDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for GeometryDevice {
    type Err = PaintError;

    fn from_str(name: &str) -> Result<Self, PaintError> {
        let found = Self::ALL.into_iter().find(|device| device.name() == name);
        found.ok_or_else(|| PaintError::option("geometry", Self::ALL.map(Self::name).join(", "), name))
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
}
