//! Dilation of a mask.

use rayon::prelude::*;

/// A mask with one bit per pixel. Each row starts a new word; the unused bits at the end of a row
/// are 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BitMask {
    words: Vec<u64>,
    width: usize,
    words_per_row: usize,
}

impl BitMask {
    /// Returns the mask of the pixels for which `is_set`, given the index row by row, is true.
    pub(crate) fn new(width: usize, height: usize, is_set: impl Fn(usize) -> bool + Sync) -> Self {
        let words_per_row = width.div_ceil(64);
        let mut words = vec![0; words_per_row * height];
        words.par_chunks_mut(words_per_row).enumerate().for_each(|(row, words)| {
            for (word, first) in words.iter_mut().zip((0..width).step_by(64)) {
                for column in first..width.min(first + 64) {
                    *word |= u64::from(is_set(row * width + column)) << (column - first);
                }
            }
        });
        Self { words, width, words_per_row }
    }

    /// Returns the mask dilated by a square of side 2·radius + 1. Pixels outside the image count as
    /// not set.
    pub(crate) fn dilate(&self, radius: usize) -> Self {
        let words_per_row = self.words_per_row;
        let mut wide = self.words.clone();
        wide.par_chunks_mut(words_per_row).for_each_init(Vec::new, |scratch, row| {
            // A row dilated by `reach` may be shifted by up to `reach + 1` without gaps, so the
            // steps about double.
            let mut reach = 0;
            while reach < radius {
                let step = (reach + 1).min(radius - reach).min(63);
                scratch.clear();
                scratch.extend_from_slice(row);
                or_shifted(row, scratch, step);
                reach += step;
            }
            if let Some(last) = row.last_mut() {
                *last &= u64::MAX >> ((64 - self.width % 64) % 64);
            }
        });
        let height = self.words.len() / words_per_row;
        let mut grown = vec![0; self.words.len()];
        grown.par_chunks_mut(words_per_row).enumerate().for_each(|(row, grown)| {
            for near in row.saturating_sub(radius)..(row + radius + 1).min(height) {
                let wide = &wide[near * words_per_row..(near + 1) * words_per_row];
                grown.iter_mut().zip(wide).for_each(|(grown, wide)| *grown |= wide);
            }
        });
        Self { words: grown, ..*self }
    }

    /// Calls `visit` with the column of each set pixel of a row, from left to right.
    pub(crate) fn for_each_in_row(&self, row: usize, mut visit: impl FnMut(usize)) {
        let words = &self.words[row * self.words_per_row..(row + 1) * self.words_per_row];
        for (&word, first) in words.iter().zip((0..).step_by(64)) {
            let mut left = word;
            while left != 0 {
                visit(first + left.trailing_zeros() as usize);
                left &= left - 1;
            }
        }
    }
}

/// Sets in `row` the bits of `source` shifted by `step` columns, 1 to 63, to the left and to the
/// right.
fn or_shifted(row: &mut [u64], source: &[u64], step: usize) {
    for (i, word) in row.iter_mut().enumerate() {
        let before = i.checked_sub(1).map_or(0, |i| source[i]);
        let after = source.get(i + 1).copied().unwrap_or(0);
        *word |= source[i] << step | before >> (64 - step) | source[i] >> step | after << (64 - step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dilation_is_a_maximum_over_squares_clipped_to_the_image() {
        for (width, height, radius) in
            [(9, 7, 2), (70, 130, 8), (1, 5, 3), (200, 3, 70), (6, 6, 0), (64, 2, 5)]
        {
            let is_set = |i: usize| i * i % 31 == 2 || i == 0;
            let mask = BitMask::new(width, height, is_set);
            let grown = mask.dilate(radius);
            let expected = BitMask::new(width, height, |pixel| {
                let (x, y) = (pixel % width, pixel / width);
                let near = |i: &usize| (i % width).abs_diff(x) <= radius && (i / width).abs_diff(y) <= radius;
                (0..width * height).filter(near).any(is_set)
            });
            assert_eq!(grown, expected, "{width}x{height} by {radius}");
            let mut columns = Vec::new();
            mask.for_each_in_row(0, |column| columns.push(column));
            assert_eq!(columns, (0..width).filter(|&i| is_set(i)).collect::<Vec<_>>());
        }
    }
}
