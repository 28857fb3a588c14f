//! Arguments of the experiments that compare devices.

use std::{error::Error, path::PathBuf};

use hunyuan_paint_testkit::devices::Scene;

use crate::inputs::repository_file;

/// The model, the object and the runs.
#[derive(Debug, clap::Args)]
pub struct ExperimentArguments {
    /// A folder of weights in the published layout.
    #[arg(long, default_value_os_t = repository_file("crates/hunyuan-paint-testkit/cases/model_tiny"))]
    pub model: PathBuf,
    /// The mesh whose views are painted.
    #[arg(long, default_value_os_t = repository_file("assets/robot.glb"))]
    pub mesh: PathBuf,
    /// An image of the object.
    #[arg(long, default_value_os_t = repository_file("assets/robot.png"))]
    pub image: PathBuf,
    /// Side of the images in whole runs, in pixels.
    #[arg(long, default_value_t = 64)]
    pub size: u32,
    /// Steps of whole runs.
    #[arg(long, default_value_t = 20)]
    pub steps: usize,
    /// Seed of whole runs.
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
}

impl ExperimentArguments {
    /// Reads the object and renders its condition maps.
    ///
    /// # Errors
    /// If a file cannot be read, or the maps cannot be rendered.
    pub fn scene(&self) -> Result<Scene, Box<dyn Error>> {
        Ok(Scene::read(&self.mesh, &self.image, self.size)?)
    }
}
