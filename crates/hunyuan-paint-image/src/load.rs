use std::{fs::File, io::BufReader, path::Path};

use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

use crate::{
    error::{ImageError, MAX_SIDE},
    orientation::exif_orientation,
    reference::ReferenceImage,
};

/// Limit of a decoder's memory and of the decoded image, in bytes: an RGBA image of the largest
/// size at 8 bits per channel.
const MAX_DECODED_BYTES: u64 = MAX_SIDE as u64 * MAX_SIDE as u64 * 4;

/// Reads a PNG, JPEG or WebP file. The content determines the format; the file name is ignored.
///
/// Gray, palette and RGB images with up to 16 bits per channel are converted to 8-bit RGB, or RGBA
/// if they have alpha. 16-bit values are rounded to the nearest 8-bit value. The EXIF
/// orientation is applied; a damaged EXIF block is ignored. Color profiles are not applied. Of an
/// animation, the first frame is read. The size is checked before any pixel is decoded.
///
/// # Errors
/// Fails if the file is missing, unreadable, empty or damaged, has another format, has a side of 0
/// or longer than [`MAX_SIDE`], or needs more than 1 GiB when decoded (the largest sizes do at 16
/// bits per channel). Every error names the file.
pub fn read_image(path: impl AsRef<Path>) -> Result<ReferenceImage, ImageError> {
    let path = path.as_ref();
    let io_error = |source| ImageError::Io { path: path.to_owned(), source };
    let decode_error = |source| ImageError::Decode { path: path.to_owned(), source };

    let file = File::open(path).map_err(io_error)?;
    let metadata = file.metadata().map_err(io_error)?;
    if metadata.is_file() && metadata.len() == 0 {
        return Err(ImageError::EmptyFile { path: path.to_owned() });
    }
    let mut reader = ImageReader::new(BufReader::new(&file)).with_guessed_format().map_err(io_error)?;
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
    // `from_decoder` allocates the whole image up front.
    limits.reserve(decoder.total_bytes()).map_err(decode_error)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(decode_error)?;
    image.apply_orientation(exif_orientation(BufReader::new(&file)));
    Ok(ReferenceImage::from(image))
}
