//! Pillow's bicubic `Image.resize`, byte for byte.
//!
//! The image is resampled by convolution in two passes, one along the rows and one along the
//! columns. Each pass rounds to bytes. Downscaling widens the kernel by the scale, which prevents
//! aliasing.

use image::{GrayImage, ImageBuffer, Pixel, RgbImage, RgbaImage};
use rayon::prelude::*;

use crate::{
    error::{ImageError, check_size},
    pixels::pixel_bytes,
};

/// Fractional bits of the fixed-point weights: 32 bits less 8 for the sample and 2 for the
/// overshoot of the kernel.
const PRECISION_BITS: u32 = 32 - 8 - 2;
/// One half in fixed point.
const HALF: i32 = 1 << (PRECISION_BITS - 1);

/// Half width of the kernel, in samples of the coarser grid.
const SUPPORT: f64 = 2.0;

/// Resizes a gray image to `width` x `height` pixels as Pillow does by default: bicubic (a = -0.5)
/// and antialiased.
///
/// # Errors
/// Fails if a side of the image is 0, or a side of the target is 0 or longer than
/// [`MAX_SIDE`](crate::MAX_SIDE).
pub fn resize_bicubic_gray(image: &GrayImage, width: u32, height: u32) -> Result<GrayImage, ImageError> {
    resize::<_, 1>(image, width, height)
}

/// Resizes an RGB image; see [`resize_bicubic_gray`].
///
/// # Errors
/// Fails if a side of the image is 0, or a side of the target is 0 or longer than
/// [`MAX_SIDE`](crate::MAX_SIDE).
pub fn resize_bicubic_rgb(image: &RgbImage, width: u32, height: u32) -> Result<RgbImage, ImageError> {
    resize::<_, 3>(image, width, height)
}

/// Resizes an image with straight (not premultiplied) alpha; see [`resize_bicubic_gray`].
///
/// The colors are multiplied by alpha before the convolution and divided by it afterwards. Both
/// results are bytes, so colors with low alpha lose precision and colors with zero alpha become 0.
/// If the target has the size of the image, the image is copied unchanged.
///
/// # Errors
/// Fails if a side of the image is 0, or a side of the target is 0 or longer than
/// [`MAX_SIDE`](crate::MAX_SIDE).
pub fn resize_bicubic_rgba(image: &RgbaImage, width: u32, height: u32) -> Result<RgbaImage, ImageError> {
    if image.dimensions() == (width, height) {
        return resize::<_, 4>(image, width, height);
    }
    let mut premultiplied = image.clone();
    for pixel in premultiplied.pixels_mut() {
        let [r, g, b, a] = pixel.0;
        pixel.0 = [multiply(r, a), multiply(g, a), multiply(b, a), a];
    }
    let mut resized = resize::<_, 4>(&premultiplied, width, height)?;
    for pixel in resized.pixels_mut() {
        let [r, g, b, a] = pixel.0;
        pixel.0 = [divide(r, a), divide(g, a), divide(b, a), a];
    }
    Ok(resized)
}

/// Returns `color * alpha / 255`, rounded to nearest.
fn multiply(color: u8, alpha: u8) -> u8 {
    let product = u32::from(color) * u32::from(alpha) + 128;
    ((product + (product >> 8)) >> 8) as u8
}

/// Returns `color * 255 / alpha`, rounded down and clamped to 255. Returns the color itself if
/// alpha is 0.
fn divide(color: u8, alpha: u8) -> u8 {
    match alpha {
        0 => color,
        _ => (u32::from(color) * 255 / u32::from(alpha)).min(255) as u8,
    }
}

/// An image with 8 bits per channel.
type Bytes<P> = ImageBuffer<P, Vec<u8>>;

/// Resizes an image with `C` independent channels.
fn resize<P, const C: usize>(image: &Bytes<P>, width: u32, height: u32) -> Result<Bytes<P>, ImageError>
where
    P: Pixel<Subpixel = u8>,
{
    let (source_width, source_height) = image.dimensions();
    if source_width == 0 || source_height == 0 {
        return Err(ImageError::Size { what: "image to resize", width: source_width, height: source_height });
    }
    check_size("target of the resize", (width, height))?;

    let row_kernel = ResizeKernel::new(source_width, width);
    let column_kernel = ResizeKernel::new(source_height, height);
    let bytes = if ResizeKernel::columns_first((source_width, source_height), (width, height)) {
        let bytes = column_kernel.along_columns(pixel_bytes(image), source_width as usize * C);
        row_kernel.along_rows::<C>(&bytes)
    } else {
        let bytes = row_kernel.along_rows::<C>(pixel_bytes(image));
        column_kernel.along_columns(&bytes, width as usize * C)
    };
    Bytes::from_raw(width, height, bytes).ok_or(ImageError::Size { what: "resized image", width, height })
}

/// Fixed-point weights of all target samples along one axis. It is public for implementations
/// outside this crate, such as on a GPU.
///
/// A target sample is the sum of source samples times weights plus one half, in fixed point with
/// [`PRECISION_BITS`](Self::PRECISION_BITS) fractional bits, rounded down and clamped to a byte.
/// Both passes round in this way; [`columns_first`](Self::columns_first) gives their order. An axis
/// that keeps its length is copied instead (see [`is_identity`](Self::is_identity)).
#[derive(Clone, Debug)]
pub struct ResizeKernel {
    source_length: usize,
    taps: Vec<ResizeTaps>,
    weights: Vec<i32>,
}

/// Source samples and weights of a target sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResizeTaps {
    /// Index of the first source sample.
    pub first: usize,
    /// Index in [`ResizeKernel::weights`] of the weight of the first source sample. The weights of
    /// the next samples follow.
    pub first_weight: usize,
    /// Number of source samples.
    pub count: usize,
}

impl ResizeKernel {
    /// Fractional bits of the weights.
    pub const PRECISION_BITS: u32 = PRECISION_BITS;

    /// Returns Pillow's bicubic kernel for resampling `source_length` to `target_length` samples.
    /// Neither may be 0.
    pub fn new(source_length: u32, target_length: u32) -> Self {
        let scale = f64::from(source_length) / f64::from(target_length);
        let stretch = scale.max(1.0);
        let support = SUPPORT * stretch;
        let inverse_stretch = 1.0 / stretch;

        let mut taps = Vec::with_capacity(target_length as usize);
        let mut weights = Vec::new();
        let mut unscaled = Vec::new();
        for target in 0..target_length {
            let center = (f64::from(target) + 0.5) * scale;
            let first = (center - support + 0.5).max(0.0) as u32;
            let end = ((center + support + 0.5) as u32).min(source_length);
            unscaled.clear();
            unscaled.extend(
                (first..end).map(|source| bicubic((f64::from(source) - center + 0.5) * inverse_stretch)),
            );
            // As in Pillow, the weights are summed in order and divided by their sum. Multiplying by
            // the reciprocal would round differently.
            let sum: f64 = unscaled.iter().sum();
            let first_weight = weights.len();
            weights.extend(unscaled.iter().map(|&w| to_fixed(if sum == 0.0 { w } else { w / sum })));
            taps.push(ResizeTaps { first: first as usize, first_weight, count: unscaled.len() });
        }
        Self { source_length: source_length as usize, taps, weights }
    }

    /// Returns whether source and target have the same length, so that the samples are copied.
    pub fn is_identity(&self) -> bool {
        self.taps.len() == self.source_length
    }

    /// Returns whether the columns are resampled before the rows, for a source and target size of
    /// (width, height).
    ///
    /// The order affects the result, because each pass rounds. This is the order of Pillow 13;
    /// earlier versions always start with the rows.
    pub fn columns_first(source: (u32, u32), target: (u32, u32)) -> bool {
        let loss = |from: u32, to: u32| i64::from(from) - i64::from(to);
        let (columns_lost, rows_lost) = (loss(source.0, target.0), loss(source.1, target.1));
        rows_lost > 0 && rows_lost > 2 * columns_lost
    }

    /// Returns the source samples and weights of each target sample.
    pub fn taps(&self) -> &[ResizeTaps] {
        &self.taps
    }

    /// Returns the weights of all target samples.
    pub fn weights(&self) -> &[i32] {
        &self.weights
    }

    fn weights_of(&self, taps: &ResizeTaps) -> &[i32] {
        &self.weights[taps.first_weight..taps.first_weight + taps.count]
    }

    /// Resamples each row of an image of `C` interleaved channels.
    fn along_rows<const C: usize>(&self, source: &[u8]) -> Vec<u8> {
        if self.is_identity() {
            return source.to_vec();
        }
        let pixels = source.as_chunks::<C>().0;
        let rows = pixels.len() / self.source_length;
        let mut target = vec![0; rows * self.taps.len() * C];
        let target_rows = target.par_chunks_mut(self.taps.len() * C);
        target_rows.zip(pixels.par_chunks(self.source_length)).for_each(|(target_row, source_row)| {
            for (target_pixel, taps) in target_row.as_chunks_mut::<C>().0.iter_mut().zip(&self.taps) {
                let mut sums = [HALF; C];
                let covered = &source_row[taps.first..taps.first + taps.count];
                for (pixel, &weight) in covered.iter().zip(self.weights_of(taps)) {
                    for (sum, &sample) in sums.iter_mut().zip(pixel) {
                        *sum += i32::from(sample) * weight;
                    }
                }
                *target_pixel = sums.map(from_fixed);
            }
        });
        target
    }

    /// Resamples each column of an image with rows of `row_length` bytes.
    fn along_columns(&self, source: &[u8], row_length: usize) -> Vec<u8> {
        if self.is_identity() {
            return source.to_vec();
        }
        let mut target = vec![0; self.taps.len() * row_length];
        let target_rows = target.par_chunks_mut(row_length).zip(&self.taps);
        target_rows.for_each_init(
            || vec![0; row_length],
            |sums, (target_row, taps)| {
                sums.fill(HALF);
                let covered = source[taps.first * row_length..].chunks_exact(row_length);
                for (source_row, &weight) in covered.zip(self.weights_of(taps)) {
                    for (sum, &sample) in sums.iter_mut().zip(source_row) {
                        *sum += i32::from(sample) * weight;
                    }
                }
                for (target, &sum) in target_row.iter_mut().zip(&*sums) {
                    *target = from_fixed(sum);
                }
            },
        );
        target
    }
}

/// Keys' cubic convolution kernel with a = -0.5 ("Cubic convolution interpolation for digital image
/// processing", 1981), in Horner form.
fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// Converts a weight to fixed point, rounded to nearest, with ties away from zero.
fn to_fixed(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << PRECISION_BITS);
    (if weight < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
}

fn from_fixed(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}
