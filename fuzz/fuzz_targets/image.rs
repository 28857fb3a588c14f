//! Image files: PNG, JPEG, WebP.
#![no_main]

use std::{io::Cursor, sync::LazyLock};

use hunyuan_paint_image::{DEFAULT_BORDER_RATIO, read_image};
use image::ImageReader;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

/// Larger images are valid but slow: a few bytes may describe a gigabyte.
const PIXELS_MAX: u64 = 1 << 20;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a temporary folder"));

fuzz_target!(|bytes: &[u8]| {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let dimensions = reader.ok().and_then(|reader| reader.into_dimensions().ok());
    if dimensions.is_some_and(|(width, height)| u64::from(width) * u64::from(height) > PIXELS_MAX) {
        return;
    }
    let path = FOLDER.path().join("image");
    std::fs::write(&path, bytes).expect("a temporary file can be written");
    let Ok(image) = read_image(&path) else { return };
    let (width, height) = image.dimensions();
    assert!(width > 0 && height > 0);
    assert_eq!(image.on_white().dimensions(), (width, height));
    let _ = image.recenter(DEFAULT_BORDER_RATIO);
});
