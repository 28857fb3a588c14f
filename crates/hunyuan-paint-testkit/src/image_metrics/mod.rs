//! How far two results are apart, and what an image is like: small functions to find out where two devices, two
//! precisions or two versions part ways.

mod images;
mod numbers;

pub use self::{
    images::{ImageDifferences, ImageStatistics, compare_images, edge_strength, image_statistics},
    numbers::{Differences, compare_tensors, compare_values, correlation},
};
