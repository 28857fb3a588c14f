//! Scattering samples into a texture: the reverse of bilinear lookup.
//!
//! Sums are integers, so that neither the order of the samples nor who adds them shows.

use rayon::prelude::*;

use crate::grouped::Grouped;

/// What a cosine of 1 is in a sample.
pub(crate) const COSINE_ONE: u16 = u16::MAX;

/// A pixel's values at a place in the texture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Column and row of the upper left one of the four texels around the place.
    texel: [u16; 2],
    /// The weights of the right column and of the lower row; what they leave of 1 is that of the others.
    fractions: [u16; 2],
    color: [u8; 3],
    cosine: u16,
}

impl Sample {
    /// A sample at a column and a row in texels, whose centers lie at whole numbers; finite, from 0 to
    /// `texture_size − 1`. The cosine is in steps of 1 / [`COSINE_ONE`].
    pub(crate) fn new(
        place: [f32; 2],
        color: [u8; 3],
        cosine: u16,
        texture_size: u32,
        weight_bits: u32,
    ) -> Self {
        let texel = place.map(|place| (place as u32).min(texture_size.saturating_sub(2)));
        let fractions = std::array::from_fn(|i| quantized(place[i] - texel[i] as f32, weight_bits));
        Self { texel: texel.map(|texel| texel as u16), fractions, color, cosine }
    }
}

/// A fraction of 1 in steps of 2^-bits. What is not 0 or 1 does not become it: every texel that a sample touches keeps
/// something of it.
fn quantized(fraction: f32, bits: u32) -> u16 {
    let one = 1 << bits;
    // The product is exact.
    let rounded = (fraction * one as f32 + 0.5) as u16;
    rounded.clamp(u16::from(fraction > 0.0), one - u16::from(fraction < 1.0))
}

/// How many bits a sample's weight has in each direction, at most 13: so few that sums over all pixels of a view, of
/// values of 16 bits, have room in 64 bits.
pub(crate) fn weight_bits(pixel_count: usize) -> u32 {
    let count_bits = pixel_count.next_power_of_two().trailing_zeros();
    (48_u32.saturating_sub(count_bits) / 2).min(13)
}

/// What the samples say of a texel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Mean {
    /// From 0 to 1.
    pub(crate) color: [f32; 3],
    /// Likewise.
    pub(crate) cosine: f32,
}

/// Values times weights, and weights.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    values: [u64; 4],
    weight: u64,
}

impl Sums {
    #[inline]
    fn add(&mut self, sample: &Sample, weight: u32) {
        let [r, g, b] = sample.color.map(u64::from);
        for (sum, value) in self.values.iter_mut().zip([r, g, b, u64::from(sample.cosine)]) {
            *sum += value * u64::from(weight);
        }
        self.weight += u64::from(weight);
    }

    /// Both integers of each quotient are rounded to single precision, then the quotient is.
    fn mean(self) -> Mean {
        if self.weight == 0 {
            return Mean::default();
        }
        let quotient = |sum: u64, one: u64| sum as f32 / (self.weight * one) as f32;
        let [r, g, b, cosine] = self.values;
        Mean {
            color: [r, g, b].map(|sum| quotient(sum, 255)),
            cosine: quotient(cosine, u64::from(COSINE_ONE)),
        }
    }
}

/// Adds every sample to the four texels around it with bilinear weights, and divides by the sum of weights.
/// Texels that no sample touches get zeros. Threads share nothing but the samples: each fills whole rows.
pub(crate) fn splat(samples: &[Sample], texture_size: usize, weight_bits: u32) -> Vec<Mean> {
    // By the upper one of their two texel rows.
    let rows =
        Grouped::new(texture_size, samples.iter().map(|sample| (usize::from(sample.texel[1]), *sample)));
    let one = 1 << weight_bits;
    let mut texture = vec![Mean::default(); texture_size * texture_size];
    texture.par_chunks_mut(texture_size).enumerate().for_each_init(Vec::new, |sums, (row, texels)| {
        // One more than there are texels: where the texture has one column only, the other weight is 0.
        sums.clear();
        sums.resize(texture_size + 1, Sums::default());
        for (top, is_lower) in [(Some(row), false), (row.checked_sub(1), true)] {
            for sample in top.map_or(&[][..], |top| rows.of(top)) {
                let [right, lower] = sample.fractions.map(u32::from);
                let row_weight = if is_lower { lower } else { one - lower };
                let column = usize::from(sample.texel[0]);
                sums[column].add(sample, (one - right) * row_weight);
                sums[column + 1].add(sample, right * row_weight);
            }
        }
        for (texel, sums) in texels.iter_mut().zip(&*sums) {
            *texel = sums.mean();
        }
    });
    texture
}

#[cfg(test)]
mod tests {
    use super::*;

    const BITS: u32 = 13;

    fn sample(place: [f32; 2], value: u8, texture_size: u32) -> Sample {
        Sample::new(place, [value, 255, 0], u16::from(value) * 257, texture_size, BITS)
    }

    #[test]
    fn a_lone_sample_colors_its_four_texels() {
        let texture = splat(&[sample([1.25, 2.5], 51, 4)], 4, BITS);
        for (texel, mean) in texture.into_iter().enumerate() {
            let touched = [9, 10, 13, 14].contains(&texel);
            let expected = Mean { color: [0.2, 1.0, 0.0], cosine: 0.2 };
            assert_eq!(mean, if touched { expected } else { Mean::default() }, "texel {texel}");
        }
    }

    #[test]
    fn samples_share_a_texel_by_weight() {
        let samples = [sample([0.0, 0.0], 10, 2), sample([0.25, 0.0], 50, 2)];
        let texture = splat(&samples, 2, BITS);
        let expected = (10.0 + 0.75 * 50.0) / 1.75 / 255.0;
        assert!((texture[0].color[0] - expected).abs() < 1e-6);
        assert_eq!(texture[1].color[0], 50.0 / 255.0);
        let turned = [samples[1], samples[0]];
        assert_eq!(splat(&turned, 2, BITS), texture);
    }

    #[test]
    fn the_far_corner_and_the_smallest_texture_are_in_reach() {
        assert_eq!(splat(&[sample([2.0, 2.0], 255, 3)], 3, BITS)[8].color[0], 1.0);
        assert_eq!(splat(&[sample([0.0, 0.0], 255, 1)], 1, BITS)[0].color[0], 1.0);
    }

    fn reds(texture: &[Mean]) -> Vec<f32> {
        texture.iter().map(|mean| mean.color[0]).collect()
    }

    #[test]
    fn the_least_touch_counts() {
        let texture = splat(&[sample([1e-9, 0.999_999_94], 255, 2)], 2, BITS);
        assert_eq!(reds(&texture), [1.0; 4]);
        let texture = splat(&[sample([0.0, 1.0], 255, 2)], 2, BITS);
        assert_eq!(reds(&texture), [0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn sums_have_room() {
        for pixel_count in [1_usize, 300, 1 << 22, (1 << 22) + 1, 1 << 28] {
            let weight = 1_u128 << (2 * weight_bits(pixel_count));
            assert!(weight * 0xFFFF * (pixel_count as u128) < 1 << 64, "{pixel_count}");
        }
        assert_eq!([1, 1 << 22, 1 << 28].map(weight_bits), [13, 13, 10]);
    }
}
