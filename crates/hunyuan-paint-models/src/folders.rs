//! Names of folders and files in the published layout.

use std::path::{Path, PathBuf};

use hunyuan_paint_scheduler::SchedulerConfig;

use crate::{ModelError, config::unsupported};

/// The folder of the delight model, which stands beside the folder of a paint model.
pub const DELIGHT_FOLDER: &str = "hunyuan3d-delight-v2-0";

/// The folder of the standard paint model.
pub const PAINT_FOLDER: &str = "hunyuan3d-paint-v2-0";

/// The folder of the turbo paint model.
pub const PAINT_TURBO_FOLDER: &str = "hunyuan3d-paint-v2-0-turbo";

/// File names of the weights of a UNet or an autoencoder. The first one that exists is loaded:
/// safetensors before pickled, single precision before half precision.
pub const WEIGHT_FILES: &[&str] = &[
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.bin",
    "diffusion_pytorch_model.fp16.safetensors",
    "diffusion_pytorch_model.fp16.bin",
];

/// File names of the weights of a text encoder, in the same order as [`WEIGHT_FILES`].
pub const TEXT_ENCODER_WEIGHT_FILES: &[&str] =
    &["model.safetensors", "pytorch_model.bin", "model.fp16.safetensors", "pytorch_model.fp16.bin"];

/// Side in pixels of the images that Hunyuan3D's models were trained with. Their configurations may
/// state a larger one, which they inherited from the model that they were fine-tuned from.
pub(crate) const TRAINED_SIZE: usize = 512;

/// Returns an error that names the model folder itself if it does not exist.
pub(crate) fn check(folder: &Path) -> Result<(), ModelError> {
    match std::fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(io_error(folder, std::io::ErrorKind::NotADirectory.into())),
        Err(source) => Err(io_error(folder, source)),
    }
}

/// Finds the weights of a UNet or an autoencoder in its folder.
pub(crate) fn weights(folder: &Path) -> Result<PathBuf, ModelError> {
    find(folder, WEIGHT_FILES)
}

/// Finds the weights of a text encoder in its folder.
pub(crate) fn text_encoder_weights(folder: &Path) -> Result<PathBuf, ModelError> {
    find(folder, TEXT_ENCODER_WEIGHT_FILES)
}

/// Reads the scheduler's configuration of a model folder.
pub(crate) fn scheduler_config(folder: &Path) -> Result<SchedulerConfig, ModelError> {
    let path = folder.join("scheduler/scheduler_config.json");
    let json = std::fs::read_to_string(&path).map_err(|source| io_error(&path, source))?;
    SchedulerConfig::from_json(&json)
        .map_err(|error| unsupported(&path, "(whole file)", "a scheduler configuration", error))
}

fn find(folder: &Path, names: &[&str]) -> Result<PathBuf, ModelError> {
    let found = names.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    found
        .map(follow_link_text)
        .ok_or_else(|| ModelError::NoWeights { folder: folder.to_owned(), expected: names.join(", ") })
}

/// Returns the file that a path refers to. On systems without symbolic links, git writes a link as
/// a text file that contains the path of its target.
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
