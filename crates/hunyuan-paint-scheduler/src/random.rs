//! Standard normal numbers, the same on every device.
//!
//! [`Philox`] is this workspace's own choice: portable, and free of draw order. [`TorchCpu`] and [`TorchCuda`] repeat
//! PyTorch's two generators, to reproduce images made with it.

mod mt19937;
mod philox;
mod philox4x32;
mod torch_cpu;
mod torch_cuda;

use std::{fmt, str::FromStr};

pub use philox::Philox;
pub use torch_cpu::TorchCpu;
pub use torch_cuda::{CudaDevice, TorchCuda};

use crate::SchedulerError;

/// A source of standard normal numbers.
pub trait NormalGenerator {
    /// Fills `out` with the next numbers: one tensor's, in row-major order.
    ///
    /// With PyTorch's generators it matters what is drawn in one call, as it does for a tensor there.
    fn fill_normal(&mut self, out: &mut [f32]);

    /// The next `n` numbers.
    fn randn(&mut self, n: usize) -> Vec<f32> {
        let mut out = vec![0.0; n];
        self.fill_normal(&mut out);
        out
    }
}

/// One of the three generators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum GeneratorKind {
    /// [`Philox`], `philox`.
    #[default]
    Philox,
    /// [`TorchCpu`], `torch-cpu`.
    TorchCpu,
    /// [`TorchCuda`] as on an H100 or H200, `torch-cuda`.
    TorchCuda,
}

impl GeneratorKind {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Philox, Self::TorchCpu, Self::TorchCuda];

    /// Its name, as [`FromStr`] reads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Philox => "philox",
            Self::TorchCpu => "torch-cpu",
            Self::TorchCuda => "torch-cuda",
        }
    }

    /// A generator of this kind.
    pub fn init(self, seed: u64) -> Box<dyn NormalGenerator + Send> {
        match self {
            Self::Philox => Box::new(Philox::new(seed)),
            Self::TorchCpu => Box::new(TorchCpu::new(seed)),
            Self::TorchCuda => Box::new(TorchCuda::new(seed)),
        }
    }
}

impl fmt::Display for GeneratorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for GeneratorKind {
    type Err = SchedulerError;

    fn from_str(name: &str) -> Result<Self, SchedulerError> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| SchedulerError::UnknownGenerator { found: name.to_owned() })
    }
}
