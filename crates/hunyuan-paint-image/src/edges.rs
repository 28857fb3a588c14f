//! OpenCV's `Canny` and 3x3 `erode`, byte for byte.

use std::ops::Range;

use image::GrayImage;
use rayon::prelude::*;

use crate::pixels::pixel_bytes;

/// tan 22.5° in fixed point with [`TANGENT_BITS`] fractional bits, rounded to nearest.
const TANGENT_22_5: i32 = 13_573;
/// Fractional bits of [`TANGENT_22_5`].
const TANGENT_BITS: u32 = 15;

const NOT_EDGE: u8 = 0;
const WEAK: u8 = 1;
const EDGE: u8 = 255;

/// Detects edges (J. Canny, "A computational approach to edge detection", 1986) with a 3x3 Sobel
/// filter and the L1 norm of the gradient. Edge pixels are 255, all others 0.
///
/// Samples outside the image are clamped to its border. A pixel is a candidate if the magnitude of
/// its gradient (0 to 2,040) is above `low` and is a local maximum along the gradient, whose
/// direction is quantized to 45°. A candidate is an edge if its magnitude is above `high`, or if a
/// path of candidates, horizontal, vertical or diagonal, connects it to such a candidate. The
/// thresholds may be swapped.
pub fn canny(image: &GrayImage, low: u16, high: u16) -> GrayImage {
    let (low, high) = (low.min(high), low.max(high));
    let (width, height) = (image.width() as usize, image.height() as usize);
    if width == 0 || height == 0 {
        return GrayImage::new(image.width(), image.height());
    }
    let gradients = Gradients::sobel(pixel_bytes(image), width, height);

    // The map has a frame of one pixel that is never an edge, so the tracking needs no bounds
    // checks.
    let stride = width + 2;
    let mut map = vec![NOT_EDGE; stride * (height + 2)];
    map.par_chunks_mut(stride).skip(1).take(height).enumerate().for_each(|(y, row)| {
        for x in gradients.columns[y].clone() {
            row[x + 1] = match gradients.magnitude_if_ridge(x, y, low) {
                Some(magnitude) if magnitude > high => EDGE,
                Some(_) => WEAK,
                None => NOT_EDGE,
            };
        }
    });

    let mut to_visit: Vec<usize> = (map.par_chunks(stride).enumerate())
        .flat_map_iter(|(row, classes)| {
            let is_edge = |(_, class): &(usize, &u8)| **class == EDGE;
            (row * stride..).zip(classes).filter(is_edge).map(|(i, _)| i)
        })
        .collect();
    while let Some(i) = to_visit.pop() {
        for row in [i - stride, i, i + stride] {
            for neighbor in [row - 1, row, row + 1] {
                if map[neighbor] == WEAK {
                    map[neighbor] = EDGE;
                    to_visit.push(neighbor);
                }
            }
        }
    }

    let mut edges = GrayImage::new(image.width(), image.height());
    edges.par_chunks_mut(width).zip(map.par_chunks(stride).skip(1)).for_each(|(row, map_row)| {
        for (pixel, &class) in row.iter_mut().zip(&map_row[1..]) {
            *pixel = if class == EDGE { EDGE } else { 0 };
        }
    });
    edges
}

/// Sobel derivatives and gradient magnitudes of an image.
struct Gradients {
    width: usize,
    /// For each row, the range of columns that may have a gradient. The gradient is zero elsewhere,
    /// because all pixels around are 0.
    columns: Vec<Range<usize>>,
    /// Derivatives in x and y of each pixel.
    derivatives: Vec<[i16; 2]>,
    /// L1 norms of the gradients, with a frame of one zero around the image.
    magnitudes: Vec<u16>,
}

impl Gradients {
    fn sobel(pixels: &[u8], width: usize, height: usize) -> Self {
        let stride = width + 2;
        let columns = columns_beside_content(pixels, width, height);
        // The allocator provides zeroed pages on first access; most of the background is never
        // accessed.
        let mut derivatives = vec![[0; 2]; width * height];
        let mut magnitudes = vec![0; stride * (height + 2)];
        let rows = derivatives.par_chunks_mut(width);
        let magnitude_rows = magnitudes.par_chunks_mut(stride).skip(1);
        // One row each of the image smoothed and differentiated in y, with one clamped sample on
        // either side.
        let scratch = || (vec![0_i16; stride], vec![0_i16; stride]);
        rows.zip(magnitude_rows).enumerate().for_each_init(
            scratch,
            |(smooth, difference), (y, (row, magnitude_row))| {
                let columns = columns[y].clone();
                let [above, here, below] = neighbor_rows(pixels, width, y);
                for x in columns.start.saturating_sub(1)..(columns.end + 1).min(width) {
                    let (above, here, below) = (i16::from(above[x]), i16::from(here[x]), i16::from(below[x]));
                    smooth[x + 1] = above + 2 * here + below;
                    difference[x + 1] = below - above;
                }
                for line in [&mut *smooth, &mut *difference] {
                    (line[0], line[width + 1]) = (line[1], line[width]);
                }
                let row = &mut row[columns.clone()];
                let magnitude_row = &mut magnitude_row[columns.start + 1..=columns.end];
                for (x, (derivatives, magnitude)) in columns.zip(row.iter_mut().zip(magnitude_row)) {
                    let dx = smooth[x + 2] - smooth[x];
                    let dy = difference[x] + 2 * difference[x + 1] + difference[x + 2];
                    *derivatives = [dx, dy];
                    *magnitude = dx.unsigned_abs() + dy.unsigned_abs();
                }
            },
        );
        Self { width, columns, derivatives, magnitudes }
    }

    /// Returns the magnitude at a pixel if it is above `low` and a maximum along the gradient. Of
    /// two adjacent equal maxima in a row or column, the first one counts; on a diagonal, neither
    /// does.
    fn magnitude_if_ridge(&self, x: usize, y: usize, low: u16) -> Option<u16> {
        let stride = self.width + 2;
        let center = (y + 1) * stride + x + 1;
        let magnitude = self.magnitudes[center];
        if magnitude <= low {
            return None;
        }
        let [dx, dy] = self.derivatives[y * self.width + x];
        let (abs_dx, abs_dy) = (i32::from(dx).abs(), i32::from(dy).abs() << TANGENT_BITS);
        let shallow = abs_dx * TANGENT_22_5;
        // tan 67.5° = tan 22.5° + 2.
        let steep = shallow + (abs_dx << (TANGENT_BITS + 1));
        let is_ridge = if abs_dy < shallow {
            magnitude > self.magnitudes[center - 1] && magnitude >= self.magnitudes[center + 1]
        } else if abs_dy > steep {
            magnitude > self.magnitudes[center - stride] && magnitude >= self.magnitudes[center + stride]
        } else {
            let (before, after) = if (dx ^ dy) < 0 {
                (center - stride + 1, center + stride - 1)
            } else {
                (center - stride - 1, center + stride + 1)
            };
            magnitude > self.magnitudes[before] && magnitude > self.magnitudes[after]
        };
        is_ridge.then_some(magnitude)
    }
}

/// Returns for each row the range of columns from the first to the last nonzero pixel of that row
/// and the two adjacent rows, extended by one column on either side.
fn columns_beside_content(pixels: &[u8], width: usize, height: usize) -> Vec<Range<usize>> {
    let content: Vec<Range<usize>> = (pixels.par_chunks(width))
        .map(|row| match row.iter().position(|&pixel| pixel != 0) {
            None => 0..0,
            Some(first) => first..row.iter().rposition(|&pixel| pixel != 0).map_or(first, |last| last + 1),
        })
        .collect();
    let beside = |y: usize| {
        let rows = content[y.saturating_sub(1)..(y + 2).min(height)].iter().filter(|row| !row.is_empty());
        let all = rows.cloned().reduce(|a, b| a.start.min(b.start)..a.end.max(b.end));
        all.map_or(0..0, |columns| columns.start.saturating_sub(1)..(columns.end + 1).min(width))
    };
    (0..height).map(beside).collect()
}

/// Erodes an image: each pixel becomes the minimum of itself and its eight neighbors. Samples
/// outside the image are ignored.
pub fn erode_3x3(image: &GrayImage) -> GrayImage {
    let (width, height) = (image.width() as usize, image.height() as usize);
    if width == 0 || height == 0 {
        return GrayImage::new(image.width(), image.height());
    }
    let mut eroded = GrayImage::new(image.width(), image.height());
    eroded.par_chunks_mut(width).enumerate().for_each_init(
        || vec![0; width],
        |column_minima, (y, row)| {
            let [above, here, below] = neighbor_rows(pixel_bytes(image), width, y);
            for x in 0..width {
                column_minima[x] = above[x].min(here[x]).min(below[x]);
            }
            for x in 0..width {
                let (left, right) = (x.saturating_sub(1), (x + 1).min(width - 1));
                row[x] = column_minima[left].min(column_minima[x]).min(column_minima[right]);
            }
        },
    );
    eroded
}

/// Returns the rows above, at and below `y`. Rows outside the image are clamped to its border.
fn neighbor_rows(pixels: &[u8], width: usize, y: usize) -> [&[u8]; 3] {
    let last = pixels.len() / width - 1;
    [y.saturating_sub(1), y, (y + 1).min(last)].map(|y| &pixels[y * width..(y + 1) * width])
}
