use burn::tensor::Device;

use crate::Precision;

/// Where networks are put, and how.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Where they run.
    pub device: Device,
    /// What they compute in.
    pub precision: Precision,
}

impl From<&Device> for LoadOptions {
    /// In single precision.
    fn from(device: &Device) -> Self {
        Self { device: device.clone(), precision: Precision::F32 }
    }
}
