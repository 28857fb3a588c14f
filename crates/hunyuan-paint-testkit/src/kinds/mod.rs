//! One file for each family of kinds: from a case's inputs to the outputs under test.

pub mod bake;
pub mod camera;
pub mod image;
pub mod networks;
pub mod pipelines;
pub mod random;
pub mod raster;
pub mod scheduler;
