//! Files and values of the command line.

use std::path::{Path, PathBuf};

use hunyuan_paint::{
    MemoryPlan,
    imaging::{ReferenceImage, read_image},
    mesh::{CameraView, DEFAULT_VIEWS, UvMode, parse_views},
};
use image::RgbImage;

use crate::error::CliError;

/// Reads a camera list (`[{"azimuth": 0, "elevation": 0, "weight": 1}, …]`), or returns the six default cameras.
pub(crate) fn read_views(path: Option<&Path>) -> Result<Vec<CameraView>, CliError> {
    let Some(path) = path else { return Ok(DEFAULT_VIEWS.to_vec()) };
    let json = std::fs::read_to_string(path).map_err(|error| CliError::input(path, error))?;
    parse_views(&json).map_err(|error| CliError::input(path, error))
}

/// Reads images in their order.
pub(crate) fn read_images(paths: &[PathBuf]) -> Result<Vec<ReferenceImage>, CliError> {
    paths.iter().map(|path| Ok(read_image(path)?)).collect()
}

/// Reads an image, on white where it is transparent.
pub(crate) fn read_rgb(path: &Path) -> Result<RgbImage, CliError> {
    Ok(read_image(path)?.on_white())
}

/// Parses `--uv`.
pub(crate) fn parse_uv_mode(name: &str) -> Result<UvMode, String> {
    match name {
        "auto" => Ok(UvMode::Auto),
        "keep" => Ok(UvMode::Keep),
        "unwrap" => Ok(UvMode::Unwrap),
        other => Err(format!("expected auto, keep or unwrap, found {other}")),
    }
}

/// A memory plan, or whichever suits the device's memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryChoice(pub(crate) Option<MemoryPlan>);

/// Parses `--memory`.
pub(crate) fn parse_memory(name: &str) -> Result<MemoryChoice, String> {
    if name == "auto" {
        return Ok(MemoryChoice(None));
    }
    name.parse()
        .map(|plan| MemoryChoice(Some(plan)))
        .map_err(|_| format!("expected auto, keep or reload, found {name}"))
}

/// Finds the repository's folder `assets/demo` in the current folder or above it.
pub(crate) fn demo_folder() -> Result<PathBuf, CliError> {
    let current = std::env::current_dir().map_err(|error| CliError::input(".", error))?;
    let found = current.ancestors().map(|folder| folder.join("assets/demo")).find(|folder| folder.is_dir());
    found.ok_or_else(|| {
        CliError::Usage(
            "--demo: no folder assets/demo here or above; run in a checkout of the repository, or give the path of \
             the demo model: --demo PATH"
                .into(),
        )
    })
}
