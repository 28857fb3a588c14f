#![doc = include_str!("../README.md")]

mod attention;
mod conv;
#[cfg(feature = "flex")]
mod cpu;
#[cfg(feature = "cubecl")]
mod gpu;
mod layout;
mod linear;
mod norm;

pub use self::{
    attention::Attention,
    conv::{Conv1x1, Conv3x3, Padding},
    layout::{arrange_weight, concat_channels, is_channels_last, to_map, to_tokens},
    linear::Linear,
    norm::{GroupNorm, LayerNorm},
};

/// An operation of a network, with a kernel of its own where the device allows.
pub trait Operation: Sized {
    /// What it computes.
    type Output;

    /// Our kernel for GPUs that burn reaches through CubeCL; `None` where it does not fit the device, the precision or the
    /// shapes.
    fn on_gpu(&self) -> Option<Self::Output> {
        None
    }

    /// Our kernel for the CPU; `None` likewise.
    fn on_cpu(&self) -> Option<Self::Output> {
        None
    }

    /// Our own kernel, wherever the operands are; `None` if there is none that fits.
    fn kernel(&self) -> Option<Self::Output> {
        self.on_gpu().or_else(|| self.on_cpu())
    }

    /// The same of burn's operations, on any device.
    fn composed(self) -> Self::Output;

    /// The kernel if it fits, else burn's operations.
    fn run(self) -> Self::Output {
        match self.kernel() {
            Some(output) => output,
            None => self.composed(),
        }
    }
}
