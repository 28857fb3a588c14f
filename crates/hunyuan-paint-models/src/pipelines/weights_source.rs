use std::path::PathBuf;

use burn::module::Module;

#[cfg(any(test, feature = "random-weights"))]
use crate::random_weights::randomize;
use crate::{
    LoadOptions, ModelError,
    weights::{self, KeyMap},
};

/// Where a network's weights come from.
#[derive(Clone, Debug)]
pub(super) enum WeightsSource {
    /// A file.
    File(PathBuf),
    /// Random numbers that depend on this seed alone.
    #[cfg(any(test, feature = "random-weights"))]
    Random(u64),
}

impl WeightsSource {
    /// Fills a network with weights.
    pub(super) fn load<M: Module>(
        &self,
        network: M,
        keys: KeyMap,
        options: &LoadOptions,
    ) -> Result<M, ModelError> {
        match self {
            Self::File(file) => weights::load(network, file, keys, options),
            #[cfg(any(test, feature = "random-weights"))]
            Self::Random(seed) => randomize(network, *seed, options.precision),
        }
    }
}
