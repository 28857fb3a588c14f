//! The published folder layout: which file holds what.

use std::path::{Path, PathBuf};

use hunyuan_paint_scheduler::SchedulerConfig;

use crate::{ModelError, config::unsupported};

/// Side of the images that Hunyuan3D's models were trained with, whatever size the configuration inherits from
/// the model that they were trained from.
pub(crate) const TRAINED_SIZE: usize = 512;

/// Refuses a model folder that is not there, by its own name rather than by that of a file in it.
pub(crate) fn check(folder: &Path) -> Result<(), ModelError> {
    match std::fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(io_error(folder, std::io::ErrorKind::NotADirectory.into())),
        Err(source) => Err(io_error(folder, source)),
    }
}

/// The weights of a UNet or autoencoder in its folder.
pub(crate) fn weights(folder: &Path) -> Result<PathBuf, ModelError> {
    find(folder, ["diffusion_pytorch_model", "diffusion_pytorch_model"])
}

/// The weights of a text encoder in its folder.
pub(crate) fn text_encoder_weights(folder: &Path) -> Result<PathBuf, ModelError> {
    find(folder, ["model", "pytorch_model"])
}

/// The scheduler's configuration.
pub(crate) fn scheduler_config(folder: &Path) -> Result<SchedulerConfig, ModelError> {
    let path = folder.join("scheduler/scheduler_config.json");
    let json = std::fs::read_to_string(&path).map_err(|source| io_error(&path, source))?;
    SchedulerConfig::from_json(&json)
        .map_err(|error| unsupported(&path, "(whole file)", "a scheduler's configuration", error))
}

/// The first file of the names under which weights are published: safetensors before pickled,
/// single before half precision.
fn find(folder: &Path, [safetensors, pickle]: [&str; 2]) -> Result<PathBuf, ModelError> {
    let names = [
        format!("{safetensors}.safetensors"),
        format!("{pickle}.bin"),
        format!("{safetensors}.fp16.safetensors"),
        format!("{pickle}.fp16.bin"),
    ];
    let found = names.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| ModelError::NoWeights { folder: folder.to_owned(), expected: names.join(", ") })
}

fn io_error(path: &Path, source: std::io::Error) -> ModelError {
    ModelError::Io { path: path.to_owned(), source }
}
