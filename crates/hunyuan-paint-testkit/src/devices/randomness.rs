use std::{fmt, str::FromStr};

use hunyuan_paint_scheduler::random::{NormalGenerator, Philox, TorchCpu, TorchCuda};

use super::fixture::DeviceFixture;
use crate::case::CaseError;

/// Source of a run's random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Randomness {
    /// PyTorch's default generator of the device: a Mersenne Twister on the CPU, Philox on a GPU.
    DeviceOwn,
    /// As `DeviceOwn`, but with the same initial latents on both devices.
    SharedLatents,
    /// This workspace's Philox on the host, for all devices.
    Shared,
    /// PyTorch's generators, with separate generators for the initial latents and for the noise of
    /// the steps that have the same seed, so that both start with the same numbers.
    OneSeedTwice,
}

impl Randomness {
    /// All sources.
    pub const ALL: [Self; 4] = [Self::DeviceOwn, Self::SharedLatents, Self::Shared, Self::OneSeedTwice];

    /// Returns the name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeviceOwn => "device-own",
            Self::SharedLatents => "shared-latents",
            Self::Shared => "shared",
            Self::OneSeedTwice => "one-seed-twice",
        }
    }

    /// Creates the generators of a run on a device.
    pub fn init(self, on: &DeviceFixture, seed: u64) -> Generators {
        let device_own = || -> Box<dyn NormalGenerator> {
            if on.compute_device.is_gpu() {
                Box::new(TorchCuda::new(seed))
            } else {
                Box::new(TorchCpu::new(seed))
            }
        };
        let shared = |seed| Box::new(Philox::new(seed)) as Box<dyn NormalGenerator>;
        // The autoencoder's noise is the same for all sources, so that only schedulers are
        // compared.
        let posterior = shared(!seed);
        let latents: Box<dyn NormalGenerator> = match self {
            Self::DeviceOwn => device_own(),
            Self::SharedLatents => Box::new(FirstFrom { first: Some(shared(seed)), then: device_own() }),
            Self::Shared => shared(seed),
            Self::OneSeedTwice => Box::new(FirstFrom { first: Some(device_own()), then: device_own() }),
        };
        Generators { posterior, latents }
    }
}

impl fmt::Display for Randomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Randomness {
    type Err = CaseError;

    fn from_str(name: &str) -> Result<Self, CaseError> {
        let found = Self::ALL.into_iter().find(|randomness| randomness.name() == name);
        found.ok_or_else(|| CaseError::Parameter {
            name: "randomness",
            expected: "device-own, shared-latents, shared or one-seed-twice",
            found: name.to_owned(),
        })
    }
}

/// The generators of a run.
pub struct Generators {
    /// Generator for the autoencoder's posterior.
    pub posterior: Box<dyn NormalGenerator>,
    /// Generator for the initial latents and the noise of the steps.
    pub latents: Box<dyn NormalGenerator>,
}

impl fmt::Debug for Generators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generators").finish_non_exhaustive()
    }
}

/// Draws the first tensor from one generator and all others from another.
struct FirstFrom {
    first: Option<Box<dyn NormalGenerator>>,
    then: Box<dyn NormalGenerator>,
}

impl NormalGenerator for FirstFrom {
    fn fill_normal(&mut self, out: &mut [f32]) {
        match self.first.take() {
            Some(mut first) => first.fill_normal(out),
            None => self.then.fill_normal(out),
        }
    }
}
