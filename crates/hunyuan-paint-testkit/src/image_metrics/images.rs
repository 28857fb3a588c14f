use image::{
    RgbImage,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};

use super::MetricError;

/// Differences of images, in steps of 1/255.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ImageDifferences {
    /// The largest difference.
    pub max: u8,
    /// The mean absolute difference.
    pub mean: f64,
    /// Share of the bytes that differ, 0 to 1.
    pub differing: f64,
    /// Share of the bytes that differ by more than 1, 0 to 1.
    pub beyond_one: f64,
}

/// Compares lists of images byte by byte.
///
/// # Errors
/// If the lists differ in length, or two images in size.
pub fn compare_images(expected: &[RgbImage], found: &[RgbImage]) -> Result<ImageDifferences, MetricError> {
    let sizes = |images: &[RgbImage]| images.iter().map(RgbImage::dimensions).collect::<Vec<_>>();
    let (expected_sizes, found_sizes) = (sizes(expected), sizes(found));
    if expected_sizes != found_sizes {
        let (expected, found) = (format!("{expected_sizes:?}"), format!("{found_sizes:?}"));
        return Err(MetricError::mismatch("sizes of the images to compare", expected, found));
    }
    let mut histogram = [0_u64; 256];
    for (expected, found) in expected.iter().zip(found) {
        for (expected, found) in expected.iter().zip(found.iter()) {
            histogram[usize::from(expected.abs_diff(*found))] += 1;
        }
    }
    let count = histogram.iter().sum::<u64>().max(1) as f64;
    let sum: u64 = (0..).zip(histogram).map(|(difference, count)| difference * count).sum();
    let share_above = |limit: usize| histogram[limit + 1..].iter().sum::<u64>() as f64 / count;
    Ok(ImageDifferences {
        max: histogram.iter().rposition(|&count| count > 0).unwrap_or(0) as u8,
        mean: sum as f64 / count,
        differing: share_above(0),
        beyond_one: share_above(1),
    })
}

/// Statistics of an image over all of its bytes. They tell structure from noise: noise has about
/// the standard deviation of a picture, but far larger edge strength and PNG size.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ImageStatistics {
    /// The mean, 0 to 255.
    pub mean: f64,
    /// The standard deviation.
    pub standard_deviation: f64,
    /// See [`edge_strength`].
    pub edge_strength: f64,
    /// Size of the image as a well-compressed PNG file, in bytes.
    pub png_size: usize,
}

/// Computes the statistics of an image.
///
/// # Errors
/// If the image has no pixels, so that it cannot be encoded.
pub fn image_statistics(image: &RgbImage) -> Result<ImageStatistics, MetricError> {
    let mut png = Vec::new();
    // Fast compression hardly tells structure from noise.
    image
        .write_with_encoder(PngEncoder::new_with_quality(
            &mut png,
            CompressionType::Best,
            FilterType::Adaptive,
        ))
        .map_err(|source| MetricError::Encode { source })?;
    let mut moments = Moments::default();
    image.iter().for_each(|&byte| moments.add(i64::from(byte)));
    Ok(ImageStatistics {
        mean: moments.mean(),
        standard_deviation: moments.standard_deviation(),
        edge_strength: edge_strength(image),
        png_size: png.len(),
    })
}

/// Returns the standard deviation of the differences between horizontal neighbors, plus that
/// between vertical neighbors, over all channels, in steps of 1/255. A flat image has 0;
/// independent noise of standard deviation s has 2√2·s.
pub fn edge_strength(image: &RgbImage) -> f64 {
    let (width, height) = image.dimensions();
    let (mut along_rows, mut along_columns) = (Moments::default(), Moments::default());
    let add = |moments: &mut Moments, from: [u8; 3], to: [u8; 3]| {
        from.iter().zip(to).for_each(|(&from, to)| moments.add(i64::from(to) - i64::from(from)));
    };
    for (x, y, pixel) in image.enumerate_pixels() {
        if x + 1 < width {
            add(&mut along_rows, pixel.0, image.get_pixel(x + 1, y).0);
        }
        if y + 1 < height {
            add(&mut along_columns, pixel.0, image.get_pixel(x, y + 1).0);
        }
    }
    along_rows.standard_deviation() + along_columns.standard_deviation()
}

/// Sums of integers, so that the result does not depend on the order of addition.
#[derive(Default)]
struct Moments {
    count: i64,
    sum: i64,
    squares: i64,
}

impl Moments {
    fn add(&mut self, value: i64) {
        self.count += 1;
        self.sum += value;
        self.squares += value * value;
    }

    fn mean(&self) -> f64 {
        self.sum as f64 / self.count.max(1) as f64
    }

    fn standard_deviation(&self) -> f64 {
        let mean = self.mean();
        (self.squares as f64 / self.count.max(1) as f64 - mean * mean).max(0.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use hunyuan_paint_scheduler::random::{NormalGenerator, Philox};
    use image::Rgb;

    use super::*;

    #[test]
    fn differences_of_known_images() -> Result<(), MetricError> {
        let expected = RgbImage::from_pixel(2, 1, Rgb([10, 20, 30]));
        let mut found = expected.clone();
        found.put_pixel(1, 0, Rgb([11, 17, 30]));
        let differences = compare_images(std::slice::from_ref(&expected), &[found])?;
        let (mean, differing, beyond_one) = (4.0 / 6.0, 2.0 / 6.0, 1.0 / 6.0);
        assert_eq!(differences, ImageDifferences { max: 3, mean, differing, beyond_one });
        assert!(compare_images(&[expected], &[RgbImage::new(1, 2)]).is_err());
        Ok(())
    }

    #[test]
    fn edges_are_seen_in_both_directions() {
        let stripes = |f: &dyn Fn(u32, u32) -> u32| {
            RgbImage::from_fn(65, 65, |x, y| Rgb([if f(x, y).is_multiple_of(2) { 0 } else { 100 }; 3]))
        };
        assert_eq!(edge_strength(&RgbImage::from_pixel(8, 8, Rgb([9, 8, 7]))), 0.0);
        // Equally many differences of +100 and −100, along rows only, then along rows and columns.
        assert_eq!(edge_strength(&stripes(&|x, _| x)), 100.0);
        assert_eq!(edge_strength(&stripes(&|x, y| x + y)), 200.0);
        assert_eq!(edge_strength(&RgbImage::new(1, 1)), 0.0);
    }

    #[test]
    fn noise_has_more_edges_and_a_larger_file_than_a_ramp() -> Result<(), MetricError> {
        let ramp = RgbImage::from_fn(64, 64, |x, y| Rgb([(2 * (x + y)) as u8; 3]));
        let bytes = Philox::new(0).randn(64 * 64 * 3).into_iter().map(|x| (128.0 + 40.0 * x) as u8).collect();
        let noise = RgbImage::from_raw(64, 64, bytes).unwrap_or_default();
        let (ramp, noise) = (image_statistics(&ramp)?, image_statistics(&noise)?);
        assert!(noise.edge_strength > 10.0 * ramp.edge_strength);
        assert!(noise.png_size > 20 * ramp.png_size, "{} and {}", noise.png_size, ramp.png_size);
        assert_eq!(ramp.mean, 126.0);
        assert!(image_statistics(&RgbImage::new(0, 0)).is_err());
        Ok(())
    }
}
