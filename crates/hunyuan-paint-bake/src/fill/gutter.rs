//! Filling of the gutter, the texels between the charts.

use hunyuan_paint_raster::{NO_FACE, VisibilityBuffer};
use image::RgbImage;
use rayon::prelude::*;

use crate::{BakeError, check};

/// Number of columns that a thread processes at a time, so that it reads and writes whole cache
/// lines.
const COLUMNS_PER_CHUNK: usize = 64;

/// Row of a texel without a nearest one: the texture has no charts.
const NO_ROW: u16 = u16::MAX;

/// Gives every texel outside the charts the color of the nearest texel inside. Bilinear filtering
/// and mip-mapping then mix in colors of nearby charts only.
///
/// The distance is Euclidean and exact (Meijster, Roerdink, Hesselink: "A general algorithm for
/// computing distance transforms in linear time", 2000). An image without charts does not change.
///
/// # Errors
/// If the charts are inconsistent, or the image and the charts differ in size.
pub fn fill_gutter(charts: &VisibilityBuffer, image: &mut RgbImage) -> Result<(), BakeError> {
    check::texture(charts, image.dimensions())?;
    let width = charts.width as usize;
    let nearest = nearest_in_row(&charts.face_index, width);
    let height = charts.face_index.len() / width;

    // For each chunk of columns, row by row: the row of the nearest texel of a chart.
    let column_chunks: Vec<Vec<u16>> = (0..width.div_ceil(COLUMNS_PER_CHUNK))
        .into_par_iter()
        .map_init(Envelope::default, |envelope, chunk| {
            let columns = chunk * COLUMNS_PER_CHUNK..((chunk + 1) * COLUMNS_PER_CHUNK).min(width);
            let mut rows = vec![NO_ROW; columns.len() * height];
            for (i, column) in columns.clone().enumerate() {
                let distance_in_row = |row: usize| match nearest[row * width + column] {
                    0 => None,
                    site => Some((usize::from(site) - 1).abs_diff(column) as i64),
                };
                envelope.nearest_rows(height, distance_in_row, |row, found| {
                    rows[row * columns.len() + i] = found as u16;
                });
            }
            rows
        })
        .collect();

    // A new image is cheap: its memory is zeroed lazily, when the threads first write to it.
    let mut filled = RgbImage::new(charts.width, charts.height);
    let colors = image.as_chunks::<3>().0;
    let rows = filled.as_chunks_mut::<3>().0.par_chunks_mut(width).enumerate();
    rows.for_each(|(row, targets)| {
        for (column, target) in targets.iter_mut().enumerate() {
            let mut source = row * width + column;
            if charts.face_index[source] == NO_FACE {
                let chunk = column / COLUMNS_PER_CHUNK;
                let chunk_width = COLUMNS_PER_CHUNK.min(width - chunk * COLUMNS_PER_CHUNK);
                let site_row = column_chunks[chunk][row * chunk_width + column % COLUMNS_PER_CHUNK];
                if site_row != NO_ROW {
                    let site_row = usize::from(site_row) * width;
                    source = site_row + usize::from(nearest[site_row + column] - 1);
                }
            }
            *target = colors[source];
        }
    });
    *image = filled;
    Ok(())
}

/// Returns for each texel the column, counted from 1, of the nearest texel with a face in the same
/// row. Of two at the same distance, it is the left one. It is 0 if the row has none.
fn nearest_in_row(face_index: &[u32], width: usize) -> Vec<u16> {
    let mut nearest = vec![0; face_index.len()];
    nearest.par_chunks_mut(width).zip(face_index.par_chunks(width)).for_each(|(nearest, faces)| {
        let mut left = 0;
        for ((nearest, &face), site) in nearest.iter_mut().zip(faces).zip(1..) {
            if face != NO_FACE {
                left = site;
            }
            *nearest = left;
        }
        let mut right = 0;
        for (column, (nearest, &face)) in nearest.iter_mut().zip(faces).enumerate().rev() {
            let site = column as u16 + 1;
            if face != NO_FACE {
                right = site;
            }
            if right != 0 && (*nearest == 0 || right - site < site - *nearest) {
                *nearest = right;
            }
        }
    });
    nearest
}

/// The lower envelope of parabolas along a column: the squared distance to the nearest texel with a
/// face in each row, as a function of the row of the texel.
#[derive(Default)]
struct Envelope {
    /// Row, squared distance within that row, and first row in which the parabola is the lowest.
    parabolas: Vec<(i64, i64, i64)>,
}

impl Envelope {
    /// Calls `found` for each row, with the row that contains the nearest texel. `distance_in_row`
    /// is the distance, in columns, to the nearest texel with a face in a row.
    fn nearest_rows(
        &mut self,
        height: usize,
        distance_in_row: impl Fn(usize) -> Option<i64>,
        mut found: impl FnMut(usize, usize),
    ) {
        self.parabolas.clear();
        for row in 0..height as i64 {
            let Some(distance) = distance_in_row(row as usize) else { continue };
            let square = distance * distance;
            let mut first = 0;
            while let Some(&(other_row, other_square, other_first)) = self.parabolas.last() {
                // The first row in which the new parabola is lower.
                let difference = row * row - other_row * other_row + square - other_square;
                first = difference.div_euclid(2 * (row - other_row)) + 1;
                if first > other_first {
                    break;
                }
                self.parabolas.pop();
                first = 0;
            }
            if first < height as i64 {
                self.parabolas.push((row, square, first.max(0)));
            }
        }
        let mut parabolas = self.parabolas.iter().peekable();
        while let Some(&(row, _, first)) = parabolas.next() {
            let end = parabolas.peek().map_or(height as i64, |(_, _, first)| *first);
            (first..end).for_each(|at| found(at as usize, row as usize));
        }
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn every_texel_takes_the_color_of_a_nearest_texel() -> Result<(), BakeError> {
        for (size, modulus) in [(1, 1), (2, 3), (37, 97), (64, 641), (150, 5003)] {
            let count = (size * size) as usize;
            let face_index: Vec<u32> =
                (0..count).map(|i| if i * i % modulus == 0 { 0 } else { NO_FACE }).collect();
            let charts = VisibilityBuffer {
                barycentrics: vec![[0.0; 3]; count],
                depth_range: None,
                width: size,
                height: size,
                face_index,
            };
            // The color of a texel is its column and row.
            let mut image = RgbImage::from_fn(size, size, |x, y| Rgb([x as u8, y as u8, 7]));
            fill_gutter(&charts, &mut image)?;
            let sites: Vec<(i64, i64)> = (0..count)
                .filter(|&i| charts.face_index[i] != NO_FACE)
                .map(|i| ((i % size as usize) as i64, (i / size as usize) as i64))
                .collect();
            for (x, y, color) in image.enumerate_pixels() {
                let distance = |(sx, sy): (i64, i64)| (sx - i64::from(x)).pow(2) + (sy - i64::from(y)).pow(2);
                let [sx, sy, _] = color.0.map(i64::from);
                let nearest = sites.iter().map(|&site| distance(site)).min();
                assert_eq!(Some(distance((sx, sy))), nearest, "texel ({x}, {y}) of {size}");
                assert!(sites.contains(&(sx, sy)));
            }
        }
        Ok(())
    }

    #[test]
    fn an_image_without_charts_does_not_change() -> Result<(), BakeError> {
        let charts = VisibilityBuffer {
            face_index: vec![NO_FACE; 9],
            barycentrics: vec![[0.0; 3]; 9],
            depth_range: None,
            width: 3,
            height: 3,
        };
        let image = RgbImage::from_fn(3, 3, |x, y| Rgb([x as u8, y as u8, 9]));
        let mut filled = image.clone();
        fill_gutter(&charts, &mut filled)?;
        assert_eq!(filled, image);
        Ok(())
    }
}
