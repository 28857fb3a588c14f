//! Several images on one, in rows.

use hunyuan_paint::image::resize_bicubic_rgb;
use image::{Rgb, RgbImage, imageops};

/// Space around the cells, in pixels.
const MARGIN: u32 = 8;

/// Puts rows of images on white, every image scaled to a square of `cell` pixels.
///
/// # Errors
/// If an image is empty.
pub fn contact_sheet(
    rows: &[Vec<&RgbImage>],
    cell: u32,
) -> Result<RgbImage, hunyuan_paint::image::ImageError> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0) as u32;
    let side = |cells: u32| cells * (cell + MARGIN) + MARGIN;
    let mut sheet = RgbImage::from_pixel(side(columns), side(rows.len() as u32), Rgb([255; 3]));
    for (y, row) in rows.iter().enumerate() {
        for (x, image) in row.iter().enumerate() {
            let scaled = resize_bicubic_rgb(image, cell, cell)?;
            imageops::replace(&mut sheet, &scaled, side(x as u32).into(), side(y as u32).into());
        }
    }
    Ok(sheet)
}
