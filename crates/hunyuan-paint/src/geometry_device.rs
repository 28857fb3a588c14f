use hunyuan_paint_bake::{Backend, Cpu};

use crate::PaintError;

/// Where condition maps are rendered and views are baked, by name. The bits are the same everywhere.
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
pub enum GeometryDevice {
    /// A GPU, if the build (feature `gpu-geometry`) and the machine have one that is not software; else the CPU.
    #[default]
    Auto,
    /// All cores of the CPU.
    Cpu,
    /// A GPU (feature `gpu-geometry`), through wgpu and WGSL; also a software one.
    Gpu,
}

impl GeometryDevice {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Returns its name on the command line.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Opens it, for [`PaintPipelineBuilder::geometry`](crate::PaintPipelineBuilder::geometry) and the
    /// [`stages`](crate::stages).
    ///
    /// # Errors
    /// If `Gpu` is asked for and not compiled in, or there is none, or it cannot be used.
    pub fn init(self) -> Result<Box<dyn Backend>, PaintError> {
        match self {
            Self::Cpu => Ok(Box::new(Cpu)),
            #[cfg(feature = "gpu-geometry")]
            Self::Gpu => Ok(Box::new(gpu_baker(true)?)),
            #[cfg(feature = "gpu-geometry")]
            Self::Auto => match gpu_baker(false) {
                Ok(baker) => Ok(Box::new(baker)),
                Err(error) => {
                    tracing::info!(
                        error = &error as &dyn std::error::Error,
                        "geometry runs on the CPU: no usable GPU"
                    );
                    Ok(Box::new(Cpu))
                }
            },
            #[cfg(not(feature = "gpu-geometry"))]
            Self::Auto => Ok(Box::new(Cpu)),
            #[cfg(not(feature = "gpu-geometry"))]
            Self::Gpu => Err(PaintError::option(
                "geometry",
                "a build with the feature `gpu-geometry` or a GPU feature",
                "gpu",
            )),
        }
    }
}

/// A GPU; `NoGpu` if there is only a software one and that is not wanted.
#[cfg(feature = "gpu-geometry")]
fn gpu_baker(software_too: bool) -> Result<hunyuan_paint_bake::gpu::GpuBaker, PaintError> {
    use hunyuan_paint_bake::{BakeError, gpu::GpuBaker};
    use hunyuan_paint_raster::{RasterError, gpu::GpuDevice};

    let device = pollster::block_on(GpuDevice::request()).map_err(BakeError::from)?;
    if device.is_software() && !software_too {
        return Err(
            BakeError::from(RasterError::NoGpu { reason: "there is only one in software".into() }).into()
        );
    }
    Ok(pollster::block_on(GpuBaker::new(&device))?)
}

fn unknown(name: &str) -> PaintError {
    PaintError::option("geometry", "auto, cpu or gpu", name)
}
