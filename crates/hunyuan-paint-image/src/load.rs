use std::{fs::File, io::BufReader, path::Path};

use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

use crate::{
    error::{ImageError, MAX_SIDE},
    reference::ReferenceImage,
};

/// What a decoder may allocate, and the image that it makes: the largest at 8 bits a channel, RGBA.
const MAX_DECODED_BYTES: u64 = MAX_SIDE as u64 * MAX_SIDE as u64 * 4;

/// Reads a PNG, JPEG or WebP file, told apart by its content and not by its name.
///
/// Gray, palette and RGB images, with or without alpha, of up to 16 bits a channel become 8-bit RGB or
/// RGBA; 16 bits are rounded to the nearest of 8. Color profiles and EXIF orientation are not applied.
/// Sizes are checked before any pixel is decoded.
///
/// # Errors
/// Each names the file: it is missing or unreadable; it is empty; it is not an image of these formats;
/// its header claims a side of 0 or beyond [`MAX_SIDE`]; decoded it would take more than a gibibyte, as the largest
/// sizes do at 16 bits a channel; its content is damaged.
pub fn read_image(path: impl AsRef<Path>) -> Result<ReferenceImage, ImageError> {
    let path = path.as_ref();
    let io_error = |source| ImageError::Io { path: path.to_owned(), source };
    let decode_error = |source| ImageError::Decode { path: path.to_owned(), source };

    let file = File::open(path).map_err(io_error)?;
    let metadata = file.metadata().map_err(io_error)?;
    if metadata.is_file() && metadata.len() == 0 {
        return Err(ImageError::EmptyFile { path: path.to_owned() });
    }
    let mut reader = ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(io_error)?;
    if reader.format().is_none_or(|format| !format.reading_enabled()) {
        return Err(ImageError::UnknownFormat { path: path.to_owned() });
    }

    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits.clone());
    let decoder = reader.into_decoder().map_err(decode_error)?;
    let (width, height) = decoder.dimensions();
    if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
        return Err(ImageError::FileSize { path: path.to_owned(), width, height });
    }
    // Decoding allocates all of it before the first pixel is there.
    limits.reserve(decoder.total_bytes()).map_err(decode_error)?;
    let image = DynamicImage::from_decoder(decoder).map_err(decode_error)?;
    Ok(ReferenceImage::from(image))
}
