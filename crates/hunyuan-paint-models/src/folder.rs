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
    found
        .map(follow_link_text)
        .ok_or_else(|| ModelError::NoWeights { folder: folder.to_owned(), expected: names.join(", ") })
}

/// Returns the file that a path stands for: git writes a symbolic link as a text file with the target's path where the
/// system has no symbolic links.
fn follow_link_text(path: PathBuf) -> PathBuf {
    const LONGEST: u64 = 1024;
    let is_short = std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() <= LONGEST);
    let target = is_short.then(|| std::fs::read_to_string(&path).ok()).flatten();
    let target = target.and_then(|text| Some(path.parent()?.join(text.trim_end())));
    target.filter(|target| target.is_file() && target.extension() == path.extension()).unwrap_or(path)
}

fn io_error(path: &Path, source: std::io::Error) -> ModelError {
    ModelError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_git_wrote_as_text_is_followed() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let [real, link, other] = ["real.bin", "link.bin", "other.bin"].map(|name| folder.path().join(name));
        std::fs::write(&real, [0; 2048])?;
        std::fs::write(&link, "real.bin")?;
        std::fs::write(&other, "no file of that name")?;
        assert_eq!(follow_link_text(link).file_name(), real.file_name());
        assert_eq!(follow_link_text(other.clone()), other);
        assert_eq!(follow_link_text(real.clone()), real);
        Ok(())
    }
}
