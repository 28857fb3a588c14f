use std::{fmt, str::FromStr};

use hunyuan_paint_bake::{Backend, Cpu};

use crate::PaintError;

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
