#![doc = include_str!("../README.md")]

mod cpu;
mod error;
mod visibility;

pub use cpu::{interpolate, interpolate_at, rasterize};
pub use error::RasterError;
pub use visibility::{DepthPrior, NO_FACE, Size, VisibilityBuffer};
