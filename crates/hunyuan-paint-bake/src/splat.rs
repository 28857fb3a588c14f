//! Scatters samples into a texture with bilinear weights, in the original's order of sums.

use rayon::prelude::*;

use crate::grouped::Grouped;

/// Color and cosine at a point of the texture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Column and row, in texels; texel centers lie at whole numbers. Finite, from 0 to
    /// `texture_size − 1`.
    pub(crate) texel: [f32; 2],
    /// Red, green and blue from 0 to 1, and the cosine.
    pub(crate) value: [f32; 4],
}

impl Sample {
    /// Returns the upper one of the two rows around the sample.
    fn row(&self, texture_size: usize) -> usize {
        (self.texel[1] as usize).min(texture_size.saturating_sub(2))
    }

    /// Returns the left one of the two columns around the sample, and the weights of both.
    fn columns(&self, texture_size: usize) -> (usize, [f32; 2]) {
        let column = (self.texel[0] as usize).min(texture_size.saturating_sub(2));
        let fraction = self.texel[0] - column as f32;
        (column, [1.0 - fraction, fraction])
    }
}

/// Adds every sample to the four texels around it with bilinear weights, and divides each texel by
/// its sum of weights. Texels without samples are 0.
///
/// Floating-point sums depend on their order, so the order is fixed to the original's. Each texel
/// adds first the samples for which it is the upper left texel, then upper right, lower left, lower
/// right; within each of these, in the order of `samples`. Each thread fills whole rows.
pub(crate) fn splat(samples: &[Sample], texture_size: usize) -> Vec<[f32; 4]> {
    // Grouped by the upper row.
    let rows = Grouped::new(texture_size, samples.iter().map(|sample| (sample.row(texture_size), *sample)));
    let mut texture = vec![[0.0; 4]; texture_size * texture_size];
    texture.par_chunks_mut(texture_size).enumerate().for_each(|(row, texels)| {
        // One more element than texels: in a texture of one column, the right column, with weight
        // 0, lies outside.
        let mut weights = vec![0.0_f32; texture_size + 1];
        let mut sums = vec![[0.0_f32; 4]; texture_size + 1];
        let mut add = |samples: &[Sample], top: usize, side: usize| {
            for sample in samples {
                let fraction = sample.texel[1] - top as f32;
                let row_weight = if row == top { 1.0 - fraction } else { fraction };
                let (column, column_weights) = sample.columns(texture_size);
                let weight = row_weight * column_weights[side];
                weights[column + side] += weight;
                for (sum, value) in sums[column + side].iter_mut().zip(sample.value) {
                    *sum += value * weight;
                }
            }
        };
        for top in [Some(row), row.checked_sub(1)].into_iter().flatten() {
            for side in [0, 1] {
                add(rows.group(top), top, side);
            }
        }
        for ((texel, sum), weight) in texels.iter_mut().zip(sums).zip(weights) {
            *texel = if weight > 0.0 { sum.map(|sum| sum / weight) } else { sum };
        }
    });
    texture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_sample_colors_its_four_texels() {
        let value = [0.5, 3.0, 2.0, 1.0];
        let texture = splat(&[Sample { texel: [1.25, 2.5], value }], 4);
        for (texel, found) in texture.into_iter().enumerate() {
            let touched = [9, 10, 13, 14].contains(&texel);
            assert_eq!(found, if touched { value } else { [0.0; 4] }, "texel {texel}");
        }
    }

    #[test]
    fn samples_share_a_texel_by_weight() {
        let samples =
            [([0.0, 0.0], 1.0), ([0.25, 0.0], 5.0)].map(|(texel, v)| Sample { texel, value: [v; 4] });
        let texture = splat(&samples, 2);
        assert_eq!(texture[0], [(1.0 + 0.75 * 5.0) / 1.75; 4]);
        assert_eq!(texture[1], [5.0; 4]);
    }

    #[test]
    fn samples_reach_the_last_texel_and_a_texture_of_one_texel() {
        let corner = Sample { texel: [2.0, 2.0], value: [7.0; 4] };
        assert_eq!(splat(&[corner], 3)[8], [7.0; 4]);
        let only = Sample { texel: [0.0, 0.0], value: [7.0; 4] };
        assert_eq!(splat(&[only], 1), [[7.0; 4]]);
    }
}
