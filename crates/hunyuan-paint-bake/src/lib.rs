#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod automatic_views;
mod back_project;
mod backend;
mod bake;
mod blend_weight;
mod check;
mod condition_maps;
mod dilate;
mod drawn_view;
mod error;
mod fill;
mod gather;
#[cfg(feature = "gpu")]
pub mod gpu;
mod grouped;
mod merge;
mod orientation;
mod preview;
mod reliable_depth;
mod splat;
mod texels;
mod visibility_test;
mod welded;

pub use automatic_views::{AutomaticViews, visible_share};
pub use back_project::{ProjectedView, back_project};
pub use backend::{Backend, BakeRequest, Cpu, GatheredTexture, OnView, RenderRequest, RenderedView};
pub use bake::{BakeOptions, BakeProgress, BakeView, BakedTexture, Fill, Transfer, bake, bake_with};
pub use condition_maps::{ConditionMaps, ViewRenderer, render_condition_maps, render_depth_map};
pub use error::BakeError;
pub use fill::{fill_gaps, fill_gutter, fill_surface, fill_vertices};
pub use gather::gather;
pub use merge::{PartialTexture, WeightedMerge};
pub use orientation::orient_outward;
pub use preview::render_textured;
pub use reliable_depth::ReliableDepth;
pub use texels::draw_charts;
