use std::{fmt, str::FromStr};

use hunyuan_paint_models::Precision;

use crate::{ComputeDevice, PaintError};

/// A precision by name, or whichever suits the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PrecisionChoice {
    /// Half precision on a GPU that computes in it, where it is several times as fast and needs half the memory; single
    /// precision on the CPU, and on a GPU in software.
    #[default]
    Auto,
    /// This one.
    Exactly(Precision),
}

impl PrecisionChoice {
    /// The precision on this device.
    pub fn resolve(self, device: ComputeDevice) -> Precision {
        let is_hardware = || device.is_gpu() && device.info().is_ok_and(|info| !info.is_software);
        let computes_in_half =
            || device.init().is_ok_and(|device| device.supports_dtype(Precision::F16.dtype()));
        match self {
            Self::Exactly(precision) => precision,
            Self::Auto if is_hardware() && computes_in_half() => Precision::F16,
            Self::Auto => Precision::F32,
        }
    }
}

impl fmt::Display for PrecisionChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Exactly(precision) => precision.fmt(f),
        }
    }
}

impl FromStr for PrecisionChoice {
    type Err = PaintError;

    fn from_str(name: &str) -> Result<Self, PaintError> {
        let exactly = |precision: Precision| (precision.name() == name).then_some(Self::Exactly(precision));
        let found =
            Precision::ALL.iter().copied().find_map(exactly).or((name == "auto").then_some(Self::Auto));
        found.ok_or_else(|| PaintError::option("precision", "auto, f32 or f16", name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for name in ["auto", "f32", "f16"] {
            assert!(matches!(name.parse::<PrecisionChoice>(), Ok(choice) if choice.to_string() == name));
        }
        assert!("f64".parse::<PrecisionChoice>().is_err());
    }

    #[cfg(feature = "cpu")]
    #[test]
    fn single_precision_suits_the_cpu() {
        assert_eq!(PrecisionChoice::Auto.resolve(ComputeDevice::Cpu), Precision::F32);
    }
}
