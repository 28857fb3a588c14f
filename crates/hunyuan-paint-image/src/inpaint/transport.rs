//! The colours of one channel: each pixel takes those whose isophotes point at it.

use image::GrayImage;

/// The flow to a pixel from a neighbour whose isophote is perpendicular to the way, or that has none.
const NO_FLOW: f32 = 1e-6;

/// Keeps the mean defined where no neighbour is known.
const TINY: f32 = 1e-20;

/// Fills the pixels of a channel in the given order (`y * width + x`); `mask` says which are unknown at first.
pub(super) fn fill(channel: &mut [u8], mask: &GrayImage, order: &[u32], radius: u32) {
    let mut field = Field::new(channel, mask, radius as usize);
    let mut window = Window::new(radius as i32, field.stride);
    for &pixel in order {
        let (x, y) = (pixel as usize % field.width, pixel as usize / field.width);
        let color = window.mean(&field.samples, field.index(x, y));
        field.set(x, y, color);
        channel[pixel as usize] = color;
    }
}

/// A pixel, small enough for the window around another to take few cache lines.
#[derive(Clone, Copy, Default)]
struct Sample {
    color: i16,
    /// The sum of the absolute differences to the known pixels on the left and right: the gradient, but
    /// for its sign.
    across: i16,
    /// The same above and below.
    down: i16,
    /// 1 or 0.
    known: i16,
}

/// The channel, within a margin as wide as the radius that is unknown.
struct Field {
    width: usize,
    height: usize,
    margin: usize,
    stride: usize,
    samples: Vec<Sample>,
}

impl Field {
    fn new(channel: &[u8], mask: &GrayImage, margin: usize) -> Self {
        let (width, height) = (mask.width() as usize, mask.height() as usize);
        let stride = width + 2 * margin;
        let samples = vec![Sample::default(); stride * (height + 2 * margin)];
        let mut field = Self { width, height, margin, stride, samples };
        for (y, (row, mask_row)) in channel.chunks(width).zip(mask.chunks(width)).enumerate() {
            let start = field.index(0, y);
            let samples = &mut field.samples[start..start + width];
            for ((sample, &color), &masked) in samples.iter_mut().zip(row).zip(mask_row) {
                (sample.color, sample.known) = (i16::from(color), i16::from(masked == 0));
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
        (y + self.margin) * self.stride + x + self.margin
    }

    /// Makes a pixel known, which changes the gradients around it.
    fn set(&mut self, x: usize, y: usize, color: u8) {
        let i = self.index(x, y);
        (self.samples[i].color, self.samples[i].known) = (i16::from(color), 1);
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

    /// Sums the differences to the known sides; a single one counts twice. What lies outside the image
    /// counts as known.
    ///
    /// OpenCV moves some of the pixels compared inwards at the border, which is kept: `first_x` and
    /// `first_y` are 1 in the first column and row, `last_x` and `last_y` in the last ones.
    fn update_gradient(&mut self, x: usize, y: usize) {
        let (stride, i) = (self.stride, self.index(x, y));
        let first_x = usize::from(x == 0 && self.width > 1);
        let first_y = usize::from(y == 0 && self.height > 1) * stride;
        let last_x = usize::from(x > 0 && x + 1 == self.width);
        let last_y = usize::from(y > 0 && y + 1 == self.height) * stride;
        let known = |i: usize, is_border: bool| is_border || self.samples[i].known == 1;
        let difference = |a: usize, b: usize| (self.samples[a].color - self.samples[b].color).abs();
        let sum = |before: i16, knows_before: bool, after: i16, knows_after: bool| {
            before * (i16::from(knows_before) << u8::from(!knows_after))
                + after * (i16::from(knows_after) << u8::from(!knows_before))
        };

        let row = i + first_y;
        let across = sum(
            difference(row + first_x, row + first_x - 1),
            known(i - 1, x == 0),
            difference(row + 1 - last_x, row + first_x),
            known(i + 1, x + 1 == self.width),
        );
        let column = i + first_x;
        let down = sum(
            difference(column - last_y, column + first_y - stride),
            known(i - stride, y == 0),
            difference(column + stride - last_y, column - last_y),
            known(i + stride, y + 1 == self.height),
        );
        (self.samples[i].across, self.samples[i].down) = (across, down);
    }
}

/// The disc around a pixel, row by row: one value for each neighbour, in arrays that suit vectors.
struct Window {
    /// Its index, relative to the centre's.
    offsets: Vec<isize>,
    /// The way to it, in pixels.
    way_x: Vec<f32>,
    way_y: Vec<f32>,
    /// The squared length of the way.
    distance2: Vec<f32>,
    /// Its weight by distance.
    nearness: Vec<f32>,
    samples: Vec<Sample>,
    weights: Vec<f32>,
}

impl Window {
    fn new(radius: i32, stride: usize) -> Self {
        let disc: Vec<(i32, i32)> = (-radius..=radius)
            .flat_map(|dy| (-radius..=radius).map(move |dx| (dx, dy)))
            .filter(|&(dx, dy)| (dx, dy) != (0, 0) && dx * dx + dy * dy <= radius * radius)
            .collect();
        let distance2: Vec<f32> = disc.iter().map(|(dx, dy)| (dx * dx + dy * dy) as f32).collect();
        Self {
            offsets: disc.iter().map(|&(dx, dy)| dy as isize * stride as isize + dx as isize).collect(),
            way_x: disc.iter().map(|&(dx, _)| dx as f32).collect(),
            way_y: disc.iter().map(|&(_, dy)| dy as f32).collect(),
            nearness: distance2.iter().map(|d| 1.0 / (d * d + 1.0)).collect(),
            samples: vec![Sample::default(); disc.len()],
            weights: vec![0.0; disc.len()],
            distance2,
        }
    }

    /// The weighted mean of the known pixels around a centre, rounded to nearest, halves to even.
    fn mean(&mut self, samples: &[Sample], center: usize) -> u8 {
        let n = self.offsets.len();
        for (sample, &offset) in self.samples.iter_mut().zip(&self.offsets) {
            *sample = samples[center.wrapping_add_signed(offset)];
        }
        let (samples, weights) = (&self.samples[..n], &mut self.weights[..n]);
        let (way_x, way_y) = (&self.way_x[..n], &self.way_y[..n]);
        let (distance2, nearness) = (&self.distance2[..n], &self.nearness[..n]);
        for i in 0..n {
            let (across, down) = (f32::from(samples[i].across), f32::from(samples[i].down));
            // The isophote is perpendicular to the gradient.
            let along = (way_y[i] * across - way_x[i] * down).abs();
            let flow = along / (distance2[i] * (across * across + down * down)).sqrt();
            let flow = if along == 0.0 { NO_FLOW } else { flow };
            weights[i] = nearness[i] * f32::from(samples[i].known) * flow;
        }
        let (mut sum, mut total) = (0.0, TINY);
        for (&weight, sample) in weights.iter().zip(samples) {
            sum += weight * f32::from(sample.color);
            total += weight;
        }
        (f64::from(sum) / f64::from(total)).round_ties_even() as u8
    }
}
