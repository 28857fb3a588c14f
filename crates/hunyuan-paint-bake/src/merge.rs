//! Merges the textures of the views into one, as the original does.

use image::GrayImage;
use rayon::prelude::*;

use crate::{BakeError, BakeOptions, ProjectedView, blend_weight::BLEND_WEIGHT_MIN, check};

/// A view is left out if fewer than one in this many of the texels that it covers are new.
const TEXELS_PER_NEW_MAX: usize = 100;

/// An unfinished square texture. One value per texel, row by row; v increases downward.
#[derive(Clone, Debug, PartialEq)]
pub struct PartialTexture {
    /// Colors from 0 to 1.
    pub colors: Vec<[f32; 3]>,
    /// Whether the texel has a color, from a view or from [`fill_vertices`](crate::fill_vertices).
    /// The other texels are still to be filled.
    pub coverage: Vec<bool>,
    /// Texels along each side.
    pub texture_size: u32,
}

impl PartialTexture {
    /// Returns the coverage as an image: 255 where the texel has a color, 0 elsewhere.
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

/// The mean of the textures of all views, weighted at each texel by the blend weight
/// `weight · cosine^exponent`. Views are added one by one, so that only one of them needs to be in
/// memory.
#[derive(Clone, Debug)]
pub struct WeightedMerge {
    /// Color times blend weight, and blend weight, summed over the views.
    sums: Vec<([f32; 3], f32)>,
    texture_size: u32,
    exponent: u32,
}

impl WeightedMerge {
    /// Returns a merge of no views.
    ///
    /// # Errors
    /// If the size is not 1 to [`Size::LIMIT`](hunyuan_paint_raster::Size::LIMIT), or an option is
    /// out of range.
    pub fn new(texture_size: u32, options: &BakeOptions) -> Result<Self, BakeError> {
        options.validate()?;
        let texel_count = check::size("texture", texture_size, texture_size)?.pixel_count();
        Ok(Self { sums: vec![([0.0; 3], 0.0); texel_count], texture_size, exponent: options.cosine_exponent })
    }

    /// Adds a view, or leaves it out if earlier views cover more than 99% of its texels. Returns
    /// whether the view was added. The order of the views therefore matters: add the most important
    /// ones first.
    ///
    /// # Errors
    /// If the view's texture has another size, or the weight is negative or not finite (reported as
    /// that of view 0).
    pub fn add(&mut self, view: &ProjectedView, weight: f32) -> Result<bool, BakeError> {
        check::weight(0, weight)?;
        if view.texture_size != self.texture_size {
            let (expected, found) = (self.texture_size, view.texture_size);
            return Err(BakeError::TextureSize { what: "projected view", expected, found });
        }
        check::length("texture", self.sums.len(), view.texture.len())?;
        check::length("cosine", self.sums.len(), view.cosine.len())?;

        let exponent = self.exponent;
        let blend_weight = |cosine: f32| weight * power_rounded_once(cosine, exponent);
        let (visible_count, covered_count) = (view.cosine.par_iter().zip(&self.sums))
            .map(|(&cosine, &(_, weight_sum))| {
                let is_visible = blend_weight(cosine) > 0.0;
                (usize::from(is_visible), usize::from(is_visible && weight_sum > 0.0))
            })
            .reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        if visible_count - covered_count < visible_count.div_ceil(TEXELS_PER_NEW_MAX) {
            return Ok(false);
        }

        let view_texels = view.texture.par_iter().zip(&view.cosine);
        self.sums.par_iter_mut().zip(view_texels).for_each(|((color_sum, weight_sum), (color, &cosine))| {
            let blend_weight = blend_weight(cosine);
            for (sum, channel) in color_sum.iter_mut().zip(color) {
                *sum += channel * blend_weight;
            }
            *weight_sum += blend_weight;
        });
        Ok(true)
    }

    /// Returns the mean of all views.
    pub fn finish(self) -> PartialTexture {
        let mean = |(color, weight): ([f32; 3], f32)| {
            (color.map(|channel| channel / weight.max(BLEND_WEIGHT_MIN)), weight > BLEND_WEIGHT_MIN)
        };
        let (colors, coverage) = self.sums.into_par_iter().map(mean).unzip();
        PartialTexture { colors, coverage, texture_size: self.texture_size }
    }
}

/// Returns `base^exponent`, rounded to single precision once, as in the original.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn view(texels: &[(f32, f32)]) -> ProjectedView {
        let texture_size = texels.len().isqrt() as u32;
        let (texture, cosine) = texels.iter().map(|&(color, cosine)| ([color; 3], cosine)).unzip();
        ProjectedView { texture, cosine, boundary: vec![0.0; texels.len()], texture_size }
    }

    #[test]
    fn colors_are_averaged_by_blend_weight() -> Result<(), BakeError> {
        let mut merge = WeightedMerge::new(2, &BakeOptions::default())?;
        merge.add(&view(&[(1.0, 1.0), (0.5, 0.5), (0.0, 0.0), (0.25, 1.0)]), 1.0)?;
        merge.add(&view(&[(0.0, 1.0), (0.0, 1.0), (0.75, 1.0), (0.0, 0.0)]), 3.0)?;
        let texture = merge.finish();
        let weight = 0.5_f32.powi(4);
        assert_eq!(texture.colors[0], [0.25; 3]);
        assert!((texture.colors[1][0] - 0.5 * weight / (weight + 3.0)).abs() < 1e-7);
        assert_eq!(texture.colors[2..], [[0.75; 3], [0.25; 3]]);
        assert_eq!(texture.coverage, [true; 4]);
        Ok(())
    }

    #[test]
    fn texels_below_the_minimum_weight_are_not_covered() -> Result<(), BakeError> {
        let mut merge = WeightedMerge::new(2, &BakeOptions::default())?;
        merge.add(&view(&[(1.0, 1.0), (1.0, 0.0), (1.0, 0.009), (1.0, 0.011)]), 1.0)?;
        let texture = merge.finish();
        assert_eq!(texture.coverage, [true, false, false, true]);
        assert_eq!(texture.mask().as_raw(), &[255, 0, 0, 255]);
        Ok(())
    }

    #[test]
    fn a_view_without_new_texels_is_left_out() -> Result<(), BakeError> {
        let mut merge = WeightedMerge::new(2, &BakeOptions::default())?;
        assert!(merge.add(&view(&[(1.0, 1.0), (1.0, 1.0), (0.0, 0.0), (0.0, 0.0)]), 1.0)?);
        assert!(!merge.add(&view(&[(0.0, 1.0), (0.0, 1.0), (0.0, 0.0), (0.0, 0.0)]), 1.0)?);
        assert!(merge.add(&view(&[(1.0, 1.0), (1.0, 1.0), (1.0, 1.0), (0.0, 0.0)]), 1.0)?);
        assert_eq!(merge.finish().colors[..3], [[1.0; 3]; 3]);
        Ok(())
    }

    #[test]
    fn views_of_another_size_and_invalid_weights_are_rejected() -> Result<(), BakeError> {
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
}
