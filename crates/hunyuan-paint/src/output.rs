use std::path::Path;

use hunyuan_paint_mesh::{Mesh, glb_bytes, write_atomically, write_glb, write_obj};
use image::{GrayImage, RgbImage};

use crate::{PaintError, PaintWarning, stages::Conditions};

/// A mesh with a texture.
#[derive(Clone, Debug)]
pub struct TexturedMesh {
    /// The mesh, with the positions, units and axes of the one that came in, and with UVs.
    pub mesh: Mesh,
    /// The texture; its last row is at v = 0.
    pub texture: RgbImage,
    /// 255 where a view colored the texel, 0 where it was filled in.
    pub coverage: GrayImage,
}

impl TexturedMesh {
    /// Writes one binary glTF file with the texture in it. The file appears whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_glb(&self, path: impl AsRef<Path>) -> Result<(), PaintError> {
        Ok(write_glb(path.as_ref(), &self.mesh, &self.texture)?)
    }

    /// Returns the binary glTF file.
    ///
    /// # Errors
    /// If it would be larger than the format allows.
    pub fn glb_bytes(&self) -> Result<Vec<u8>, PaintError> {
        Ok(glb_bytes(&self.mesh, &self.texture)?)
    }

    /// Writes a Wavefront OBJ, and an MTL and a PNG of the same name beside it.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_obj(&self, path: impl AsRef<Path>) -> Result<(), PaintError> {
        Ok(write_obj(path.as_ref(), &self.mesh, &self.texture)?)
    }

    /// Writes the texture as PNG. The file appears whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_texture(&self, path: impl AsRef<Path>) -> Result<(), PaintError> {
        write_png(path.as_ref(), &self.texture)
    }
}

/// A finished painting, and what it was made from.
#[derive(Clone, Debug)]
pub struct Painting {
    /// The result.
    pub textured: TexturedMesh,
    /// What the user should know about the inputs.
    pub warnings: Vec<PaintWarning>,
    /// The reference images as the paint model saw them.
    pub references: Vec<RgbImage>,
    /// What the cameras see of the geometry.
    pub conditions: Conditions,
    /// The painted views.
    pub views: Vec<RgbImage>,
}

/// Writes an image as PNG, whole or not at all.
pub(crate) fn write_png(path: &Path, image: &RgbImage) -> Result<(), PaintError> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image
        .write_to(&mut bytes, image::ImageFormat::Png)
        .map_err(|source| PaintError::Encode { path: path.to_owned(), source })?;
    Ok(write_atomically(path, bytes.get_ref())?)
}
