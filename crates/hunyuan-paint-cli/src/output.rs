//! Where results go.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use hunyuan_paint::{TexturedMesh, preview};
use image::RgbImage;

use crate::error::CliError;

/// The value of `--output`: a `.glb` file, an `.obj` file (with an `.mtl` and a `.png` beside it) or a folder.
#[derive(Clone, Debug)]
pub(crate) enum MeshOutput {
    Glb(PathBuf),
    Obj(PathBuf),
    Folder(PathBuf),
}

/// Extensions of files that cannot be written. Everything else that is not `.glb` or `.obj` is a folder.
const OTHER_FILES: [&str; 9] = ["gltf", "ply", "stl", "fbx", "dae", "usd", "usdz", "png", "jpg"];

impl MeshOutput {
    /// Parses the argument.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        let extension = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
        match extension.as_deref() {
            _ if path.is_dir() => Ok(Self::Folder(path)),
            Some("glb") => Ok(Self::Glb(path)),
            Some("obj") => Ok(Self::Obj(path)),
            Some(other) if OTHER_FILES.contains(&other) => {
                Err(format!("expected a .glb file, an .obj file or a folder, found .{other}"))
            }
            _ => Ok(Self::Folder(path)),
        }
    }

    /// Parses the argument of a command that writes one file.
    pub(crate) fn parse_file(text: &str) -> Result<Self, String> {
        match Self::parse(text)? {
            Self::Folder(_) => Err("expected a .glb or .obj file".into()),
            file => Ok(file),
        }
    }

    /// Refuses an output that cannot be written, before any work is done.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        match self {
            Self::Folder(path) => check_folder(path),
            Self::Glb(path) | Self::Obj(path) => path.parent().map_or(Ok(()), check_folder),
        }
    }

    /// Writes the mesh with its texture; into a folder also the texture and the preview. Each file appears whole
    /// or not at all. Returns the files.
    pub(crate) fn write(
        &self,
        textured: &TexturedMesh,
        preview: impl FnOnce() -> Result<RgbImage, CliError>,
    ) -> Result<Vec<PathBuf>, CliError> {
        create_folder(match self {
            Self::Folder(path) => path,
            Self::Glb(path) | Self::Obj(path) => path.parent().unwrap_or(path),
        })?;
        match self {
            Self::Glb(path) => {
                textured.write_glb(path).map_err(|error| CliError::write(path, error))?;
                Ok(vec![path.clone()])
            }
            Self::Obj(path) => {
                textured.write_obj(path).map_err(|error| CliError::write(path, error))?;
                Ok(["obj", "mtl", "png"].map(|extension| path.with_extension(extension)).to_vec())
            }
            Self::Folder(path) => {
                let [mesh, texture, sheet] =
                    ["textured.glb", "texture.png", "preview.png"].map(|name| path.join(name));
                textured.write_glb(&mesh).map_err(|error| CliError::write(&mesh, error))?;
                textured.write_texture(&texture).map_err(|error| CliError::write(&texture, error))?;
                write_png(&sheet, &preview()?)?;
                Ok(vec![mesh, texture, sheet])
            }
        }
    }
}

/// Refuses a folder that cannot be written to or created: its place, or that of a folder above it, is
/// taken by a file or is read-only.
pub(crate) fn check_folder(path: &Path) -> Result<(), CliError> {
    let existing = path.ancestors().find(|ancestor| ancestor.exists());
    // Relative paths lie in the working directory.
    match existing.or(path.is_relative().then_some(Path::new("."))) {
        Some(existing) if !existing.is_dir() => {
            Err(CliError::Output { path: existing.to_owned(), expected: "a folder", found: "a file" })
        }
        // The only sure test of a place is to write there.
        Some(existing) => {
            tempfile::tempfile_in(existing).map(drop).map_err(|error| CliError::write(path, error))
        }
        None => Ok(()),
    }
}

/// Creates a folder and those above it.
pub(crate) fn create_folder(path: &Path) -> Result<(), CliError> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(path).map_err(|error| CliError::write(path, error))
}

/// Writes a PNG, whole or not at all.
pub(crate) fn write_png(path: &Path, image: &RgbImage) -> Result<(), CliError> {
    preview::write_png(path, image).map_err(|error| CliError::write(path, error))
}
