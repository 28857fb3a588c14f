//! Differences between two results, and statistics of images, for comparing devices, precisions or
//! versions.

mod images;
mod numbers;

pub use self::{
    images::{ImageDifferences, ImageStatistics, compare_images, edge_strength, image_statistics},
    numbers::{Differences, compare_tensors, compare_values, correlation},
};

/// A reason why a metric cannot be computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// The two sides do not match, or one cannot be read.
    #[error("{what}: expected {expected}, found {found}")]
    Mismatch {
        /// The property that does not match.
        what: &'static str,
        /// Value of the expected side.
        expected: String,
        /// Value of the other side.
        found: String,
    },
    /// An image cannot be encoded to measure its size.
    #[error("the image cannot be encoded")]
    Encode {
        /// Error of the encoder.
        #[source]
        source: image::ImageError,
    },
}

impl MetricError {
    pub(crate) fn mismatch(what: &'static str, expected: impl ToString, found: impl ToString) -> Self {
        Self::Mismatch { what, expected: expected.to_string(), found: found.to_string() }
    }
}
