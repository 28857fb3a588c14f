//! Preparation of the reference image: padding, centering, and the input and output of the delight
//! model.

use std::borrow::Cow;

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage, RgbaImage, imageops};

use crate::{
    crop::{CropRule, crop},
    edges::erode_3x3,
    error::{ImageError, check_same_size, check_size},
    recorrect::{composite_on_white, recorrect, to_unit},
    resize::{resize_bicubic_rgb, resize_bicubic_rgba},
    square::{TRANSPARENT_WHITE, needs_padding, pad_cutout, pad_opaque},
    warning::ImageWarning,
};

/// Border of the published pipeline on each side of the object, as a fraction of the object's size.
pub const DEFAULT_BORDER_RATIO: f64 = 0.2;

/// An image of the object that guides the painting.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ReferenceImage {
    /// Image without alpha. It is padded to a square, but not cropped, because the object cannot be
    /// separated from the background.
    Opaque(RgbImage),
    /// Image with straight alpha. The object is where alpha is above 0, except for specks (see
    /// [`CropRule`]).
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

    /// Centers the object of a cutout (see [`recenter`]), and pads an image without alpha to a
    /// square. The result is a square, unless the image has no pixels and no alpha.
    ///
    /// The padding is white, or of the color of the two edges that it touches if these have nearly
    /// one color. A square image without alpha is returned unchanged.
    ///
    /// # Errors
    /// Fails for a cutout if [`recenter`] fails, and for an image without alpha if the side of the
    /// square would be longer than [`MAX_SIDE`](crate::MAX_SIDE).
    pub fn recenter(self, border_ratio: f64) -> Result<Self, ImageError> {
        self.recenter_with(border_ratio, CropRule::default())
    }

    /// Centers the object as [`recenter`](Self::recenter) does, but with bounds by another rule.
    ///
    /// # Errors
    /// Fails like [`recenter`](Self::recenter).
    pub fn recenter_with(self, border_ratio: f64, rule: CropRule) -> Result<Self, ImageError> {
        match self {
            Self::Opaque(image) => {
                let padded = match pad_opaque(&image)? {
                    Cow::Owned(padded) => padded,
                    Cow::Borrowed(_) => image,
                };
                Ok(Self::Opaque(padded))
            }
            Self::Cutout(image) => recenter_with(&image, border_ratio, rule).map(Self::Cutout),
        }
    }

    /// Returns what [`recenter`](Self::recenter) changes unexpectedly, and what spoils the painting.
    pub fn warnings(&self) -> Vec<ImageWarning> {
        let mut warnings = Vec::new();
        let (width, height) = self.dimensions();
        if width == 0 || height == 0 {
            return warnings;
        }
        match self {
            Self::Opaque(_) => {
                warnings.push(ImageWarning::NoTransparency);
                if needs_padding((width, height)) {
                    warnings.push(ImageWarning::Padded { width, height });
                }
            }
            Self::Cutout(image) if image.pixels().all(|pixel| pixel.0[3] == 255) => {
                warnings.push(ImageWarning::NoTransparency);
            }
            Self::Cutout(image) => {
                let count = crop(image, CropRule::default()).map_or(0, |crop| crop.specks);
                if count > 0 {
                    warnings.push(ImageWarning::SpecksIgnored { count });
                }
            }
        }
        warnings
    }
}

/// Crops an image to its object and centers the crop on a square of transparent white.
///
/// The object is what [`CropRule::Opaque`] says: parts with clearly opaque pixels. Specks outside
/// the crop are cut off; pixels inside it are kept as they are. Without specks, the result is that
/// of the original pipeline.
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
    recenter_with(image, border_ratio, CropRule::default())
}

/// Crops and centers an image as [`recenter`] does, but with bounds by another rule.
/// [`CropRule::AnyAlpha`] is that of the original pipeline.
///
/// # Errors
/// Fails like [`recenter`].
pub fn recenter_with(image: &RgbaImage, border_ratio: f64, rule: CropRule) -> Result<RgbaImage, ImageError> {
    if !(border_ratio.is_finite() && border_ratio >= 0.0) {
        return Err(ImageError::BorderRatio { found: border_ratio });
    }
    let Some(crop) = crop(image, rule) else {
        let (width, height) = image.dimensions();
        return Err(ImageError::FullyTransparent { width, height });
    };
    let bounds = crop.bounds;
    let (width, height) = (bounds.width(), bounds.height());
    let border = |length: u32| (f64::from(length) * border_ratio) as u32;
    let with_border = |length: u32| length.saturating_add(border(length).saturating_mul(2));
    let side = with_border(width).max(with_border(height));
    check_size("recentered image", (side, side))?;

    let mut canvas = RgbaImage::from_pixel(side, side, TRANSPARENT_WHITE);
    let offset = |length: u32| i64::from((side - with_border(length)) / 2 + border(length));
    let object = imageops::crop_imm(image, bounds.left, bounds.top, width, height);
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
    /// An image that is not a square is padded first: a cutout with transparent white, an image
    /// without alpha as in [`ReferenceImage::recenter`].
    ///
    /// # Errors
    /// Fails if a side of the image is 0, `size` is 0 or larger than [`MAX_SIDE`](crate::MAX_SIDE),
    /// or the image needs padding and a side is longer than that.
    pub fn new(image: &ReferenceImage, size: u32) -> Result<Self, ImageError> {
        match image {
            ReferenceImage::Opaque(image) => {
                let padded = pad_opaque(image)?;
                let rgb = resize_bicubic_rgb(&padded, size, size)?;
                Ok(Self { rgb, alpha: GrayImage::from_pixel(size, size, Luma([255])) })
            }
            ReferenceImage::Cutout(image) => {
                let padded = pad_cutout(image)?;
                let rgba = resize_bicubic_rgba(&padded, size, size)?;
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
