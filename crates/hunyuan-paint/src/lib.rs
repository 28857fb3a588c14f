#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod check;
mod compute_device;
#[cfg(any(feature = "cpu", feature = "wgpu"))]
mod device_memory;
mod error;
mod geometry_device;
#[cfg(feature = "hub")]
mod hub_source;
mod options;
mod output;
mod pipeline;
mod precision_choice;
pub mod preview;
mod progress;
pub mod stages;
mod warning;

pub use self::{
    builder::PaintPipelineBuilder,
    compute_device::{ComputeDevice, DeviceInfo, DeviceReport},
    error::PaintError,
    geometry_device::GeometryDevice,
    options::{DelightOptions, PaintOptions, Variant},
    output::{Painting, TexturedMesh},
    pipeline::PaintPipeline,
    precision_choice::PrecisionChoice,
    progress::{PaintStage, Progress, ProgressCallback, ignore_progress},
    warning::PaintWarning,
};
pub use burn::tensor::Device;
pub use glam;
#[cfg(feature = "hub")]
pub use hub_source::hub_repository;
pub use hunyuan_paint_bake as bake;
#[cfg(feature = "hub")]
pub use hunyuan_paint_hub as hub;
pub use hunyuan_paint_image as imaging;
pub use hunyuan_paint_mesh as mesh;
pub use hunyuan_paint_models as models;
pub use hunyuan_paint_models::{LoadOptions, MemoryBudget, MemoryPlan, Precision, folders::DELIGHT_FOLDER};
pub use hunyuan_paint_raster as raster;
pub use hunyuan_paint_scheduler as scheduler;
pub use image;
