//! Differences between two results, and statistics of images: small functions to find out where two devices, two
//! precisions or two versions part.

mod images;
mod numbers;

pub use self::{
    images::{ImageDifferences, ImageStatistics, compare_images, edge_strength, image_statistics},
    numbers::{Differences, compare_tensors, compare_values, correlation},
};

/// Why a metric cannot be computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// The two sides do not fit together, or a side cannot be read.
    #[error("{what}: expected {expected}, found {found}")]
    Mismatch {
        /// What does not fit.
        what: &'static str,
        /// The expected side.
        expected: String,
        /// The other side.
        found: String,
    },
    /// An image cannot be encoded to measure its size.
    #[error("the image cannot be encoded")]
    Encode {
        /// What the encoder said.
        #[source]
        source: image::ImageError,
    },
}

impl MetricError {
    pub(crate) fn mismatch(what: &'static str, expected: impl ToString, found: impl ToString) -> Self {
        Self::Mismatch { what, expected: expected.to_string(), found: found.to_string() }
    }
}
