//! Padding to a square.

use std::borrow::Cow;

use image::{ImageBuffer, Pixel, Rgb, RgbImage, Rgba, RgbaImage, imageops};

use crate::error::{ImageError, check_size};

/// Color of the padding of cutouts: transparent white, as around a recentered object.
pub(crate) const TRANSPARENT_WHITE: Rgba<u8> = Rgba([255, 255, 255, 0]);

/// Largest difference per channel, of 0 to 255, between a pixel of the border and the border's
/// color. It covers the noise of JPEG and a slight vignette.
const BORDER_TOLERANCE: u8 = 16;
/// Share of the border in percent that must have the border's color. The rest may be a part of the
/// object that reaches the border.
const BORDER_SHARE_PERCENT: usize = 95;

/// Returns whether an image has pixels, but is not a square.
pub(crate) fn needs_padding((width, height): (u32, u32)) -> bool {
    width != height && width > 0 && height > 0
}

/// Pads an image without alpha to a square. The color is that of the border if it has one (see
/// [`border_color`]), otherwise white.
///
/// White is the background of the images that the networks were trained on. Next to a backdrop of
/// another color, white would add a straight edge that the networks paint as part of the object.
pub(crate) fn pad_opaque(image: &RgbImage) -> Result<Cow<'_, RgbImage>, ImageError> {
    pad(image, || border_color(image).unwrap_or(Rgb([255; 3])))
}

/// Pads a cutout to a square with transparent white.
pub(crate) fn pad_cutout(image: &RgbaImage) -> Result<Cow<'_, RgbaImage>, ImageError> {
    pad(image, || TRANSPARENT_WHITE)
}

/// Centers an image on a square with the side of the image's longer side. If it cannot be centered
/// exactly, the extra pixel is on the right or below. A square or empty image is returned unchanged.
fn pad<P>(
    image: &ImageBuffer<P, Vec<u8>>,
    color: impl FnOnce() -> P,
) -> Result<Cow<'_, ImageBuffer<P, Vec<u8>>>, ImageError>
where
    P: Pixel<Subpixel = u8>,
{
    let (width, height) = image.dimensions();
    if !needs_padding((width, height)) {
        return Ok(Cow::Borrowed(image));
    }
    let side = width.max(height);
    check_size("image padded to a square", (side, side))?;
    let mut square = ImageBuffer::from_pixel(side, side, color());
    let offset = |length: u32| i64::from((side - length) / 2);
    imageops::replace(&mut square, image, offset(width), offset(height));
    Ok(Cow::Owned(square))
}

/// Returns the color of the two longer edges, which the padding touches: the median of each channel,
/// if nearly all pixels of the edges are close to it.
fn border_color(image: &RgbImage) -> Option<Rgb<u8>> {
    let (width, height) = image.dimensions();
    let (last_x, last_y) = (width.checked_sub(1)?, height.checked_sub(1)?);
    let border: Vec<[u8; 3]> = if width > height {
        (0..width).flat_map(|x| [image.get_pixel(x, 0).0, image.get_pixel(x, last_y).0]).collect()
    } else {
        (0..height).flat_map(|y| [image.get_pixel(0, y).0, image.get_pixel(last_x, y).0]).collect()
    };
    let median = [0, 1, 2].map(|channel| {
        let mut values: Vec<u8> = border.iter().map(|pixel| pixel[channel]).collect();
        values.sort_unstable();
        values[values.len() / 2]
    });
    let is_close =
        |pixel: &&[u8; 3]| pixel.iter().zip(median).all(|(value, m)| value.abs_diff(m) <= BORDER_TOLERANCE);
    let close = border.iter().filter(is_close).count();
    (close * 100 >= border.len() * BORDER_SHARE_PERCENT).then_some(Rgb(median))
}
