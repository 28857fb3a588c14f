//! `inpaint` of OpenCV 4.11 with `INPAINT_NS`, byte for byte. Older versions treat the first row
//! and column differently.
//!
//! [`march`] determines the order in which the pixels are filled, which depends on the mask alone.
//! [`transport`] fills them in that order, each from the known pixels around it.

mod march;
mod transport;

use image::{GrayImage, ImageBuffer, Pixel, RgbImage};
use rayon::prelude::*;

use crate::{
    error::{ImageError, check_same_size, check_size},
    pixels::{pixel_bytes, trimmed},
};

/// Fills the pixels of `image` where `mask` is not 0, from the border of the mask inwards.
///
/// Each masked pixel becomes a weighted mean of the known pixels within `radius` pixels. A known
/// pixel's weight grows with its proximity and with the alignment of its isophote (line of equal
/// brightness) to the direction of the masked pixel. This is OpenCV's variant of Navier-Stokes
/// inpainting (Bertalmio, Bertozzi, Sapiro: "Navier-Stokes, fluid dynamics, and image and video
/// inpainting", 2001) in the fast-marching order of Telea ("An image inpainting technique based on
/// the fast marching method", 2004).
///
/// As in OpenCV, `radius` is clamped to 1..=100, and an image that is masked everywhere is returned
/// unchanged.
///
/// # Errors
/// Fails if image and mask differ in size, or a side is 0 or longer than
/// [`MAX_SIDE`](crate::MAX_SIDE).
pub fn inpaint_navier_stokes(
    image: &RgbImage,
    mask: &GrayImage,
    radius: u32,
) -> Result<RgbImage, ImageError> {
    inpaint(image, mask, radius)
}

/// Fills a gray image; see [`inpaint_navier_stokes`].
///
/// # Errors
/// Fails if image and mask differ in size, or a side is 0 or longer than
/// [`MAX_SIDE`](crate::MAX_SIDE).
pub fn inpaint_navier_stokes_gray(
    image: &GrayImage,
    mask: &GrayImage,
    radius: u32,
) -> Result<GrayImage, ImageError> {
    inpaint(image, mask, radius)
}

fn inpaint<P>(
    image: &ImageBuffer<P, Vec<u8>>,
    mask: &GrayImage,
    radius: u32,
) -> Result<ImageBuffer<P, Vec<u8>>, ImageError>
where
    P: Pixel<Subpixel = u8>,
{
    check_size("image to inpaint", image.dimensions())?;
    check_same_size("mask of the inpainting", image.dimensions(), mask.dimensions())?;
    let mask = &trimmed(mask);
    let mut filled = trimmed(image);
    let order = march::fill_order(mask);
    if order.is_empty() {
        return Ok(filled);
    }
    let (bytes, channel_count) = (pixel_bytes(image), usize::from(P::CHANNEL_COUNT));
    let channels: Vec<Vec<u8>> = (0..channel_count)
        .into_par_iter()
        .map(|channel| {
            let mut values: Vec<u8> = bytes.iter().skip(channel).step_by(channel_count).copied().collect();
            transport::fill(&mut values, mask, &order, radius.clamp(1, 100));
            values
        })
        .collect();
    for (channel, values) in channels.iter().enumerate() {
        for (target, &value) in filled.iter_mut().skip(channel).step_by(channel_count).zip(values) {
            *target = value;
        }
    }
    Ok(filled)
}
