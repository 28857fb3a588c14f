//! The colors of one channel: each pixel takes those whose isophotes point at it.

use image::GrayImage;

/// The flow to a pixel from a neighbor whose isophote is perpendicular to the way, or that has none.
const NO_FLOW: f32 = 1e-6;

/// Keeps the mean defined where no neighbor is known.
const TINY: f32 = 1e-20;

/// Fills the pixels of a channel in the given order (`y * width + x`); `mask` says which are unknown at first.
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

/// A pixel in 32 bits, so that the window around another takes few cache lines.
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

    /// The sum of the absolute differences to the known pixels on the left and right: the gradient, but
    /// for its sign.
    fn across(self) -> i32 {
        (self.0 >> 8 & Self::GRADIENT) as i32
    }

    /// The same above and below.
    fn down(self) -> i32 {
        (self.0 >> 18 & Self::GRADIENT) as i32
    }

    fn with_gradient(self, across: i32, down: i32) -> Self {
        Self(self.0 & (Self::KNOWN | 0xff) | (across as u32) << 8 | (down as u32) << 18)
    }
}

/// The channel, within a margin as wide as the radius that is unknown.
///
/// The front winds through the whole image, so memory is what the filling waits for: the samples lie in
/// square tiles of a page each.
struct Field {
    width: usize,
    height: usize,
    margin: usize,
    /// A sample's index is the sum of its row's and its column's part.
    row_index: Vec<usize>,
    column_index: Vec<usize>,
    samples: Vec<Sample>,
}

impl Field {
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

    /// Makes a pixel known, which changes the gradients around it.
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

    /// Renews the gradient of a known pixel; that of an unknown one is not read. What lies outside the image
    /// counts as known.
    ///
    /// In the first and last rows and columns OpenCV compares pixels farther inwards, each side in its own
    /// way, which is kept.
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
        let across = sum_of_differences(
            (color(left, y1), x == 0 || self.at(x - 1, y).known()),
            center,
            (color(right, y1), x == last_x || self.at(x + 1, y).known()),
        );
        let center = color(x1, y2);
        let down = sum_of_differences(
            (color(x1, above), y == 0 || self.at(x, y - 1).known()),
            center,
            (color(x1, below), y == last_y || self.at(x, y + 1).known()),
        );
        self.samples[i] = self.samples[i].with_gradient(across, down);
    }
}

/// The absolute differences to the colors on either side, of those that are known; 0 if neither is.
fn sum_of_differences(before: (i32, bool), center: i32, after: (i32, bool)) -> i32 {
    let (to_before, to_after) = ((before.0 - center).abs(), (after.0 - center).abs());
    match (before.1, after.1) {
        (true, true) => to_before + to_after,
        (true, false) => 2 * to_before,
        (false, true) => 2 * to_after,
        (false, false) => 0,
    }
}

/// The disc around a pixel, row by row: one value for each neighbor, in arrays that suit vectors. The
/// center takes part, but is never known.
struct Window {
    radius: usize,
    /// Half the disc's width in each row.
    half_widths: Vec<usize>,
    /// The way to the neighbor, in pixels.
    way_x: Vec<f32>,
    way_y: Vec<f32>,
    /// The squared length of the way.
    distance2: Vec<f32>,
    /// The neighbor's weight by distance.
    nearness: Vec<f32>,
    samples: Vec<Sample>,
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
            way_x: disc.iter().map(|&(dx, _)| dx as f32).collect(),
            way_y: disc.iter().map(|&(_, dy)| dy as f32).collect(),
            nearness: distance2.iter().map(|d| 1.0 / (d * d + 1.0)).collect(),
            samples: vec![Sample::default(); disc.len()],
            weights: vec![0.0; disc.len()],
            distance2,
        }
    }

    /// The weighted mean of the known pixels around a center, rounded to nearest, halves to even.
    fn mean(&mut self, field: &Field, x: usize, y: usize) -> u8 {
        // The margin is the radius.
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
        let (way_x, way_y) = (&self.way_x[..n], &self.way_y[..n]);
        let (distance2, nearness) = (&self.distance2[..n], &self.nearness[..n]);
        for i in 0..n {
            let (across, down) = (samples[i].across() as f32, samples[i].down() as f32);
            // The isophote is perpendicular to the gradient.
            let along = (way_y[i] * across - way_x[i] * down).abs();
            let flow = along / (distance2[i] * (across * across + down * down)).sqrt();
            let flow = if along == 0.0 { NO_FLOW } else { flow };
            weights[i] = nearness[i] * f32::from(u8::from(samples[i].known())) * flow;
        }
        let (mut sum, mut total) = (0.0, TINY);
        for (&weight, sample) in weights.iter().zip(samples) {
            sum += weight * sample.color() as f32;
            total += weight;
        }
        (f64::from(sum) / f64::from(total)).round_ties_even() as u8
    }
}
