use std::{fmt, str::FromStr};

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{DType, Tensor},
};
use hunyuan_paint_kernels::arrange_weight;

use crate::ModelError;

/// In which floating point a network keeps its weights and computes. What goes in and comes out stays in the
/// caller's, so that schedulers always work in single precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// Half precision: half the memory, and about three digits. Norms still sum in single precision.
    F16,
}

impl Precision {
    /// Both.
    pub const ALL: [Self; 2] = [Self::F32, Self::F16];

    /// Its name, as the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }

    /// burn's name for it.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
        }
    }

    /// Converts a network's weights.
    ///
    /// # Errors
    /// If the network's device does not compute in this precision.
    pub(crate) fn convert<M: Module>(self, network: M) -> Result<M, ModelError> {
        self.check(&network)?;
        Ok(network.map(&mut CastWeights(self.dtype())))
    }

    /// Whether the network's device computes in this precision.
    pub(crate) fn check<M: Module>(self, network: &M) -> Result<(), ModelError> {
        match network.devices().iter().find(|device| !device.supports_dtype(self.dtype())) {
            Some(device) => {
                Err(ModelError::input("precision", format!("one that {device:?} computes in"), self))
            }
            None => Ok(()),
        }
    }
}

struct CastWeights(DType);

impl ModuleMapper for CastWeights {
    fn map_float<const D: usize>(&mut self, weight: Param<Tensor<D>>) -> Param<Tensor<D>> {
        weight.map(|weight| arrange_weight(weight.cast(self.0)))
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = ModelError;

    fn from_str(name: &str) -> Result<Self, ModelError> {
        let found = Self::ALL.into_iter().find(|precision| precision.name() == name);
        found.ok_or_else(|| ModelError::input("precision", Self::ALL.map(Self::name).join(" or "), name))
    }
}
