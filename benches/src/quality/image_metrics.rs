//! Similarity between views of an object and the ground truth.

use image::{Rgb, RgbImage};
use image_compare::{Algorithm, CompareError};

use super::{SquaredError, render::Picture};

/// Bins per channel of the histogram.
const BINS: usize = 8;

/// Similarity between the views of an object and the ground truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ViewFigures {
    /// Error inside the object, in the front view.
    pub front: SquaredError,
    /// Error inside the object, in the other views.
    pub others: SquaredError,
    /// Mean structural similarity of all views, background included, at most 1 (Wang et al. 2004,
    /// windows of 8 × 8).
    pub ssim: f64,
    /// Distance of the color histograms (8 × 8 × 8 bins) over all views: half the sum of the
    /// absolute differences. It is the share, 0 to 1, of the object's pixels that would have to
    /// change color for the histograms to agree.
    pub histogram_distance: f64,
}

impl ViewFigures {
    /// Compares views, the front view first, with the ground truth.
    ///
    /// # Errors
    /// If a view has another size than the ground truth.
    pub fn new(found: &[RgbImage], truth: &[Picture]) -> Result<Self, CompareError> {
        let mut errors = Vec::new();
        let mut ssim = 0.0;
        let mut surplus = vec![0_i64; BINS.pow(3)];
        let mut pixel_count = 0;
        for (found, truth) in found.iter().zip(truth) {
            let truth_image = truth.on_white();
            ssim +=
                image_compare::rgb_similarity_structure(&Algorithm::MSSIMSimple, &truth_image, found)?.score;
            let inside = (found.pixels().zip(truth_image.pixels()).zip(&truth.coverage))
                .filter(|(_, coverage)| **coverage == 1.0)
                .map(|(colors, _)| colors);
            let mut error = SquaredError::default();
            for (found, truth) in inside {
                error = error + SquaredError::of(found.0.map(f32::from), truth.0.map(f32::from));
                surplus[bin(*found)] += 1;
                surplus[bin(*truth)] -= 1;
                pixel_count += 1;
            }
            errors.push(error);
        }
        let differences: i64 = surplus.iter().map(|surplus| surplus.abs()).sum();
        Ok(Self {
            front: errors.first().copied().unwrap_or_default(),
            others: errors.iter().skip(1).copied().sum(),
            ssim: ssim / errors.len().max(1) as f64,
            histogram_distance: differences as f64 / f64::from(2 * pixel_count.max(1)),
        })
    }
}

fn bin(color: Rgb<u8>) -> usize {
    color.0.iter().fold(0, |bin, &channel| bin * BINS + usize::from(channel) * BINS / 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an image with a different color in each half.
    fn truth() -> Picture {
        let size = 16;
        let color = |x| if x < size / 2 { [200.0, 0.0, 0.0] } else { [0.0, 0.0, 200.0] };
        Picture {
            colors: (0..size * size).map(|pixel| color(pixel % size)).collect(),
            coverage: vec![1.0; (size * size) as usize],
            size,
        }
    }

    #[test]
    fn a_mirror_image_differs_in_structure_but_not_in_color() -> Result<(), CompareError> {
        let truth = truth();
        let same = ViewFigures::new(&[truth.on_white()], std::slice::from_ref(&truth))?;
        assert_eq!(same.front.psnr(), Some(f64::INFINITY));
        assert_eq!(same.others.psnr(), None);
        assert_eq!(same.histogram_distance, 0.0);
        assert!((same.ssim - 1.0).abs() < 1e-6, "{}", same.ssim);

        let mirrored = image::imageops::flip_horizontal(&truth.on_white());
        let mirrored = ViewFigures::new(&[mirrored], &[truth])?;
        assert_eq!(mirrored.histogram_distance, 0.0);
        // Two of three channels are off by 200.
        let expected = 10.0 * (255.0_f64 * 255.0 * 3.0 / (2.0 * 200.0 * 200.0)).log10();
        assert!(mirrored.front.psnr().is_some_and(|psnr| (psnr - expected).abs() < 1e-9));
        assert!(mirrored.ssim < 0.9, "{}", mirrored.ssim);
        Ok(())
    }

    #[test]
    fn one_of_two_colors_gives_half_the_histogram_distance() -> Result<(), CompareError> {
        let red = RgbImage::from_pixel(16, 16, Rgb([200, 0, 0]));
        let figures = ViewFigures::new(&[red], &[truth()])?;
        assert!((figures.histogram_distance - 0.5).abs() < 1e-9);
        Ok(())
    }
}
