//! Each texel looks up its colour in the views that see it.

use std::borrow::Borrow;

use glam::{DMat4, Vec3, Vec4};
use hunyuan_paint_image::resize_bicubic_rgb;
use hunyuan_paint_mesh::{PaintMesh, vertex_normals};
use hunyuan_paint_raster::{Size, VisibilityBuffer, interpolate_at};
use image::{GrayImage, RgbImage};
use rayon::prelude::*;

use crate::{
    BakeError, BakeOptions, BakeView, BakedTexture, ReliableDepth, check,
    merge::{TRUST_MIN, floored_product, power},
    texels::mean_texel_side,
};

/// How far in front of or behind a texel's point the view may see the surface for the two to be one: across the
/// surface, in pixels of the view.
const DEPTH_TOLERANCE_PIXELS: f64 = 1.25;

/// Normals shorter than the square root of this have no direction.
const NORMAL_SQUARED_MIN: f32 = 1e-12;

/// A view is scaled down before it is looked up if a texel spans more than so many of its pixels.
const PIXELS_PER_TEXEL_MAX: f64 = 1.25;

/// Colours the texels of `charts` (see [`draw_charts`](crate::draw_charts)) that a view sees; the others stay black
/// and unpainted. `depths` has one for each view, and goes before the views' own.
///
/// At each texel, every view that sees its point without an edge nearby and at an angle that the options allow
/// counts with `weight · cosine^exponent`; the colour is their mean. A view's image is looked up with cubic
/// weights (Keys 1981, a = −0.5). Plain float32 in one order throughout, texel by texel: a GPU can do the same
/// to the bit, and no thread waits for another.
///
/// # Errors
/// If the mesh is empty or inconsistent, an option or a weight is out of range, or the charts or a depth do not have
/// as many values as their size says.
pub fn gather(
    mesh: &PaintMesh,
    charts: &VisibilityBuffer,
    views: &[BakeView<'_>],
    depths: &[impl Borrow<ReliableDepth>],
    options: &BakeOptions,
) -> Result<BakedTexture, BakeError> {
    check::mesh(mesh)?;
    check::charts(charts)?;
    options.check()?;
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
    let mut painted = GrayImage::new(charts.width, charts.height);
    let texels = image.as_chunks_mut::<3>().0.par_iter_mut().zip(painted.par_iter_mut()).enumerate();
    texels.with_min_len(1 << 12).for_each(|(texel, (color, painted))| {
        let Some(attributes) = interpolate_at(&attributes, &mesh.faces, charts, texel) else { return };
        if let Some(found) = mean_color(&sources, attributes) {
            (*color, *painted) = (found, 255);
        }
    });
    Ok(BakedTexture { image, painted })
}

/// For each vertex its position and its normal.
pub(crate) fn point_attributes(mesh: &PaintMesh) -> Vec<[f32; 6]> {
    let normals = vertex_normals(&mesh.positions, &mesh.faces);
    (mesh.positions.iter().zip(&normals)).map(|(p, n)| [p.x, p.y, p.z, n.x, n.y, n.z]).collect()
}

/// How points of the surface are looked up in a view.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    /// The first, second and last row of the matrix from paint space to clip space.
    pub(crate) clip_rows: [Vec4; 3],
    /// The third row of the matrix from paint space to view space.
    pub(crate) z_row: Vec4,
    /// Pixels between NDC −1 and 1.
    pub(crate) span: [f32; 2],
    /// How far apart along the surface's normal two points may be, where w is 1; paint-space units.
    pub(crate) tolerance: f32,
    pub(crate) cosine_squared_min: f32,
    pub(crate) weight: f32,
    pub(crate) exponent: u32,
    /// The size of the view, as its depth has it.
    pub(crate) view_size: Size,
    /// The size that the image has to be scaled to.
    pub(crate) image_size: Size,
    /// Pixels of that image for each of the view.
    pub(crate) image_scale: [f32; 2],
}

impl Lookup {
    /// `texel_side` is the side of a square with as much surface as a texel has in the mean; paint-space units.
    pub(crate) fn new(view: &BakeView<'_>, view_size: Size, texel_side: f64, options: &BakeOptions) -> Self {
        let BakeView { camera, weight, image, .. } = *view;
        let view_from_world = camera.view_from_world().as_dmat4();
        let clip_from_view = camera.clip_from_view().as_dmat4();
        let clip_from_world: DMat4 = clip_from_view * view_from_world;
        let Size { width, height } = view_size;
        let span = [width - 1, height - 1];
        // How large a pixel is where w is 1, by the coarser of the two axes.
        let pixel_side = |axis: usize| 2.0 / (clip_from_view.col(axis)[axis] * f64::from(span[axis].max(1)));
        let pixel_side = pixel_side(0).max(pixel_side(1));

        let view_pixels_per_texel = texel_side / pixel_side;
        let shrink = |side: u32, view_side: u32| {
            let pixels_per_texel = view_pixels_per_texel * f64::from(side) / f64::from(view_side);
            if pixels_per_texel > PIXELS_PER_TEXEL_MAX {
                ((f64::from(side) / pixels_per_texel) as u32).max(1)
            } else {
                side
            }
        };
        let image_size = Size::new(shrink(image.width(), width), shrink(image.height(), height));
        Self {
            clip_rows: [0, 1, 3].map(|row| clip_from_world.row(row).as_vec4()),
            z_row: view_from_world.row(2).as_vec4(),
            span: span.map(|pixels| pixels as f32),
            tolerance: (DEPTH_TOLERANCE_PIXELS * pixel_side) as f32,
            cosine_squared_min: options.cosine_min() * options.cosine_min(),
            weight,
            exponent: options.cosine_exponent,
            view_size,
            image_size,
            image_scale: [image_size.width as f32 / width as f32, image_size.height as f32 / height as f32],
        }
    }
}

/// A view, ready to be looked up.
struct Source<'a> {
    lookup: Lookup,
    z_view: &'a [f32],
    /// Red, green, blue, and a byte for alignment.
    pixels: Vec<[u8; 4]>,
}

impl<'a> Source<'a> {
    fn new(
        view: &BakeView<'_>,
        depth: &'a ReliableDepth,
        texel_side: f64,
        options: &BakeOptions,
    ) -> Result<Self, BakeError> {
        let lookup = Lookup::new(view, depth.size, texel_side, options);
        let Size { width, height } = lookup.image_size;
        let pixels =
            |image: &RgbImage| image.as_chunks::<3>().0.iter().map(|&[r, g, b]| [r, g, b, 0]).collect();
        let pixels = match view.image.dimensions() == (width, height) {
            true => pixels(view.image),
            false => pixels(&resize_bicubic_rgb(view.image, width, height)?),
        };
        Ok(Self { lookup, z_view: &depth.z_view, pixels })
    }

    /// How far the view is to be trusted about a point, and the colour that it shows there; `None` if it does
    /// not see the point.
    #[inline]
    fn look_up(&self, position: Vec3, normal: Vec3, normal_squared: f32) -> Option<(f32, [f32; 3])> {
        // 1. How squarely. Normals of paint space point inwards: away from the camera where it sees the face.
        let [x, y, z, _] = self.lookup.z_row.to_array();
        let along = -(x * normal.x + y * normal.y + z * normal.z);
        let cosine_squared = along * along / normal_squared;
        if !(along > 0.0 && cosine_squared >= self.lookup.cosine_squared_min) {
            return None;
        }
        let cosine = cosine_squared.sqrt();

        // 2. Where on the view.
        let [clip_x, clip_y, clip_w] = self.lookup.clip_rows.map(|row| at(row, position));
        // Comparisons with what is not a number fail.
        let is_in_front = clip_w > 0.0;
        if !is_in_front {
            return None;
        }
        let [view_x, view_y] = [(clip_x, self.lookup.span[0]), (clip_y, self.lookup.span[1])]
            .map(|(c, span)| (c / clip_w * 0.5 + 0.5) * span);
        let pixel = nearest(view_x, self.lookup.view_size.width)
            .zip(nearest(view_y, self.lookup.view_size.height))
            .map(|(column, row)| row * self.lookup.view_size.width as usize + column)?;

        // 3. Whether it is this point that the view shows, and not one before it.
        let gap = (at(self.lookup.z_row, position) - self.z_view[pixel]).abs();
        let is_shown = gap * cosine <= self.lookup.tolerance * clip_w;
        if !is_shown {
            return None;
        }
        let trust = floored_product(self.lookup.weight, power(cosine, self.lookup.exponent));
        Some((trust, self.sample(view_x, view_y)))
    }

    /// The image's colour at a point of the view, 0 to 255.
    #[inline]
    fn sample(&self, view_x: f32, view_y: f32) -> [f32; 3] {
        let Size { width, height } = self.lookup.image_size;
        let (columns, column_weights) = taps((view_x + 0.5) * self.lookup.image_scale[0] - 0.5, width);
        let (rows, row_weights) = taps((view_y + 0.5) * self.lookup.image_scale[1] - 0.5, height);
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

/// The mean of the colours that the views show at a point, weighted by trust, as bytes.
#[inline]
fn mean_color(sources: &[Source<'_>], [x, y, z, nx, ny, nz]: [f32; 6]) -> Option<[u8; 3]> {
    let (position, normal) = (Vec3::new(x, y, z), Vec3::new(nx, ny, nz));
    let normal_squared = nx * nx + ny * ny + nz * nz;
    let has_direction = normal_squared >= NORMAL_SQUARED_MIN;
    if !has_direction {
        return None;
    }
    let mut sum = [0.0_f32; 3];
    let mut trust_sum = 0.0_f32;
    for source in sources {
        let Some((trust, color)) = source.look_up(position, normal, normal_squared) else { continue };
        for (sum, channel) in sum.iter_mut().zip(color) {
            *sum += channel * trust;
        }
        trust_sum += trust;
    }
    (trust_sum > TRUST_MIN).then(|| sum.map(|sum| (sum / trust_sum + 0.5) as u8))
}

/// A row of a matrix times a point.
#[inline]
fn at(row: Vec4, point: Vec3) -> f32 {
    row.x * point.x + row.y * point.y + row.z * point.z + row.w
}

/// The pixel whose centre is nearest, along an axis; `None` outside the image.
#[inline]
fn nearest(coordinate: f32, pixel_count: u32) -> Option<usize> {
    let shifted = coordinate + 0.5;
    // Casts truncate, and coordinates that are not numbers fail the comparison.
    (shifted >= 0.0 && shifted < pixel_count as f32).then_some(shifted as usize)
}

/// Four neighbouring pixels along an axis and the cubic's weights for them; the border goes on outwards.
#[inline]
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

    #[test]
    fn the_nearest_pixel_is_inside_the_image() {
        assert_eq!(
            [-0.6, -0.5, 0.4, 0.5, 3.4, 3.5].map(|x| nearest(x, 4)),
            [None, Some(0), Some(0), Some(1), Some(3), None]
        );
        assert_eq!([f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(|x| nearest(x, 4)), [None; 3]);
    }
}
