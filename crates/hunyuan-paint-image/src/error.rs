use std::path::PathBuf;

/// The longest side, in pixels, that an image may have on its way in or out.
pub const MAX_SIDE: u32 = 16_384;

/// What can go wrong with an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// A size is zero, or beyond [`MAX_SIDE`].
    #[error("{what}: expected sides of 1 to {MAX_SIDE} pixels, found {width} x {height}")]
    Size {
        /// Which image.
        what: &'static str,
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
    },
    /// Two images that belong together differ in size.
    #[error("{what}: expected {expected_width} x {expected_height} pixels, found {width} x {height}")]
    SizeMismatch {
        /// Which image.
        what: &'static str,
        /// The width that the other image asks for.
        expected_width: u32,
        /// The height that the other image asks for.
        expected_height: u32,
        /// The width found.
        width: u32,
        /// The height found.
        height: u32,
    },
    /// No pixel of the image has any alpha, so there is no object to center.
    #[error("the image ({width} x {height}) is transparent everywhere: expected a pixel with alpha above 0")]
    FullyTransparent {
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
    },
    /// The border of the recenterd image is negative, infinite or not a number.
    #[error("border ratio: expected a finite number of at least 0, found {found}")]
    BorderRatio {
        /// The ratio given.
        found: f64,
    },
    /// The file is missing or unreadable.
    #[error("{path}: cannot be read")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file has no bytes.
    #[error("{path}: the file is empty")]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// The file does not start like a PNG, JPEG or WebP image.
    #[error("{path}: expected a PNG, JPEG or WebP image")]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// The file's header claims a size of zero, or beyond [`MAX_SIDE`].
    #[error("{path}: expected sides of 1 to {MAX_SIDE} pixels, found {width} x {height}")]
    FileSize {
        /// The file.
        path: PathBuf,
        /// The width that the header claims.
        width: u32,
        /// The height that the header claims.
        height: u32,
    },
    /// The file starts like an image and goes on otherwise.
    #[error("{path}: cannot be decoded")]
    Decode {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: image::ImageError,
    },
}

/// Refuses a size of zero or beyond [`MAX_SIDE`].
pub(crate) fn check_size(what: &'static str, (width, height): (u32, u32)) -> Result<(), ImageError> {
    let allowed = 1..=MAX_SIDE;
    if allowed.contains(&width) && allowed.contains(&height) {
        Ok(())
    } else {
        Err(ImageError::Size { what, width, height })
    }
}

/// Refuses an image of another size than the one it belongs to.
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
