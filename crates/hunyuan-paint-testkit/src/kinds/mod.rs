//! The kinds of cases, one file per family. Each computes outputs from the inputs of a case and
//! compares them.

pub mod bake;
pub mod camera;
pub mod image;
pub mod networks;
pub mod pipelines;
pub mod random;
pub mod raster;
pub mod scheduler;
