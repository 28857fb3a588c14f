use std::path::PathBuf;

/// Longest side of an image, in pixels, that is accepted or produced.
pub const MAX_SIDE: u32 = 16_384;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// A side of an image is 0 or longer than [`MAX_SIDE`].
    #[error("{what}: expected sides of 1 to {MAX_SIDE} pixels, found {width} x {height}")]
    Size {
        /// Which image.
        what: &'static str,
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
    },
    /// Two images that must have the same size differ in size.
    #[error("{what}: expected {expected_width} x {expected_height} pixels, found {width} x {height}")]
    SizeMismatch {
        /// Which image.
        what: &'static str,
        /// Width of the other image in pixels.
        expected_width: u32,
        /// Height of the other image in pixels.
        expected_height: u32,
        /// Width of this image in pixels.
        width: u32,
        /// Height of this image in pixels.
        height: u32,
    },
    /// Every pixel of the image has an alpha of 0, so there is no object to center.
    #[error("the image ({width} x {height}) is transparent everywhere: expected a pixel with alpha above 0")]
    FullyTransparent {
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
    },
    /// The border ratio is negative, infinite or NaN.
    #[error("border ratio: expected a finite number of at least 0, found {found}")]
    BorderRatio {
        /// Ratio that was passed.
        found: f64,
    },
    /// A file is missing or unreadable.
    #[error("{path}: cannot be read")]
    Io {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// A file is empty.
    #[error("{path}: the file is empty")]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// A file does not start with the signature of PNG, JPEG or WebP.
    #[error("{path}: expected a PNG, JPEG or WebP image")]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// The header of a file gives a side of 0 or longer than [`MAX_SIDE`].
    #[error("{path}: expected sides of 1 to {MAX_SIDE} pixels, found {width} x {height}")]
    FileSize {
        /// The file.
        path: PathBuf,
        /// Width in the header, in pixels.
        width: u32,
        /// Height in the header, in pixels.
        height: u32,
    },
    /// A file has a known signature, but its content is damaged or needs too much memory.
    #[error("{path}: cannot be decoded")]
    Decode {
        /// The file.
        path: PathBuf,
        /// Error of the decoder.
        source: image::ImageError,
    },
}

/// Checks that both sides are 1 to [`MAX_SIDE`]; returns [`ImageError::Size`] otherwise.
pub(crate) fn check_size(what: &'static str, (width, height): (u32, u32)) -> Result<(), ImageError> {
    let allowed = 1..=MAX_SIDE;
    if allowed.contains(&width) && allowed.contains(&height) {
        Ok(())
    } else {
        Err(ImageError::Size { what, width, height })
    }
}

/// Checks that two sizes are equal; returns [`ImageError::SizeMismatch`] otherwise.
pub(crate) fn check_same_size(
    what: &'static str,
    expected: (u32, u32),
    found: (u32, u32),
) -> Result<(), ImageError> {
    if expected == found {
        return Ok(());
    }
    let ((expected_width, expected_height), (width, height)) = (expected, found);
    Err(ImageError::SizeMismatch { what, expected_width, expected_height, width, height })
}
