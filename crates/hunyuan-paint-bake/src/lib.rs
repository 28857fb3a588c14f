#![doc = include_str!("../README.md")]

mod back_project;
mod bake;
mod check;
mod condition_maps;
mod dilate;
mod error;
mod fill;
#[cfg(feature = "gpu")]
pub mod gpu;
mod merge;
mod preview;
mod splat;
mod view;

pub use back_project::{ProjectedView, back_project};
pub use bake::{BakeOptions, BakeProgress, BakeView, BakedTexture, bake};
pub use condition_maps::{ConditionMaps, render_condition_maps};
pub use error::BakeError;
pub use fill::{fill_gaps, fill_vertices};
pub use merge::{PaintedTexture, TrustMerge};
pub use preview::render_textured;
