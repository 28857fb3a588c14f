//! The reference image on its way to the model that takes its light away, and back.

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage, Rgba, RgbaImage, imageops};

use crate::{
    edges::erode_3x3,
    error::{ImageError, check_same_size, check_size},
    recorrect::{composite_on_white, recorrect, to_unit},
    resize::{resize_bicubic_rgb, resize_bicubic_rgba},
};

/// The border that the published pipeline leaves around the object, as a fraction of its size.
pub const DEFAULT_BORDER_RATIO: f64 = 0.2;

/// An image of the object to paint.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ReferenceImage {
    /// Without alpha: taken as it is, as the object cannot be told from its background.
    Opaque(RgbImage),
    /// With straight alpha: the object is where alpha is above 0.
    Cutout(RgbaImage),
}

impl From<DynamicImage> for ReferenceImage {
    /// Keeps the alpha channel of an image that has one; 16 bits are rounded to the nearest of 8.
    fn from(image: DynamicImage) -> Self {
        if image.color().has_alpha() {
            Self::Cutout(image.into_rgba8())
        } else {
            Self::Opaque(image.into_rgb8())
        }
    }
}

impl ReferenceImage {
    /// Width and height in pixels.
    pub fn dimensions(&self) -> (u32, u32) {
        match self {
            Self::Opaque(image) => image.dimensions(),
            Self::Cutout(image) => image.dimensions(),
        }
    }

    /// The image over white.
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

    /// Centers the object, see [`recenter`]; an image without alpha stays as it is.
    ///
    /// # Errors
    /// As [`recenter`].
    pub fn recenter(self, border_ratio: f64) -> Result<Self, ImageError> {
        match self {
            Self::Opaque(_) => Ok(self),
            Self::Cutout(image) => recenter(&image, border_ratio).map(Self::Cutout),
        }
    }
}

/// Crops to the pixels with alpha above 0 and centers them on a transparent white square.
///
/// The crop of `w` x `h` pixels gets a border of `floor(border_ratio * w)` pixels on the left and right and
/// `floor(border_ratio * h)` above and below; the larger of the two sums is the side of the square. An odd
/// remainder goes to the right and below.
///
/// # Errors
/// If the image is transparent everywhere, the ratio is negative or not finite, or the square's side would
/// be beyond [`MAX_SIDE`](crate::MAX_SIDE).
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
    check_size("recenterd image", (side, side))?;

    let mut canvas = RgbaImage::from_pixel(side, side, Rgba([255, 255, 255, 0]));
    let offset = |length: u32| i64::from((side - with_border(length)) / 2 + border(length));
    let object = imageops::crop_imm(image, left, top, width, height);
    imageops::replace(&mut canvas, &*object, offset(width), offset(height));
    Ok(canvas)
}

/// What the light-removing model is given, and the alpha that its output is cut out with.
#[derive(Clone, Debug, PartialEq)]
pub struct DelightInput {
    /// The object on white, `size` x `size`.
    pub rgb: RgbImage,
    /// Coverage of the object, 0 to 255, of the same size; 255 everywhere for an image without alpha.
    pub alpha: GrayImage,
}

impl DelightInput {
    /// Resizes an image to `size` x `size` (512 in the published pipeline). With alpha: erodes it by 3x3
    /// pixels, and whitens the color where none is left.
    ///
    /// # Errors
    /// If a side of the image or `size` is 0, or `size` beyond [`MAX_SIDE`](crate::MAX_SIDE).
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

    /// Turns the model's output into the image that guides the painting.
    ///
    /// Over the pixels with alpha above a half, each channel `x` of the output is given this input's mean and
    /// standard deviation, `(x - 0.95 mean_output) (std_input / std_output) + 0.95 mean_input`, clamped to 0..=1;
    /// only if that brings the whole image no farther from this input in the mean square. The result is
    /// composited on white, and truncated to bytes. An output that cannot be corrected so (fewer than
    /// two such pixels, or a channel without contrast in output and input) stays as it is.
    ///
    /// # Errors
    /// If the sizes of the output, `self.rgb` and `self.alpha` differ.
    pub fn finish(&self, model_output: &RgbImage) -> Result<RgbImage, ImageError> {
        self.check(model_output)?;
        let colors = recorrect(model_output, &self.rgb, &self.alpha);
        Ok(composite_on_white(&colors, &self.alpha))
    }

    /// [`finish`](Self::finish) with the colors that the model gave, uncorrected.
    ///
    /// # Errors
    /// If the sizes of the output, `self.rgb` and `self.alpha` differ.
    pub fn finish_uncorrected(&self, model_output: &RgbImage) -> Result<RgbImage, ImageError> {
        self.check(model_output)?;
        Ok(composite_on_white(&to_unit(model_output), &self.alpha))
    }

    fn check(&self, model_output: &RgbImage) -> Result<(), ImageError> {
        let size = self.rgb.dimensions();
        check_same_size("alpha of the model's input", size, self.alpha.dimensions())?;
        check_same_size("the model's output", size, model_output.dimensions())
    }
}
