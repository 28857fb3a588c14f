//! Stage 2: the nearest face of every pixel.

use std::{array::from_fn, ops::Range};

use rayon::prelude::*;

use super::{
    project::{DEPTH_SCALE, ScreenVertex},
    triangle::Triangle,
};
use crate::{DepthPrior, Size};

/// Steps of depth; quantising makes the order of faces decide between surfaces that touch.
const DEPTH_STEPS: f32 = (1 << 18) as f32;

/// How many pixels are tried at once, so that the compiler can use vector instructions.
const LANES: usize = 8;

/// As many faces as the original's 31 bits of a pixel's key hold.
pub(super) const FACE_LIMIT: usize = (1 << 31) - 3;

/// Some rows of the image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Band {
    pub(super) width: u32,
    pub(super) first_row: u32,
    pub(super) end_row: u32,
}

/// The rows of the image that each face's bounding box touches, first and end.
pub(super) fn row_ranges(vertices: &[ScreenVertex], faces: &[[u32; 3]], size: Size) -> Vec<[u16; 2]> {
    let rows = |face: &[u32; 3]| {
        let rows = pixel_range(face.map(|i| vertices[i as usize].y), size.height);
        // Size::LIMIT fits.
        [rows.start as u16, rows.end as u16]
    };
    faces.par_iter().map(rows).collect()
}

/// The pixels along one axis of an image that a bounding box touches, and one more on its far side.
fn pixel_range(coordinates: [f32; 3], pixel_count: u32) -> Range<usize> {
    let [a, b, c] = coordinates;
    let (min, max) = (a.min(b.min(c)), a.max(b.max(c)));
    // These casts saturate, and turn NaN into 0.
    let end = ((max + 1.0).ceil() as usize).min(pixel_count as usize);
    (min as usize).min(end)..end
}

/// Writes the nearest face of each pixel of a band, or leaves [`crate::NO_FACE`].
pub(super) fn draw(
    vertices: &[ScreenVertex],
    faces: &[[u32; 3]],
    row_ranges: &[[u16; 2]],
    band: Band,
    depth_prior: Option<DepthPrior<'_>>,
    face_index: &mut [u32],
) {
    let width = band.width as usize;
    let mut depth_buffer = vec![u32::MAX; face_index.len()];
    for ((face, rows), index) in faces.iter().zip(row_ranges).zip(0..) {
        let first_row = u32::from(rows[0]).max(band.first_row);
        let end_row = u32::from(rows[1]).min(band.end_row);
        if first_row >= end_row {
            continue;
        }
        let corners = face.map(|i| vertices[i as usize]);
        let Some(triangle) = Triangle::new(corners) else { continue };
        let columns = pixel_range(corners.map(|v| v.x), band.width);
        for row in first_row..end_row {
            let start = (row - band.first_row) as usize * width;
            let target = Row {
                y: row as f32 + 0.5,
                depths: &mut depth_buffer[start..start + width],
                face_index: &mut face_index[start..start + width],
            };
            match depth_prior {
                None => target.draw(&triangle, index, columns.clone(), |_| 0.0),
                Some(prior) => {
                    let prior_row = &prior.depth[row as usize * width..];
                    target.draw(&triangle, index, columns.clone(), |column| {
                        prior_row[column] * DEPTH_SCALE + 0.5 + prior.occlusion_truncation
                    });
                }
            }
        }
    }
}

/// One row of pixels.
struct Row<'a> {
    y: f32,
    /// The quantised depth of the face that each pixel shows.
    depths: &'a mut [u32],
    face_index: &'a mut [u32],
}

impl Row<'_> {
    /// Draws a face into some columns. `nearest` is the least depth that shows at a column.
    #[inline]
    fn draw(self, triangle: &Triangle, index: u32, columns: Range<usize>, nearest: impl Fn(usize) -> f32) {
        let barycentrics_at = triangle.along_row::<LANES>(self.y);
        for first in columns.clone().step_by(LANES) {
            let barycentrics = barycentrics_at(from_fn(|i| (first + i) as f32 + 0.5));
            let [alpha, beta, gamma] = barycentrics;
            // None is above 1 if none is below 0: alpha is what the others leave of 1, and keeps its sign.
            let covered: [bool; LANES] =
                from_fn(|i| (alpha[i] >= 0.0) & (beta[i] >= 0.0) & (gamma[i] >= 0.0));
            if covered == [false; LANES] {
                continue;
            }
            let depths = triangle.depth(barycentrics);
            for (column, (covered, depth)) in (first..columns.end).zip(covered.into_iter().zip(depths)) {
                if !covered || depth < nearest(column) {
                    continue;
                }
                // Faces come in order: where depths are equal, the one that is there stays.
                if let Some(quantised) = quantise(depth)
                    && quantised < self.depths[column]
                {
                    self.depths[column] = quantised;
                    self.face_index[column] = index;
                }
            }
        }
    }
}

/// Depth in steps, towards zero; `None` where the original's integer is negative or has overflowed, which
/// never wins over the background.
#[inline]
fn quantise(depth: f32) -> Option<u32> {
    let steps = depth * DEPTH_STEPS;
    (steps > -1.0 && steps < i32::MAX as f32).then_some(steps as i32 as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixel_ranges_are_safe_for_any_float() {
        assert_eq!(pixel_range([2.7, 5.0, 3.1], 10), 2..6);
        assert_eq!(pixel_range([2.7, 5.1, 3.1], 10), 2..7);
        assert_eq!(pixel_range([-4.0, 1e30, 3.0], 10), 0..10);
        assert_eq!(pixel_range([-4.0, -3.0, -2.5], 10), 0..0);
        assert_eq!(pixel_range([1e30, 2e30, 3e30], 10), 10..10);
        assert_eq!(pixel_range([f32::NEG_INFINITY, f32::INFINITY, 0.0], 10), 0..10);
        assert_eq!(pixel_range([f32::NAN; 3], 10), 0..0);
    }

    #[test]
    fn depths_out_of_range_never_win() {
        assert_eq!(quantise(0.5), Some(1 << 17));
        assert_eq!(quantise(-1e-6), Some(0));
        for depth in [-1e-5, 1e4, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(quantise(depth), None, "{depth}");
        }
    }
}
