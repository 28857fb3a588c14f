use std::{fmt, str::FromStr};

use burn::tensor::Device;

use crate::{ModelError, Precision};

/// Where networks are put, and how.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Where they run.
    pub device: Device,
    /// What they compute in.
    pub precision: Precision,
    /// How long they stay in memory.
    pub memory: MemoryPlan,
}

impl From<&Device> for LoadOptions {
    /// In single precision, to stay.
    fn from(device: &Device) -> Self {
        Self { device: device.clone(), precision: Precision::F32, memory: MemoryPlan::Keep }
    }
}

/// How long the networks of a pipeline stay in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MemoryPlan {
    /// All are loaded at once and stay: for many runs.
    #[default]
    Keep,
    /// Each is loaded when its turn comes, and freed when it has done its part: for little memory. Every run
    /// reads the files again.
    InTurn,
}

impl MemoryPlan {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Keep, Self::InTurn];

    /// Its name, as the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::InTurn => "in-turn",
        }
    }
}

impl fmt::Display for MemoryPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for MemoryPlan {
    type Err = ModelError;

    fn from_str(name: &str) -> Result<Self, ModelError> {
        let found = Self::ALL.into_iter().find(|plan| plan.name() == name);
        found.ok_or_else(|| ModelError::input("memory plan", Self::ALL.map(Self::name).join(" or "), name))
    }
}
