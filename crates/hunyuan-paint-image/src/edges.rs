//! OpenCV's `Canny` and 3x3 `erode`, byte for byte.

use image::GrayImage;
use rayon::prelude::*;

use crate::pixels::pixel_bytes;

/// tan 22.5 degrees in [`TANGENT_BITS`] of fixed point, rounded to nearest.
const TANGENT_22_5: i32 = 13_573;
const TANGENT_BITS: u32 = 15;

const NOT_EDGE: u8 = 0;
const WEAK: u8 = 1;
const EDGE: u8 = 255;

/// Canny's edge detector with a 3x3 Sobel filter and the gradient's L1 norm: 255 on edges, 0 elsewhere.
///
/// The image goes on beyond its border with the values of the border. A pixel is a candidate if its
/// gradient's magnitude (0 to 2,040) is above `low` and the largest across the edge, with the direction
/// told apart in steps of 45 degrees; it is an edge if candidates connect it, also diagonally, with one
/// above `high`. The thresholds may come in either order. (J. Canny, "A computational approach to edge
/// detection", 1986.)
pub fn canny(image: &GrayImage, low: u16, high: u16) -> GrayImage {
    let (low, high) = (low.min(high), low.max(high));
    let (width, height) = (image.width() as usize, image.height() as usize);
    if width == 0 || height == 0 {
        return GrayImage::new(image.width(), image.height());
    }
    let gradients = Gradients::sobel(pixel_bytes(image), width, height);

    // A frame of one pixel, never an edge, around the map spares the tracking all bounds checks.
    let stride = width + 2;
    let mut map = vec![NOT_EDGE; stride * (height + 2)];
    map.par_chunks_mut(stride).skip(1).take(height).enumerate().for_each(|(y, row)| {
        for x in 0..width {
            row[x + 1] = match gradients.magnitude_if_ridge(x, y, low) {
                Some(magnitude) if magnitude > high => EDGE,
                Some(_) => WEAK,
                None => NOT_EDGE,
            };
        }
    });

    let mut to_visit: Vec<usize> = (0..map.len()).filter(|&i| map[i] == EDGE).collect();
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
    for (row, map_row) in edges.chunks_exact_mut(width).zip(map.chunks_exact(stride).skip(1)) {
        for (pixel, &class) in row.iter_mut().zip(&map_row[1..]) {
            *pixel = if class == EDGE { EDGE } else { 0 };
        }
    }
    edges
}

/// Sobel's derivatives, and their L1 norm within a frame of zeros.
struct Gradients {
    width: usize,
    derivatives: Vec<[i16; 2]>,
    magnitudes: Vec<u16>,
}

impl Gradients {
    fn sobel(pixels: &[u8], width: usize, height: usize) -> Self {
        let stride = width + 2;
        let mut derivatives = vec![[0; 2]; width * height];
        let mut magnitudes = vec![0; stride * (height + 2)];
        let rows = derivatives.par_chunks_mut(width);
        let magnitude_rows = magnitudes.par_chunks_mut(stride).skip(1);
        // Smoothed and differentiated along the columns, with the border's values on either side.
        let scratch = || (vec![0_i16; stride], vec![0_i16; stride]);
        rows.zip(magnitude_rows).enumerate().for_each_init(
            scratch,
            |(smooth, difference), (y, (row, magnitude_row))| {
                let [above, here, below] = neighbor_rows(pixels, width, y);
                for x in 0..width {
                    let (above, here, below) = (i16::from(above[x]), i16::from(here[x]), i16::from(below[x]));
                    smooth[x + 1] = above + 2 * here + below;
                    difference[x + 1] = below - above;
                }
                for line in [&mut *smooth, &mut *difference] {
                    (line[0], line[width + 1]) = (line[1], line[width]);
                }
                let magnitude_row = &mut magnitude_row[1..=width];
                for (x, (derivatives, magnitude)) in row.iter_mut().zip(magnitude_row).enumerate() {
                    let dx = smooth[x + 2] - smooth[x];
                    let dy = difference[x] + 2 * difference[x + 1] + difference[x + 2];
                    *derivatives = [dx, dy];
                    *magnitude = dx.unsigned_abs() + dy.unsigned_abs();
                }
            },
        );
        Self { width, derivatives, magnitudes }
    }

    /// The magnitude at a pixel, if it is above `low` and the largest along the gradient. Of two equal
    /// neighbours in a row or a column the first one counts; on a diagonal neither does.
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
        // tan 67.5 degrees = tan 22.5 degrees + 2.
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

/// The least value of each pixel and its eight neighbours; what lies outside the image does not count.
pub fn erode_3x3(image: &GrayImage) -> GrayImage {
    let (width, height) = (image.width() as usize, image.height() as usize);
    if width == 0 || height == 0 {
        return GrayImage::new(image.width(), image.height());
    }
    let mut eroded = GrayImage::new(image.width(), image.height());
    eroded.par_chunks_mut(width).enumerate().for_each_init(
        || vec![0; width],
        |column_least, (y, row)| {
            let [above, here, below] = neighbor_rows(pixel_bytes(image), width, y);
            for x in 0..width {
                column_least[x] = above[x].min(here[x]).min(below[x]);
            }
            for x in 0..width {
                let (left, right) = (x.saturating_sub(1), (x + 1).min(width - 1));
                row[x] = column_least[left].min(column_least[x]).min(column_least[right]);
            }
        },
    );
    eroded
}

/// The rows above, at and below `y`; at the border, the row itself stands for the one that is missing.
fn neighbor_rows(pixels: &[u8], width: usize, y: usize) -> [&[u8]; 3] {
    let last = pixels.len() / width - 1;
    [y.saturating_sub(1), y, (y + 1).min(last)].map(|y| &pixels[y * width..(y + 1) * width])
}
