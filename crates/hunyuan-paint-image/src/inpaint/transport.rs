//! Fills one channel: each pixel becomes a mean of known pixels, weighted by distance and isophote
//! direction.

use image::GrayImage;

/// Alignment of a neighbor whose isophote is perpendicular to the direction to the pixel, or that
/// has no gradient.
const NO_ALIGNMENT: f32 = 1e-6;

/// Added to the sum of weights. Keeps the mean defined if no neighbor is known.
const EPSILON: f32 = 1e-20;

/// Fills the pixels of a channel in the order of their indices in `order` (`y * width + x`). Pixels
/// where `mask` is not 0 are unknown at first.
pub(super) fn fill(channel: &mut [u8], mask: &GrayImage, order: &[u32], radius: u32) {
    let mut field = Field::new(channel, mask, radius as usize);
    let mut window = Window::new(radius as i32);
    for &pixel in order {
        let (x, y) = (pixel as usize % field.width, pixel as usize / field.width);
        let color = window.mean(&field, x, y);
        field.set(x, y, color);
        channel[pixel as usize] = color;
    }
}

/// A pixel packed into 32 bits, so that a window spans few cache lines. Bits 0 to 7 hold the color,
/// 8 to 17 and 18 to 27 the absolute gradients in x and y, and bit 31 whether the pixel is known.
#[derive(Clone, Copy, Default)]
struct Sample(u32);

impl Sample {
    const KNOWN: u32 = 1 << 31;
    const GRADIENT: u32 = 0x3ff;

    fn new(color: u8, known: bool) -> Self {
        Self(u32::from(color) | if known { Self::KNOWN } else { 0 })
    }

    fn color(self) -> i32 {
        (self.0 & 0xff) as i32
    }

    fn known(self) -> bool {
        self.0 & Self::KNOWN != 0
    }

    /// Returns the absolute gradient in x: the sum of the absolute differences to the known pixels
    /// on the left and right.
    fn gradient_x(self) -> i32 {
        (self.0 >> 8 & Self::GRADIENT) as i32
    }

    /// Returns the absolute gradient in y: the sum of the absolute differences to the known pixels
    /// above and below.
    fn gradient_y(self) -> i32 {
        (self.0 >> 18 & Self::GRADIENT) as i32
    }

    fn with_gradient(self, gradient_x: i32, gradient_y: i32) -> Self {
        Self(self.0 & (Self::KNOWN | 0xff) | (gradient_x as u32) << 8 | (gradient_y as u32) << 18)
    }
}

/// The samples of a channel, surrounded by a margin of unknown samples as wide as the radius.
///
/// Filling is bound by memory latency, because the front moves through the whole image. Therefore
/// the samples are stored in square tiles of 4 KiB, the size of a page.
struct Field {
    width: usize,
    height: usize,
    margin: usize,
    /// For each row, its part of a sample's index. The index is the sum of the parts of row and
    /// column.
    row_index: Vec<usize>,
    /// For each column, its part of a sample's index.
    column_index: Vec<usize>,
    samples: Vec<Sample>,
}

impl Field {
    /// Side of a tile, in samples.
    const TILE: usize = 32;

    fn new(channel: &[u8], mask: &GrayImage, margin: usize) -> Self {
        let (width, height) = (mask.width() as usize, mask.height() as usize);
        let (columns, rows) = (width + 2 * margin, height + 2 * margin);
        let tile = Self::TILE;
        let (tile_columns, tile_rows) = (columns.div_ceil(tile), rows.div_ceil(tile));
        let row_index = (0..rows).map(|y| y / tile * tile_columns * tile * tile + y % tile * tile).collect();
        let column_index = (0..columns).map(|x| x / tile * tile * tile + x % tile).collect();
        let samples = vec![Sample::default(); tile_columns * tile_rows * tile * tile];
        let mut field = Self { width, height, margin, row_index, column_index, samples };
        for (y, (row, mask_row)) in channel.chunks(width).zip(mask.chunks(width)).enumerate() {
            for (x, (&color, &masked)) in row.iter().zip(mask_row).enumerate() {
                let i = field.index(x, y);
                field.samples[i] = Sample::new(color, masked == 0);
            }
        }
        for y in 0..height {
            for x in 0..width {
                field.update_gradient(x, y);
            }
        }
        field
    }

    fn index(&self, x: usize, y: usize) -> usize {
        self.row_index[y + self.margin] + self.column_index[x + self.margin]
    }

    fn at(&self, x: usize, y: usize) -> Sample {
        self.samples[self.index(x, y)]
    }

    /// Sets the color of a pixel, marks it as known, and updates the gradients around it.
    fn set(&mut self, x: usize, y: usize, color: u8) {
        let i = self.index(x, y);
        self.samples[i] = Sample::new(color, true);
        if x >= 2 && y >= 2 && x + 2 < self.width && y + 2 < self.height {
            for (x, y) in [(x, y - 1), (x - 1, y), (x, y), (x + 1, y), (x, y + 1)] {
                self.update_gradient(x, y);
            }
        } else {
            for y in y.saturating_sub(1)..(y + 2).min(self.height) {
                for x in x.saturating_sub(1)..(x + 2).min(self.width) {
                    self.update_gradient(x, y);
                }
            }
        }
    }

    /// Updates the gradient of a known pixel. Gradients of unknown pixels are never read. Pixels
    /// outside the image count as known.
    ///
    /// In the first and last rows and columns, the differences are those of pixels farther inside.
    /// The shift differs between the sides. Both reproduce OpenCV.
    fn update_gradient(&mut self, x: usize, y: usize) {
        let i = self.index(x, y);
        if !self.samples[i].known() {
            return;
        }
        let (last_x, last_y) = (self.width - 1, self.height - 1);
        let (x1, y1) = (x.max(1).min(last_x), y.max(1).min(last_y));
        let (x2, y2) = (x.min(last_x.saturating_sub(1)), y.min(last_y.saturating_sub(1)));
        let (left, right) = (x1.saturating_sub(1), (x2 + 1).min(last_x));
        let (above, below) = (y1.saturating_sub(1), (y2 + 1).min(last_y));

        let color = |x: usize, y: usize| self.at(x, y).color();
        let center = color(x1, y1);
        let gradient_x = sum_of_differences(
            (color(left, y1), x == 0 || self.at(x - 1, y).known()),
            center,
            (color(right, y1), x == last_x || self.at(x + 1, y).known()),
        );
        let center = color(x1, y2);
        let gradient_y = sum_of_differences(
            (color(x1, above), y == 0 || self.at(x, y - 1).known()),
            center,
            (color(x1, below), y == last_y || self.at(x, y + 1).known()),
        );
        self.samples[i] = self.samples[i].with_gradient(gradient_x, gradient_y);
    }
}

/// Returns the sum of the absolute differences of `center` to the colors on either side, each given
/// with whether it is known. If only one is known, its difference counts twice; if neither is, the
/// sum is 0.
fn sum_of_differences(before: (i32, bool), center: i32, after: (i32, bool)) -> i32 {
    let (to_before, to_after) = ((before.0 - center).abs(), (after.0 - center).abs());
    match (before.1, after.1) {
        (true, true) => to_before + to_after,
        (true, false) => 2 * to_before,
        (false, true) => 2 * to_after,
        (false, false) => 0,
    }
}

/// The disc around a pixel. Each array has one element for each pixel of the disc, row by row,
/// which allows vectorized loops. The center is included, but is never known.
struct Window {
    radius: usize,
    /// Number of pixels on either side of the center column, for each row.
    half_widths: Vec<usize>,
    /// Offset in x from the center, in pixels.
    offset_x: Vec<f32>,
    /// Offset in y from the center, in pixels.
    offset_y: Vec<f32>,
    /// Squared distance from the center.
    distance2: Vec<f32>,
    /// Weight by distance: 1 / (distance⁴ + 1).
    distance_weight: Vec<f32>,
    /// Samples of the current disc.
    samples: Vec<Sample>,
    /// Weights of the samples.
    weights: Vec<f32>,
}

impl Window {
    fn new(radius: i32) -> Self {
        let disc: Vec<(i32, i32)> = (-radius..=radius)
            .flat_map(|dy| (-radius..=radius).map(move |dx| (dx, dy)))
            .filter(|&(dx, dy)| dx * dx + dy * dy <= radius * radius)
            .collect();
        let half_width = |dy: i32| disc.iter().filter(|d| d.1 == dy).count() / 2;
        let distance2: Vec<f32> = disc.iter().map(|(dx, dy)| (dx * dx + dy * dy) as f32).collect();
        Self {
            radius: radius as usize,
            half_widths: (-radius..=radius).map(half_width).collect(),
            offset_x: disc.iter().map(|&(dx, _)| dx as f32).collect(),
            offset_y: disc.iter().map(|&(_, dy)| dy as f32).collect(),
            distance_weight: distance2.iter().map(|d| 1.0 / (d * d + 1.0)).collect(),
            samples: vec![Sample::default(); disc.len()],
            weights: vec![0.0; disc.len()],
            distance2,
        }
    }

    /// Returns the weighted mean of the known pixels around a center, rounded to nearest, with ties
    /// to even.
    fn mean(&mut self, field: &Field, x: usize, y: usize) -> u8 {
        // The margin equals the radius, so the window of pixel (x, y) starts at row y and column x.
        let rows = &field.row_index[y..];
        let mut targets = self.samples.iter_mut();
        for (row, &half_width) in rows.iter().zip(&self.half_widths) {
            let start = x + self.radius - half_width;
            let columns = &field.column_index[start..=start + 2 * half_width];
            for (column, target) in columns.iter().zip(&mut targets) {
                *target = field.samples[row + column];
            }
        }
        let n = self.weights.len();
        let (samples, weights) = (&self.samples[..n], &mut self.weights[..n]);
        let (offset_x, offset_y) = (&self.offset_x[..n], &self.offset_y[..n]);
        let (distance2, distance_weight) = (&self.distance2[..n], &self.distance_weight[..n]);
        for i in 0..n {
            let (gradient_x, gradient_y) = (samples[i].gradient_x() as f32, samples[i].gradient_y() as f32);
            // The isophote is perpendicular to the gradient. `alignment` is the cosine between
            // isophote and offset, computed from absolute gradients as in OpenCV.
            let along = (offset_y[i] * gradient_x - offset_x[i] * gradient_y).abs();
            let alignment =
                along / (distance2[i] * (gradient_x * gradient_x + gradient_y * gradient_y)).sqrt();
            let alignment = if along == 0.0 { NO_ALIGNMENT } else { alignment };
            weights[i] = distance_weight[i] * f32::from(u8::from(samples[i].known())) * alignment;
        }
        let (mut sum, mut total) = (0.0, EPSILON);
        for (&weight, sample) in weights.iter().zip(samples) {
            sum += weight * sample.color() as f32;
            total += weight;
        }
        (f64::from(sum) / f64::from(total)).round_ties_even() as u8
    }
}
