#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod attention;
mod conv;
#[cfg(feature = "flex")]
mod cpu;
#[cfg(feature = "cubecl")]
mod gpu;
mod layout;
mod linear;
mod matrix_units;
mod norm;

pub use self::{
    attention::Attention,
    conv::{Conv1x1, Conv3x3, Padding},
    layout::{arrange_weight, concat_channels, is_channels_last, to_map, to_tokens},
    linear::Linear,
    matrix_units::MatrixUnits,
    norm::{GroupNorm, LayerNorm},
};

/// An operation of a network, with kernels of its own on devices that support them.
pub trait Operation: Sized {
    /// The type of the result.
    type Output;

    /// Returns the name of the kernel that [`Self::on_gpu`] launches, or `None` if none fits.
    fn gpu_kernel_name(&self) -> Option<&'static str> {
        None
    }

    /// Returns the name of the kernel that [`Self::on_cpu`] runs, or `None` if none fits.
    fn cpu_kernel_name(&self) -> Option<&'static str> {
        None
    }

    /// Returns the name of the kernel that [`Self::run`] uses, as listed in the README. `None` stands
    /// for burn's operations.
    ///
    /// Computes nothing, but may copy operands of unusual shapes.
    fn kernel_name(&self) -> Option<&'static str> {
        self.gpu_kernel_name().or_else(|| self.cpu_kernel_name())
    }

    /// Launches a kernel on a GPU that burn reaches through CubeCL. Returns `None` if no kernel
    /// fits the device, the precision or the shapes.
    fn on_gpu(&self) -> Option<Self::Output> {
        None
    }

    /// Runs a kernel on the CPU. Returns `None` if no kernel fits the device, the precision or the
    /// shapes.
    fn on_cpu(&self) -> Option<Self::Output> {
        None
    }

    /// Runs a kernel on the operands' device. Returns `None` if no kernel fits.
    fn kernel(&self) -> Option<Self::Output> {
        self.on_gpu().or_else(|| self.on_cpu())
    }

    /// Computes the result with burn's operations, on any device.
    fn reference(self) -> Self::Output;

    /// Runs a kernel if one fits, and burn's operations otherwise.
    fn run(self) -> Self::Output {
        match self.kernel() {
            Some(output) => output,
            None => self.reference(),
        }
    }
}
