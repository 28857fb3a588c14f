#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod cpu;
mod error;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod texture;
mod view;
mod visibility;

pub use cpu::{interpolate, interpolate_at, rasterize};
pub use error::RasterError;
pub use view::{Coverage, DepthKey, DepthPrior, RasterOptions, View, Viewport};
pub use visibility::{NO_FACE, Size, VisibilityBuffer};
