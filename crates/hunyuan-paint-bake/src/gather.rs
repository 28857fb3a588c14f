//! Looks up the color of each texel in the views that see it.

use std::borrow::Borrow;

use hunyuan_paint_image::resize_bicubic_rgb;
use hunyuan_paint_mesh::CanonicalMesh;
use hunyuan_paint_raster::{Size, VisibilityBuffer, interpolate_at};
use image::{GrayImage, RgbImage};
use rayon::prelude::*;

use crate::{
    BakeError, BakeOptions, BakeView, BakedTexture, ReliableDepth,
    blend_weight::{BLEND_WEIGHT_MIN, floored_product, power},
    check,
    texels::{mean_texel_side, point_attributes},
    visibility_test::{SurfacePoint, VisibilityTest, VisibleSample, pixel_side},
};

/// Number of texels that a thread processes at a time.
const TEXELS_PER_BATCH: usize = 1 << 12;

/// If a texel spans more pixels of a view than this, the view is scaled down before the lookup.
const PIXELS_PER_TEXEL_MAX: f64 = 1.25;

/// Colors the texels of `charts` (see [`draw_charts`](crate::draw_charts)) that a view sees. The
/// other texels stay black and uncovered. `depths` has one entry for each view and replaces
/// [`BakeView::depth`].
///
/// The color of a texel is the mean over the views, with the blend weights `weight ·
/// cosine^exponent`. A view counts if nothing hides the texel's point from it, no edge is near, and
/// the options allow the view angle. Images are sampled with bicubic interpolation (Keys 1981, a =
/// −0.5). All arithmetic is in float32, in a fixed order and independent for each texel, so that a
/// GPU returns the same bits.
///
/// # Errors
/// If the mesh is empty or inconsistent, an option, a weight or a size is out of range, the number
/// of depths is not that of the views, or the buffers of the charts or of a depth do not match
/// their size.
pub fn gather(
    mesh: &CanonicalMesh,
    charts: &VisibilityBuffer,
    views: &[BakeView<'_>],
    depths: &[impl Borrow<ReliableDepth>],
    options: &BakeOptions,
) -> Result<BakedTexture, BakeError> {
    check::mesh(mesh)?;
    check::charts(charts)?;
    options.validate()?;
    check::length("depths", views.len(), depths.len())?;
    for (view, (BakeView { weight, image, .. }, depth)) in views.iter().zip(depths).enumerate() {
        check::weight(view, *weight)?;
        check::size("view", image.width(), image.height())?;
        let ReliableDepth { size, z_view } = depth.borrow();
        check::length("depth", check::size("depth", size.width, size.height)?.pixel_count(), z_view.len())?;
    }
    let attributes = point_attributes(mesh);
    let texel_side = mean_texel_side(mesh, charts);
    let sources: Vec<Source<'_>> = (views.iter().zip(depths))
        .map(|(view, depth)| Source::new(view, depth.borrow(), texel_side, options))
        .collect::<Result<_, _>>()?;

    let mut image = RgbImage::new(charts.width, charts.height);
    let mut coverage = GrayImage::new(charts.width, charts.height);
    let colors = image.as_chunks_mut::<3>().0.par_chunks_mut(TEXELS_PER_BATCH);
    colors.zip(coverage.par_chunks_mut(TEXELS_PER_BATCH)).enumerate().for_each(
        |(batch, (colors, coverage))| {
            // Uses the widest vector instructions of the processor; no operations are fused.
            pulp::Arch::new().dispatch(
                #[inline(always)]
                || {
                    let texels = batch * TEXELS_PER_BATCH..;
                    for ((texel, color), coverage) in texels.zip(colors).zip(coverage) {
                        let point = interpolate_at(&attributes, &mesh.faces, charts, texel)
                            .and_then(SurfacePoint::new);
                        if let Some(found) = point.and_then(|point| mean_color(&sources, &point)) {
                            (*color, *coverage) = (found, 255);
                        }
                    }
                },
            );
        },
    );
    Ok(BakedTexture { image, coverage })
}

/// Returns the size to which a view's image is scaled before the lookup. `view_size` is the size of
/// the view's depth. `texel_side` is the side of a square whose area is the mean area of a texel on
/// the surface, in units of canonical space.
pub(crate) fn lookup_size(view: &BakeView<'_>, view_size: Size, texel_side: f64) -> Size {
    let view_pixels_per_texel = texel_side / pixel_side(&view.camera, view_size);
    let scaled = |side: u32, view_side: u32| {
        let pixels_per_texel = view_pixels_per_texel * f64::from(side) / f64::from(view_side);
        match pixels_per_texel > PIXELS_PER_TEXEL_MAX {
            true => ((f64::from(side) / pixels_per_texel) as u32).max(1),
            false => side,
        }
    };
    Size::new(scaled(view.image.width(), view_size.width), scaled(view.image.height(), view_size.height))
}

/// Returns the number of image pixels per pixel of the view's depth, along each axis.
pub(crate) fn image_scale(image_size: Size, view_size: Size) -> [f32; 2] {
    let scale = |image: u32, view: u32| image as f32 / view as f32;
    [scale(image_size.width, view_size.width), scale(image_size.height, view_size.height)]
}

/// A view prepared for lookups.
struct Source<'a> {
    visibility: VisibilityTest<'a>,
    weight: f32,
    exponent: u32,
    /// Red, green, blue, and a padding byte.
    pixels: Vec<[u8; 4]>,
    image_size: Size,
    /// See [`image_scale`].
    image_scale: [f32; 2],
}

impl<'a> Source<'a> {
    fn new(
        view: &BakeView<'_>,
        depth: &'a ReliableDepth,
        texel_side: f64,
        options: &BakeOptions,
    ) -> Result<Self, BakeError> {
        let BakeView { camera, weight, image, .. } = *view;
        let image_size = lookup_size(view, depth.size, texel_side);
        let padded =
            |image: &RgbImage| image.as_chunks::<3>().0.iter().map(|&[r, g, b]| [r, g, b, 0]).collect();
        let pixels = match image_size == Size::new(image.width(), image.height()) {
            true => padded(image),
            false => padded(&resize_bicubic_rgb(image, image_size.width, image_size.height)?),
        };
        Ok(Self {
            visibility: VisibilityTest::new(&camera, depth, options),
            weight,
            exponent: options.cosine_exponent,
            pixels,
            image_size,
            image_scale: image_scale(image_size, depth.size),
        })
    }

    /// Returns the blend weight and the color, 0 to 255, of the view at a point of the surface;
    /// `None` if the view does not see the point.
    #[inline(always)]
    fn look_up(&self, point: &SurfacePoint) -> Option<(f32, [f32; 3])> {
        let VisibleSample { cosine, pixel } = self.visibility.sample_at(point)?;
        Some((floored_product(self.weight, power(cosine, self.exponent)), self.sample(pixel)))
    }

    /// Returns the image's color, 0 to 255, at a column and row of the view's depth.
    #[inline(always)]
    fn sample(&self, [view_x, view_y]: [f32; 2]) -> [f32; 3] {
        let Size { width, height } = self.image_size;
        let (columns, column_weights) = taps((view_x + 0.5) * self.image_scale[0] - 0.5, width);
        let (rows, row_weights) = taps((view_y + 0.5) * self.image_scale[1] - 0.5, height);
        let mut sum = [0.0; 4];
        for (row, row_weight) in rows.into_iter().zip(row_weights) {
            let pixels = &self.pixels[row * width as usize..][..width as usize];
            let mut row_sum = [0.0; 4];
            for (column, weight) in columns.into_iter().zip(column_weights) {
                let pixel = pixels[column];
                for (sum, channel) in row_sum.iter_mut().zip(pixel) {
                    *sum += f32::from(channel) * weight;
                }
            }
            for (sum, row_sum) in sum.iter_mut().zip(row_sum) {
                *sum += row_sum * row_weight;
            }
        }
        let [r, g, b, _] = sum.map(|channel| channel.clamp(0.0, 255.0));
        [r, g, b]
    }
}

/// Returns the mean color of the views at a point, averaged by blend weight; `None` if the sum of
/// blend weights does not exceed [`BLEND_WEIGHT_MIN`].
#[inline(always)]
fn mean_color(sources: &[Source<'_>], point: &SurfacePoint) -> Option<[u8; 3]> {
    let mut sum = [0.0_f32; 3];
    let mut weight_sum = 0.0_f32;
    for source in sources {
        let Some((weight, color)) = source.look_up(point) else { continue };
        for (sum, channel) in sum.iter_mut().zip(color) {
            *sum += channel * weight;
        }
        weight_sum += weight;
    }
    (weight_sum > BLEND_WEIGHT_MIN).then(|| sum.map(|sum| (sum / weight_sum + 0.5) as u8))
}

/// Returns the four pixels around a coordinate along an axis and their cubic weights. Pixels
/// outside the image are clamped to its edge.
#[inline(always)]
fn taps(coordinate: f32, pixel_count: u32) -> ([usize; 4], [f32; 4]) {
    let first = coordinate.floor();
    let t = coordinate - first;
    let last = pixel_count as i32 - 1;
    let first = first as i32;
    let pixels = [-1, 0, 1, 2].map(|offset| (first + offset).clamp(0, last) as usize);
    let weights = [
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    ];
    (pixels, weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cubic_weights_reproduce_straight_lines() {
        for coordinate in [2.0, 2.25, 3.9, 5.5] {
            let (pixels, weights) = taps(coordinate, 10);
            let sum: f32 = weights.iter().sum();
            let mean: f32 = pixels.iter().zip(weights).map(|(&pixel, weight)| pixel as f32 * weight).sum();
            assert!((sum - 1.0).abs() < 1e-6 && (mean - coordinate).abs() < 1e-5, "{coordinate}: {mean}");
        }
        assert_eq!(taps(0.0, 10).0, [0, 0, 1, 2]);
        assert_eq!(taps(-0.5, 1).0, [0; 4]);
    }
}
