//! EXIF orientation of encoded images.

use std::io::{BufRead, Read, Seek, SeekFrom};

use image::{ImageDecoder, ImageReader, metadata::Orientation};

/// Bytes before the first chunk of a PNG file.
const PNG_SIGNATURE_LENGTH: u64 = 8;
/// Bytes of a PNG chunk's checksum.
const PNG_CHECKSUM_LENGTH: i64 = 4;
/// Bytes of an EXIF block that are searched. The orientation is in the first directory, which
/// comes before thumbnails and the notes of the camera.
const EXIF_LENGTH_MAX: u64 = 1 << 20;
/// Prefix of the EXIF block in JPEG. Some programs write it in PNG and WebP as well.
const EXIF_PREFIX: &[u8] = b"Exif\0\0";

/// Returns the EXIF orientation of an encoded PNG, JPEG or WebP image, for
/// [`DynamicImage::apply_orientation`](image::DynamicImage::apply_orientation).
///
/// [`read_image`](crate::read_image) applies the orientation itself. This function is for callers
/// that decode the image on their own. It reads from the start of `encoded` and leaves the position
/// unspecified. The result is [`Orientation::NoTransforms`] if the image has no EXIF block, or if
/// the block or the image is damaged.
pub fn exif_orientation(encoded: impl BufRead + Seek) -> Orientation {
    find_orientation(encoded).unwrap_or(Orientation::NoTransforms)
}

fn find_orientation<R: BufRead + Seek>(mut encoded: R) -> Option<Orientation> {
    encoded.rewind().ok()?;
    let reader = ImageReader::new(&mut encoded).with_guessed_format().ok()?;
    let exif = reader.into_decoder().ok()?.exif_metadata().ok()?;
    // The decoder of PNG sees only the chunks before the pixels. The specification allows the EXIF
    // block after them as well.
    let exif = exif.or_else(|| png_exif(encoded))?;
    Orientation::from_exif_chunk(exif.strip_prefix(EXIF_PREFIX).unwrap_or(&exif))
}

/// Returns the EXIF block of a PNG file, wherever it is. The result is `None` for other formats.
fn png_exif(mut encoded: impl Read + Seek) -> Option<Vec<u8>> {
    encoded.rewind().ok()?;
    let mut signature = [0; PNG_SIGNATURE_LENGTH as usize];
    encoded.read_exact(&mut signature).ok()?;
    if &signature != b"\x89PNG\r\n\x1a\n" {
        return None;
    }
    loop {
        let mut header = [0; 8];
        encoded.read_exact(&mut header).ok()?;
        let [a, b, c, d, tag @ ..] = header;
        let length = u32::from_be_bytes([a, b, c, d]);
        if &tag == b"eXIf" {
            let mut exif = Vec::new();
            encoded.take(u64::from(length).min(EXIF_LENGTH_MAX)).read_to_end(&mut exif).ok()?;
            return Some(exif);
        }
        encoded.seek(SeekFrom::Current(i64::from(length) + PNG_CHECKSUM_LENGTH)).ok()?;
    }
}
