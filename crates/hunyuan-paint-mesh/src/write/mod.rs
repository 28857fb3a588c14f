//! Writing textured meshes.

mod atomic;
mod glb;
mod obj;

use image::{
    ExtendedColorType, ImageEncoder, RgbImage,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};

pub use atomic::write_atomically;
pub use glb::{glb_bytes, write_glb};
pub use obj::write_obj;

use crate::MeshError;

/// Encodes the texture as PNG.
fn png_bytes(texture: &RgbImage) -> Result<Vec<u8>, MeshError> {
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive)
        .write_image(texture.as_raw(), texture.width(), texture.height(), ExtendedColorType::Rgb8)
        .map_err(|source| MeshError::Texture { source })?;
    Ok(bytes)
}
