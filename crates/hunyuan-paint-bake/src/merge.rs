//! From one texture per view to one texture.

use image::GrayImage;
use rayon::prelude::*;

use crate::{BakeError, BakeOptions, ProjectedView, Transfer, check};

/// A view is left out if less than one in so many of the texels that it sees are new.
const SEEN_PER_NEW: usize = 100;

/// The least sum of trust that counts as painted.
pub(crate) const TRUST_MIN: f32 = 1e-8;

/// Trust below that, 2^-60, is none: numbers so small that devices may take them for zero never come up.
const TRUST_FLOOR: f32 = 8.673_617_4e-19;

/// A texture in the making. Square, one value per texel, v down the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct PartialTexture {
    /// Colors from 0 to 1.
    pub colors: Vec<[f32; 3]>,
    /// Whether each texel has a color of its own; the others are yet to be filled.
    pub coverage: Vec<bool>,
    /// Texels along each side.
    pub texture_size: u32,
}

impl PartialTexture {
    /// 255 where a texel is painted, 0 elsewhere.
    pub fn mask(&self) -> GrayImage {
        GrayImage::from_fn(self.texture_size, self.texture_size, |x, y| {
            let texel = y as usize * self.texture_size as usize + x as usize;
            image::Luma([if self.coverage.get(texel) == Some(&true) { 255 } else { 0 }])
        })
    }

    pub(crate) fn check(&self) -> Result<(), BakeError> {
        let texel_count = check::size("texture", self.texture_size, self.texture_size)?.pixel_count();
        check::length("colors", texel_count, self.colors.len())?;
        check::length("coverage", texel_count, self.coverage.len())
    }
}

/// The mean of all views' textures, weighted by how far each view is to be trusted at each texel:
/// `weight · cosine^exponent`. Views are added one by one, so only one of them needs to be in memory.
#[derive(Clone, Debug)]
pub struct WeightedMerge {
    /// Color times trust, and trust, summed over the views.
    sums: Vec<([f32; 3], f32)>,
    texture_size: u32,
    exponent: u32,
    transfer: Transfer,
}

impl WeightedMerge {
    /// A texture of which nothing is painted.
    ///
    /// # Errors
    /// If the size is not 1 to [`Size::LIMIT`](hunyuan_paint_raster::Size::LIMIT), or an option is out of range.
    pub fn new(texture_size: u32, options: &BakeOptions) -> Result<Self, BakeError> {
        options.validate()?;
        let texel_count = check::size("texture", texture_size, texture_size)?.pixel_count();
        let exponent = options.cosine_exponent;
        let transfer = options.transfer;
        Ok(Self { sums: vec![([0.0; 3], 0.0); texel_count], texture_size, exponent, transfer })
    }

    /// Adds a view, and says whether it counted: a view is left out if the ones before have painted more
    /// than 99% of what it sees. The order of views matters, therefore: the important ones come first.
    ///
    /// # Errors
    /// If the view's texture is of another size, or the weight is negative or not finite (the error calls it
    /// view 0).
    pub fn add(&mut self, view: &ProjectedView, weight: f32) -> Result<bool, BakeError> {
        check::weight(0, weight)?;
        if view.texture_size != self.texture_size {
            let (expected, found) = (self.texture_size, view.texture_size);
            return Err(BakeError::TextureSize { what: "projected view", expected, found });
        }
        check::length("texture", self.sums.len(), view.texture.len())?;
        check::length("cosine", self.sums.len(), view.cosine.len())?;

        let exponent = self.exponent;
        let is_reference = self.transfer == Transfer::Reference;
        let trust_of = |cosine: f32| match is_reference {
            true => weight * power_rounded_once(cosine, exponent),
            false => floored_product(weight, power(cosine, exponent)),
        };
        let (seen, painted) = (view.cosine.par_iter().zip(&self.sums))
            .map(|(&cosine, &(_, trust))| {
                let seen = trust_of(cosine) > 0.0;
                (usize::from(seen), usize::from(seen && trust > 0.0))
            })
            .reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        if seen - painted < seen.div_ceil(SEEN_PER_NEW) {
            return Ok(false);
        }

        let view_texels = view.texture.par_iter().zip(&view.cosine);
        self.sums.par_iter_mut().zip(view_texels).for_each(|((color_sum, trust_sum), (color, &cosine))| {
            let trust = trust_of(cosine);
            for (sum, channel) in color_sum.iter_mut().zip(color) {
                *sum += channel * trust;
            }
            *trust_sum += trust;
        });
        Ok(true)
    }

    /// The texture so far.
    pub fn finish(self) -> PartialTexture {
        let mean = |(color, trust): ([f32; 3], f32)| {
            (color.map(|channel| channel / trust.max(TRUST_MIN)), trust > TRUST_MIN)
        };
        let (colors, painted) = self.sums.into_par_iter().map(mean).unzip();
        PartialTexture { colors, coverage: painted, texture_size: self.texture_size }
    }
}

/// `base^exponent` by squaring, each product rounded to single precision: the same on every device, unlike `powi`.
/// `exponent` is at least 1.
#[inline]
pub(crate) fn power(base: f32, exponent: u32) -> f32 {
    let (mut result, mut square, mut bits) = (1.0, base, exponent);
    loop {
        if bits & 1 == 1 {
            result = floored_product(result, square);
        }
        bits >>= 1;
        if bits == 0 {
            return result;
        }
        square = floored_product(square, square);
    }
}

/// `base^exponent`, rounded to single precision once: the original's.
fn power_rounded_once(base: f32, exponent: u32) -> f32 {
    let (mut result, mut square, mut bits) = (1.0, f64::from(base), exponent);
    while bits > 0 {
        if bits & 1 == 1 {
            result *= square;
        }
        square *= square;
        bits >>= 1;
    }
    result as f32
}

/// The product of two numbers, or 0 if it is below [`TRUST_FLOOR`].
pub(crate) fn floored_product(a: f32, b: f32) -> f32 {
    let product = a * b;
    if product < TRUST_FLOOR { 0.0 } else { product }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(texels: &[(f32, f32)]) -> ProjectedView {
        let texture_size = texels.len().isqrt() as u32;
        let (texture, cosine) = texels.iter().map(|&(color, cosine)| ([color; 3], cosine)).unzip();
        ProjectedView { texture, cosine, boundary: vec![0.0; texels.len()], texture_size }
    }

    #[test]
    fn trust_weighs_colors() -> Result<(), BakeError> {
        let mut merge = WeightedMerge::new(2, &BakeOptions::default())?;
        merge.add(&view(&[(1.0, 1.0), (0.5, 0.5), (0.0, 0.0), (0.25, 1.0)]), 1.0)?;
        merge.add(&view(&[(0.0, 1.0), (0.0, 1.0), (0.75, 1.0), (0.0, 0.0)]), 3.0)?;
        let texture = merge.finish();
        let trust = 0.5_f32.powi(4);
        assert_eq!(texture.colors[0], [0.25; 3]);
        assert!((texture.colors[1][0] - 0.5 * trust / (trust + 3.0)).abs() < 1e-7);
        assert_eq!(texture.colors[2..], [[0.75; 3], [0.25; 3]]);
        assert_eq!(texture.coverage, [true; 4]);
        Ok(())
    }

    #[test]
    fn hardly_any_trust_is_none() -> Result<(), BakeError> {
        let mut merge = WeightedMerge::new(2, &BakeOptions::default())?;
        merge.add(&view(&[(1.0, 1.0), (1.0, 0.0), (1.0, 0.009), (1.0, 0.011)]), 1.0)?;
        let texture = merge.finish();
        assert_eq!(texture.coverage, [true, false, false, true]);
        assert_eq!(texture.mask().as_raw(), &[255, 0, 0, 255]);
        Ok(())
    }

    #[test]
    fn a_view_that_adds_nothing_new_is_left_out() -> Result<(), BakeError> {
        let mut merge = WeightedMerge::new(2, &BakeOptions::default())?;
        assert!(merge.add(&view(&[(1.0, 1.0), (1.0, 1.0), (0.0, 0.0), (0.0, 0.0)]), 1.0)?);
        assert!(!merge.add(&view(&[(0.0, 1.0), (0.0, 1.0), (0.0, 0.0), (0.0, 0.0)]), 1.0)?);
        assert!(merge.add(&view(&[(1.0, 1.0), (1.0, 1.0), (1.0, 1.0), (0.0, 0.0)]), 1.0)?);
        assert_eq!(merge.finish().colors[..3], [[1.0; 3]; 3]);
        Ok(())
    }

    #[test]
    fn views_must_fit() -> Result<(), BakeError> {
        let mut merge = WeightedMerge::new(3, &BakeOptions::default())?;
        let small = view(&[(1.0, 1.0); 4]);
        assert!(matches!(merge.add(&small, 1.0), Err(BakeError::TextureSize { expected: 3, found: 2, .. })));
        let mut short = view(&[(1.0, 1.0); 9]);
        short.cosine.pop();
        assert!(matches!(merge.add(&short, 1.0), Err(BakeError::BufferLength { buffer: "cosine", .. })));
        for weight in [-1.0, f32::NAN, f32::INFINITY] {
            assert!(matches!(merge.add(&view(&[(1.0, 1.0); 9]), weight), Err(BakeError::Weight { .. })));
        }
        Ok(())
    }

    #[test]
    fn power_is_repeated_multiplication() {
        assert_eq!([1, 2, 4, 5].map(|exponent| power(0.5, exponent)), [0.5, 0.25, 0.0625, 0.03125]);
        assert_eq!(
            [59, 60, 61, u32::MAX].map(|exponent| power(0.5, exponent) > 0.0),
            [true, true, false, false]
        );
    }
}
