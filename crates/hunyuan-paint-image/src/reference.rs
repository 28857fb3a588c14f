//! Preparation of the reference image: centering, and the input and output of the delight model.

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage, Rgba, RgbaImage, imageops};

use crate::{
    edges::erode_3x3,
    error::{ImageError, check_same_size, check_size},
    recorrect::{composite_on_white, recorrect, to_unit},
    resize::{resize_bicubic_rgb, resize_bicubic_rgba},
};

/// Border of the published pipeline on each side of the object, as a fraction of the object's size.
pub const DEFAULT_BORDER_RATIO: f64 = 0.2;

/// An image of the object that guides the painting.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ReferenceImage {
    /// Image without alpha. It is used unchanged, because the object cannot be separated from the
    /// background.
    Opaque(RgbImage),
    /// Image with straight alpha. The object is where alpha is above 0.
    Cutout(RgbaImage),
}

impl From<DynamicImage> for ReferenceImage {
    /// Converts an image to 8 bits per channel, and keeps its alpha channel if it has one. 16-bit
    /// values are rounded to the nearest 8-bit value.
    fn from(image: DynamicImage) -> Self {
        if image.color().has_alpha() {
            Self::Cutout(image.into_rgba8())
        } else {
            Self::Opaque(image.into_rgb8())
        }
    }
}

impl ReferenceImage {
    /// Returns the width and height in pixels.
    pub fn dimensions(&self) -> (u32, u32) {
        match self {
            Self::Opaque(image) => image.dimensions(),
            Self::Cutout(image) => image.dimensions(),
        }
    }

    /// Returns the image composited on white, rounded to nearest.
    pub fn on_white(&self) -> RgbImage {
        match self {
            Self::Opaque(image) => image.clone(),
            Self::Cutout(image) => RgbImage::from_fn(image.width(), image.height(), |x, y| {
                let [r, g, b, a] = image.get_pixel(x, y).0.map(u32::from);
                let over_white = |c: u32| ((c * a + 255 * (255 - a) + 127) / 255) as u8;
                Rgb([r, g, b].map(over_white))
            }),
        }
    }

    /// Centers the object of a cutout (see [`recenter`]). An image without alpha is returned
    /// unchanged.
    ///
    /// # Errors
    /// Fails for a cutout if [`recenter`] fails.
    pub fn recenter(self, border_ratio: f64) -> Result<Self, ImageError> {
        match self {
            Self::Opaque(_) => Ok(self),
            Self::Cutout(image) => recenter(&image, border_ratio).map(Self::Cutout),
        }
    }
}

/// Crops an image to the pixels with alpha above 0 and centers them on a square of transparent
/// white.
///
/// The crop of `w` x `h` pixels gets a border of `floor(border_ratio * w)` pixels on the left and
/// right, and of `floor(border_ratio * h)` pixels above and below. The side of the square is the
/// larger of the resulting width and height. If the other dimension cannot be centered exactly, the
/// extra pixel is on the right or below.
///
/// # Errors
/// Fails if the image is transparent everywhere, `border_ratio` is negative or not finite, or the
/// side of the square would be longer than [`MAX_SIDE`](crate::MAX_SIDE).
pub fn recenter(image: &RgbaImage, border_ratio: f64) -> Result<RgbaImage, ImageError> {
    if !(border_ratio.is_finite() && border_ratio >= 0.0) {
        return Err(ImageError::BorderRatio { found: border_ratio });
    }
    let (width, height) = image.dimensions();
    let visible = || image.enumerate_pixels().filter(|(_, _, pixel)| pixel.0[3] > 0);
    let (mut left, mut top, mut right, mut bottom) = (width, height, 0, 0);
    for (x, y, _) in visible() {
        (left, top) = (left.min(x), top.min(y));
        (right, bottom) = (right.max(x + 1), bottom.max(y + 1));
    }
    if left >= right {
        return Err(ImageError::FullyTransparent { width, height });
    }
    let (width, height) = (right - left, bottom - top);
    let border = |length: u32| (f64::from(length) * border_ratio) as u32;
    let with_border = |length: u32| length.saturating_add(border(length).saturating_mul(2));
    let side = with_border(width).max(with_border(height));
    check_size("recentered image", (side, side))?;

    let mut canvas = RgbaImage::from_pixel(side, side, Rgba([255, 255, 255, 0]));
    let offset = |length: u32| i64::from((side - with_border(length)) / 2 + border(length));
    let object = imageops::crop_imm(image, left, top, width, height);
    imageops::replace(&mut canvas, &*object, offset(width), offset(height));
    Ok(canvas)
}

/// Input of the delight model, and the alpha for compositing its output.
#[derive(Clone, Debug, PartialEq)]
pub struct DelightInput {
    /// The object on white, `size` x `size` pixels.
    pub rgb: RgbImage,
    /// Alpha of the object, 0 to 255, of the same size; 255 everywhere for an image without alpha.
    pub alpha: GrayImage,
}

impl DelightInput {
    /// Resizes an image to `size` x `size` pixels (512 in the published pipeline). The alpha of a
    /// cutout is eroded by 3x3 pixels, and colors are set to white where the eroded alpha is 0.
    ///
    /// # Errors
    /// Fails if a side of the image is 0, or `size` is 0 or larger than
    /// [`MAX_SIDE`](crate::MAX_SIDE).
    pub fn new(image: &ReferenceImage, size: u32) -> Result<Self, ImageError> {
        match image {
            ReferenceImage::Opaque(image) => {
                let rgb = resize_bicubic_rgb(image, size, size)?;
                Ok(Self { rgb, alpha: GrayImage::from_pixel(size, size, Luma([255])) })
            }
            ReferenceImage::Cutout(image) => {
                let rgba = resize_bicubic_rgba(image, size, size)?;
                let alpha =
                    erode_3x3(&GrayImage::from_fn(size, size, |x, y| Luma([rgba.get_pixel(x, y).0[3]])));
                let rgb = RgbImage::from_fn(size, size, |x, y| {
                    let [r, g, b, _] = rgba.get_pixel(x, y).0;
                    if alpha.get_pixel(x, y).0[0] == 0 { Rgb([255; 3]) } else { Rgb([r, g, b]) }
                });
                Ok(Self { rgb, alpha })
            }
        }
    }

    /// Corrects the colors of the model's output and composites it on white. The result guides the
    /// painting.
    ///
    /// Each channel `x` of the output becomes
    /// `(x - 0.95 mean_output) (std_input / std_output) + 0.95 mean_input`, clamped to 0..=1. Means
    /// and standard deviations are taken over the pixels with alpha above a half. The correction is
    /// skipped if it increases the mean squared error of the whole image against this input, or if
    /// it is undefined: with fewer than two such pixels, or with a channel that has no contrast in
    /// both output and input. Compositing truncates to bytes.
    ///
    /// # Errors
    /// Fails if the sizes of the output, `self.rgb` and `self.alpha` differ.
    pub fn finish(&self, model_output: &RgbImage) -> Result<RgbImage, ImageError> {
        self.check(model_output)?;
        let colors = recorrect(model_output, &self.rgb, &self.alpha);
        Ok(composite_on_white(&colors, &self.alpha))
    }

    /// Composites the model's output on white as [`finish`](Self::finish) does, but without color
    /// correction.
    ///
    /// # Errors
    /// Fails if the sizes of the output, `self.rgb` and `self.alpha` differ.
    pub fn finish_uncorrected(&self, model_output: &RgbImage) -> Result<RgbImage, ImageError> {
        self.check(model_output)?;
        Ok(composite_on_white(&to_unit(model_output), &self.alpha))
    }

    fn check(&self, model_output: &RgbImage) -> Result<(), ImageError> {
        let size = self.rgb.dimensions();
        check_same_size("alpha of the delight input", size, self.alpha.dimensions())?;
        check_same_size("output of the delight model", size, model_output.dimensions())
    }
}
