//! Standard normal numbers, identical on every device.
//!
//! [`Philox`] is this workspace's own generator: portable, and independent of the order of draws.
//! [`TorchCpu`] and [`TorchCuda`] reproduce PyTorch's generators, and with them images made by
//! PyTorch.

mod mt19937;
mod philox;
mod philox4x32;
mod torch_cpu;
mod torch_cuda;

use strum::VariantArray;

pub use philox::Philox;
pub use torch_cpu::TorchCpu;
pub use torch_cuda::{CudaDevice, TorchCuda};

use crate::SchedulerError;

/// A source of standard normal numbers.
pub trait NormalGenerator {
    /// Fills `out` with the next numbers, as one tensor in row-major order.
    ///
    /// With PyTorch's generators the numbers depend on how draws are split into calls, as they do
    /// in PyTorch.
    fn fill_normal(&mut self, out: &mut [f32]);

    /// Returns the next `n` numbers.
    fn randn(&mut self, n: usize) -> Vec<f32> {
        let mut out = vec![0.0; n];
        self.fill_normal(&mut out);
        out
    }
}

/// The name of a generator.
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
#[strum(serialize_all = "kebab-case", parse_err_ty = SchedulerError, parse_err_fn = unknown_generator)]
#[non_exhaustive]
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
    /// Every generator.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Returns the name that `Display` writes and `FromStr` reads.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Creates a generator of this kind.
    pub fn init(self, seed: u64) -> Box<dyn NormalGenerator + Send> {
        match self {
            Self::Philox => Box::new(Philox::new(seed)),
            Self::TorchCpu => Box::new(TorchCpu::new(seed)),
            Self::TorchCuda => Box::new(TorchCuda::new(seed)),
        }
    }
}

fn unknown_generator(name: &str) -> SchedulerError {
    let names: Vec<&str> = GeneratorKind::ALL.iter().map(|kind| kind.name()).collect();
    SchedulerError::UnknownGenerator {
        expected: format!("one of {}", names.join(", ")),
        found: name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed() {
        let names: Vec<&str> = GeneratorKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names, ["philox", "torch-cpu", "torch-cuda"]);
        for &kind in GeneratorKind::ALL {
            assert!(kind.name().parse().is_ok_and(|k: GeneratorKind| k == kind));
            assert_eq!(kind.to_string(), kind.name());
        }
    }

    #[test]
    fn an_unknown_name_is_an_error_that_lists_the_names() {
        let error = "mt19937".parse::<GeneratorKind>().err().map(|error| error.to_string());
        let expected = "random generator: expected one of philox, torch-cpu, torch-cuda, found 'mt19937'";
        assert_eq!(error.as_deref(), Some(expected));
    }
}
