use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{DType, Tensor},
};
use hunyuan_paint_kernels::arrange_weight;

use crate::ModelError;

/// The precision of a network's weights and arithmetic. Inputs and outputs keep the caller's, so that
/// schedulers always work in single precision.
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
#[strum(
    serialize_all = "lowercase",
    parse_err_fn = unknown_precision,
    parse_err_ty = ModelError
)]
#[non_exhaustive]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// Half precision: half the memory, and about three digits. Norms still sum in single precision.
    F16,
}

impl Precision {
    /// All precisions.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Returns its name on the command line.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns burn's name for it.
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

fn unknown_precision(name: &str) -> ModelError {
    ModelError::input("precision", "f32 or f16", name)
}
