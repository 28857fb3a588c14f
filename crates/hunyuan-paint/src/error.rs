use std::path::PathBuf;

use hunyuan_paint_bake::BakeError;
use hunyuan_paint_image::ImageError;
use hunyuan_paint_mesh::MeshError;
use hunyuan_paint_models::ModelError;

use crate::ComputeDevice;

/// Why a mesh could not be painted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PaintError {
    /// The mesh, its UVs or its cameras.
    #[error(transparent)]
    Mesh(MeshError),
    /// An image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A model folder or a network.
    #[error(transparent)]
    Model(ModelError),
    /// A model folder that is to be downloaded (feature `hub`).
    #[cfg(feature = "hub")]
    #[error(transparent)]
    Hub(hunyuan_paint_hub::HubError),
    /// Condition maps or the texture.
    #[error(transparent)]
    Bake(BakeError),
    /// A texture that cannot be encoded.
    #[error("{path}: the texture cannot be encoded")]
    Encode {
        /// The file.
        path: PathBuf,
        /// What the encoder said.
        #[source]
        source: image::ImageError,
    },
    /// An option is out of range.
    #[error("{option}: expected {expected}, found {found}")]
    Option {
        /// Which.
        option: &'static str,
        /// What is allowed.
        expected: String,
        /// What was asked for.
        found: String,
    },
    /// The device was not compiled in.
    #[error("device '{device}' is not in this build: enable the feature '{device}'")]
    DeviceMissing {
        /// Which.
        device: ComputeDevice,
    },
    /// The device was compiled in, but this machine has none, or it cannot be opened.
    #[error("device '{device}' cannot be opened: {reason}; install its driver or choose another device")]
    NoDevice {
        /// Which.
        device: ComputeDevice,
        /// What the driver said.
        reason: String,
    },
    /// An automatic choice of the device would run large networks on a CPU.
    #[error(
        "the networks have {} million parameters and would take hours on a CPU, the only device ({reason}); \
        choose the device `cpu` to run them all the same",
        parameters / 1_000_000
    )]
    TooSlowOnCpu {
        /// Parameters of the paint model.
        parameters: u64,
        /// Why no GPU was taken.
        reason: String,
    },
    /// The progress callback asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl PaintError {
    pub(crate) fn option(option: &'static str, expected: impl ToString, found: impl ToString) -> Self {
        Self::Option { option, expected: expected.to_string(), found: found.to_string() }
    }
}

// A cancelled stage is a cancelled painting, whichever crate it ran in.

impl From<MeshError> for PaintError {
    fn from(error: MeshError) -> Self {
        match error {
            MeshError::Cancelled => Self::Cancelled,
            other => Self::Mesh(other),
        }
    }
}

impl From<ModelError> for PaintError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Cancelled => Self::Cancelled,
            other => Self::Model(other),
        }
    }
}

impl From<BakeError> for PaintError {
    fn from(error: BakeError) -> Self {
        match error {
            BakeError::Cancelled => Self::Cancelled,
            other => Self::Bake(other),
        }
    }
}

#[cfg(feature = "hub")]
impl From<hunyuan_paint_hub::HubError> for PaintError {
    fn from(error: hunyuan_paint_hub::HubError) -> Self {
        match error {
            hunyuan_paint_hub::HubError::Cancelled => Self::Cancelled,
            other => Self::Hub(other),
        }
    }
}
