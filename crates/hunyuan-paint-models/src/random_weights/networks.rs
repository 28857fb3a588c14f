//! Networks with random weights, from their configurations.

use super::randomize;
use crate::{
    AutoencoderKl, AutoencoderKlConfig, ClipTextConfig, ClipTextModel, LoadOptions, ModelError,
    MultiviewUNet, ReferenceUNet, UNet2DConditionConfig, UNet2DConditionModel, UNet2p5DConditionConfig,
};

impl AutoencoderKlConfig {
    /// Creates the network with weights that depend on the seed alone.
    ///
    /// # Errors
    /// If the sizes do not fit together, or the device does not compute in the precision.
    pub fn random(&self, seed: u64, options: impl Into<LoadOptions>) -> Result<AutoencoderKl, ModelError> {
        let LoadOptions { device, precision, .. } = options.into();
        randomize(self.init(&device)?, seed, precision)
    }
}

impl ClipTextConfig {
    /// Creates the network with weights that depend on the seed alone.
    ///
    /// # Errors
    /// If the sizes do not fit together, or the device does not compute in the precision.
    pub fn random(&self, seed: u64, options: impl Into<LoadOptions>) -> Result<ClipTextModel, ModelError> {
        let LoadOptions { device, precision, .. } = options.into();
        randomize(self.init(&device)?, seed, precision)
    }
}

impl UNet2DConditionConfig {
    /// Creates the network with weights that depend on the seed alone.
    ///
    /// # Errors
    /// If the sizes do not fit together, or the device does not compute in the precision.
    pub fn random(
        &self,
        seed: u64,
        options: impl Into<LoadOptions>,
    ) -> Result<UNet2DConditionModel, ModelError> {
        let LoadOptions { device, precision, .. } = options.into();
        randomize(self.init(&device)?, seed, precision)
    }
}

impl UNet2p5DConditionConfig {
    /// Creates the main network with weights that depend on the seed alone.
    ///
    /// # Errors
    /// If the sizes do not fit together, or the device does not compute in the precision.
    pub fn random_multiview(
        &self,
        seed: u64,
        options: impl Into<LoadOptions>,
    ) -> Result<MultiviewUNet, ModelError> {
        let LoadOptions { device, precision, .. } = options.into();
        randomize(self.init_multiview(&device)?, seed, precision)
    }

    /// Creates the network that reads the references, with weights that depend on the seed alone.
    ///
    /// # Errors
    /// If the sizes do not fit together, or the device does not compute in the precision.
    pub fn random_reference(
        &self,
        seed: u64,
        options: impl Into<LoadOptions>,
    ) -> Result<ReferenceUNet, ModelError> {
        let LoadOptions { device, precision, .. } = options.into();
        randomize(self.init_reference(&device)?, seed, precision)
    }
}
