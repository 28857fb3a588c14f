//! Growing a mask.

use rayon::prelude::*;

/// Sets every pixel within `radius` columns and rows of a set one: a maximum over squares of 2·radius + 1.
/// Nothing is set outside the image.
pub(crate) fn dilate(mask: &[bool], width: usize, radius: usize) -> Vec<bool> {
    let height = mask.len() / width;
    let mut wide = vec![false; mask.len()];
    wide.par_chunks_mut(width).zip(mask.par_chunks(width)).for_each(|(wide, row)| {
        let mut done = 0;
        for (column, _) in row.iter().enumerate().filter(|(_, is_set)| **is_set) {
            let end = (column + radius + 1).min(width);
            wide[done.max(column.saturating_sub(radius))..end].fill(true);
            done = end;
        }
    });
    let mut grown = vec![false; mask.len()];
    grown.par_chunks_mut(width).enumerate().for_each(|(row, grown)| {
        for near in row.saturating_sub(radius)..(row + radius + 1).min(height) {
            let wide = &wide[near * width..(near + 1) * width];
            grown.iter_mut().zip(wide).for_each(|(grown, wide)| *grown |= wide);
        }
    });
    grown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_by_squares_cut_at_the_border() {
        for (width, height, radius) in [(9, 7, 2), (70, 130, 8), (1, 5, 3), (200, 3, 1), (6, 6, 0)] {
            let mask: Vec<bool> = (0..width * height).map(|i| i * i % 31 == 2 || i == 0).collect();
            for (pixel, is_set) in dilate(&mask, width, radius).into_iter().enumerate() {
                let (x, y) = (pixel % width, pixel / width);
                let near = |i: &usize| (i % width).abs_diff(x) <= radius && (i / width).abs_diff(y) <= radius;
                let expected = (0..mask.len()).filter(near).any(|i| mask[i]);
                assert_eq!(is_set, expected, "({x}, {y}) of {width}x{height}");
            }
        }
    }
}
