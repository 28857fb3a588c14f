//! Color correction that gives an image the mean and contrast of another. Everything is computed in
//! double precision on values of 0..=1.

use image::{GrayImage, Rgb, RgbImage};

/// Factor of the means in the correction, as in the reference.
const MEAN_SCALE: f64 = 0.95;

/// Returns the pixels of `output` with each channel corrected to the mean and standard deviation of
/// `input`.
///
/// The statistics of both images are taken where alpha is above a half. The pixels are returned
/// uncorrected if the correction increases their mean squared error against `input` or is
/// undefined. All three images must have the same size.
pub(crate) fn recorrect(output: &RgbImage, input: &RgbImage, alpha: &GrayImage) -> Vec<[f64; 3]> {
    let output = to_unit(output);
    let input = to_unit(input);
    let inside: Vec<bool> = alpha.iter().map(|&a| unit(a) > 0.5).collect();

    let channels = [0, 1, 2].map(|channel| {
        let from = Statistics::of(&output, &inside, channel);
        let to = Statistics::of(&input, &inside, channel);
        (from.mean * MEAN_SCALE, to.std / from.std, to.mean * MEAN_SCALE)
    });
    let corrected: Vec<[f64; 3]> = output
        .iter()
        .map(|pixel| {
            [0, 1, 2].map(|channel| {
                let (from_mean, gain, to_mean) = channels[channel];
                ((pixel[channel] - from_mean) * gain + to_mean).clamp(0.0, 1.0)
            })
        })
        .collect();

    // An undefined correction is NaN (0/0), for which the comparison is false.
    if squared_error(&corrected, &input) <= squared_error(&output, &input) { corrected } else { output }
}

/// Composites the pixels on white and truncates them to bytes.
pub(crate) fn composite_on_white(colors: &[[f64; 3]], alpha: &GrayImage) -> RgbImage {
    let mut composite = RgbImage::new(alpha.width(), alpha.height());
    for ((pixel, color), &a) in composite.pixels_mut().zip(colors).zip(alpha.iter()) {
        let alpha = unit(a);
        *pixel = Rgb(color.map(|c| ((c * alpha + (1.0 - alpha)) * 255.0) as u8));
    }
    composite
}

/// Mean and unbiased standard deviation of a channel. The mean of no pixel and the deviation of one
/// pixel are NaN.
struct Statistics {
    mean: f64,
    std: f64,
}

impl Statistics {
    fn of(pixels: &[[f64; 3]], inside: &[bool], channel: usize) -> Self {
        let values = || pixels.iter().zip(inside).filter(|(_, inside)| **inside).map(|(p, _)| p[channel]);
        let count = values().count() as f64;
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (count - 1.0);
        Self { mean, std: variance.sqrt() }
    }
}

fn squared_error(a: &[[f64; 3]], b: &[[f64; 3]]) -> f64 {
    a.as_flattened().iter().zip(b.as_flattened()).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Maps bytes to 0..=1.
pub(crate) fn to_unit(image: &RgbImage) -> Vec<[f64; 3]> {
    image.pixels().map(|pixel| pixel.0.map(unit)).collect()
}

fn unit(byte: u8) -> f64 {
    f64::from(byte) / 255.0
}
