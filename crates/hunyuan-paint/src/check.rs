//! Checks of options that several modules need.

use hunyuan_paint_raster::Size;

use crate::PaintError;

/// Checks the side of an image in pixels.
pub(crate) fn check_size(option: &'static str, size: u32) -> Result<(), PaintError> {
    let limit = Size::LIMIT;
    if (1..=limit).contains(&size) {
        return Ok(());
    }
    Err(PaintError::option(option, format!("1 to {limit}"), size))
}
