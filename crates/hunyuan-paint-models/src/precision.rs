use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{DType, Tensor},
};
use hunyuan_paint_kernels::arrange_weight;
use strum::VariantArray;

use crate::ModelError;

/// The floating-point type of a network's weights and computation.
///
/// Inputs and outputs of a network keep the caller's type, so schedulers always work in single
/// precision. `Display` and `FromStr` use the names `f32` and `f16`.
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
#[strum(parse_err_ty = ModelError, parse_err_fn = unknown_precision)]
#[non_exhaustive]
pub enum Precision {
    /// Single precision.
    #[default]
    #[strum(to_string = "f32")]
    F32,
    /// Half precision: half the memory, and about three significant digits. Norms still sum in
    /// single precision.
    #[strum(to_string = "f16")]
    F16,
}

impl Precision {
    /// Every precision.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Returns the name: `f32` or `f16`.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns burn's data type.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
        }
    }

    /// Converts a network's weights.
    ///
    /// # Errors
    /// If the network's device does not support this precision.
    pub(crate) fn convert<M: Module>(self, network: M) -> Result<M, ModelError> {
        self.check(&network)?;
        Ok(network.map(&mut CastWeights(self.dtype())))
    }

    /// Returns an error if the network's device does not support this precision.
    pub(crate) fn check<M: Module>(self, network: &M) -> Result<(), ModelError> {
        match network.devices().iter().find(|device| !device.supports_dtype(self.dtype())) {
            Some(device) => {
                Err(ModelError::input("precision", format!("one that {device:?} supports"), self))
            }
            None => Ok(()),
        }
    }
}

fn unknown_precision(found: &str) -> ModelError {
    let names: Vec<&str> = Precision::ALL.iter().map(|precision| precision.name()).collect();
    ModelError::input("precision", names.join(" or "), found)
}

struct CastWeights(DType);

impl ModuleMapper for CastWeights {
    fn map_float<const D: usize>(&mut self, weight: Param<Tensor<D>>) -> Param<Tensor<D>> {
        weight.map(|weight| arrange_weight(weight.cast(self.0)))
    }
}
