//! The original's coverage rule, in float32.
//!
//! The barycentrics of the second and third vertex are ratios of signed areas. The first one is 1
//! minus the other two, computed in double precision. The order of operations is the original's.

use std::{array::from_fn, ops::Range};

use glam::Vec4;

use super::coverage::{Bounds, CoverageRule, Fragments, LANES, ViewportTransform, bits};
use crate::{Size, view::DEPTH_SCALE};

/// The number of depth steps. Depth is quantized so that the face order decides where surfaces
/// touch.
const DEPTH_STEPS: f32 = (1 << 18) as f32;

/// The rule of [`Coverage::Reference`](crate::Coverage::Reference).
pub(super) struct Reference;

/// A vertex on the image.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScreenVertex {
    /// Column; pixel centers lie at n + 0.5.
    x: f32,
    /// Row; pixel centers lie at n + 0.5.
    y: f32,
    /// Depth from 0 (near) to 1 (far).
    depth: f32,
    /// The clip-space w, for perspective correction.
    w: f32,
}

/// A triangle of nonzero area, set up for barycentrics at many points.
#[derive(Clone, Copy, Debug)]
pub(super) struct Triangle {
    vertices: [ScreenVertex; 3],
    /// The vector from the first vertex to the second.
    ab: [f32; 2],
    /// The vector from the first vertex to the third.
    ac: [f32; 2],
    inverse_area: f32,
}

impl Triangle {
    /// Returns the second and third barycentric along the row of pixels at `y`, as a function of
    /// `L` neighboring x.
    #[inline(always)]
    fn along_row<const L: usize>(&self, y: f32) -> impl Fn([f32; L]) -> [[f32; L]; 2] + use<L> {
        let Self { vertices: [a, ..], ab, ac, inverse_area } = *self;
        let dy = y - a.y;
        let (ac_dy, ab_dy) = (ac[0] * dy, ab[0] * dy);
        #[inline(always)]
        move |x| {
            let dx = x.map(|x| x - a.x);
            let beta = dx.map(|dx| (ac_dy - dx * ac[1]) * inverse_area);
            let gamma = dx.map(|dx| (dx * ab[1] - ab_dy) * inverse_area);
            [beta, gamma]
        }
    }

    /// Interpolates depth, which is linear on the image.
    #[inline(always)]
    fn depth(&self, [alpha, beta, gamma]: [f32; 3]) -> f32 {
        let [a, b, c] = self.vertices.map(|v| v.depth);
        alpha * a + beta * b + gamma * c
    }

    /// Converts barycentrics on the image to barycentrics in space, without normalizing their sum.
    #[inline(always)]
    fn divide_by_w(&self, [alpha, beta, gamma]: [f32; 3]) -> [f32; 3] {
        let [a, b, c] = self.vertices.map(|v| v.w);
        [alpha / a, beta / b, gamma / c]
    }
}

/// Returns the coordinates of pixel centers along an axis, from `first` on. They are exact, as
/// images are far smaller than 2²³ pixels.
#[inline(always)]
fn pixel_centers(first: u32) -> [f32; LANES] {
    let first = first as f32;
    from_fn(|i| first + (i as f32 + 0.5))
}

/// Scales the weights so that their sum is 1.
#[inline(always)]
fn normalize([alpha, beta, gamma]: [f32; 3]) -> [f32; 3] {
    let scale = 1.0 / (alpha + beta + gamma);
    [alpha * scale, beta * scale, gamma * scale]
}

/// Returns 1 − `beta` − `gamma`, which is below 0 if either of them is above 1.
#[inline(always)]
fn remainder(beta: f32, gamma: f32) -> f32 {
    (1.0 - f64::from(beta) - f64::from(gamma)) as f32
}

impl CoverageRule for Reference {
    type Vertex = ScreenVertex;
    type Triangle = Triangle;
    type Depth = f32;

    fn project(clip: Vec4, transform: ViewportTransform) -> ScreenVertex {
        let [x_span, y_span] = transform.span.map(|span| span as f32);
        let offset = transform.half_pixels as f32 * 0.5;
        ScreenVertex {
            x: (clip.x / clip.w * 0.5 + 0.5) * x_span + offset,
            y: (clip.y / clip.w * 0.5 + 0.5) * y_span + offset,
            depth: clip.z / clip.w * DEPTH_SCALE + 0.5,
            w: clip.w,
        }
    }

    #[inline(always)]
    fn bounds(corners: [ScreenVertex; 3], size: Size) -> Option<Bounds> {
        let columns = pixel_range(corners.map(|v| v.x), size.width);
        let rows = pixel_range(corners.map(|v| v.y), size.height);
        (!columns.is_empty() && !rows.is_empty()).then_some(Bounds { columns, rows })
    }

    #[inline(always)]
    fn triangle(vertices: [ScreenVertex; 3]) -> Option<Triangle> {
        let [a, b, c] = vertices;
        let finite = vertices.iter().all(|v| v.x.is_finite() && v.y.is_finite());
        let (ab, ac) = ([b.x - a.x, b.y - a.y], [c.x - a.x, c.y - a.y]);
        let area = ac[0] * ab[1] - ab[0] * ac[1];
        (finite && area != 0.0).then(|| Triangle { vertices, ab, ac, inverse_area: 1.0 / area })
    }

    #[inline(always)]
    fn cover_row(triangle: &Triangle, row: u32) -> impl Fn(u32) -> Option<Fragments<f32>> {
        let weights_at = triangle.along_row::<LANES>(row as f32 + 0.5);
        #[inline(always)]
        move |column| {
            let [beta, gamma] = weights_at(pixel_centers(column));
            let inside = bits(from_fn(|i| (beta[i] >= 0.0) & (gamma[i] >= 0.0)));
            if inside == 0 {
                return None;
            }
            let alpha: [f32; LANES] = from_fn(|i| remainder(beta[i], gamma[i]));
            let covered = inside & bits(alpha.map(|alpha| alpha >= 0.0));
            (covered != 0).then(|| Fragments {
                covered,
                depth: from_fn(|i| triangle.depth([alpha[i], beta[i], gamma[i]])),
            })
        }
    }

    #[inline(always)]
    fn depth_from(depth: f32) -> f32 {
        depth
    }

    /// Returns `None` where the original's integer is negative or overflows; such depths never win
    /// over the background.
    #[inline(always)]
    fn quantize(depth: f32) -> Option<u32> {
        let steps = depth * DEPTH_STEPS;
        (steps > -1.0 && steps < i32::MAX as f32).then_some(steps as i32 as u32)
    }

    #[inline(always)]
    fn resolve_row(triangle: &Triangle, row: u32) -> impl Fn(u32, usize) -> [([f32; 3], u32); LANES] {
        let weights_at = triangle.along_row::<LANES>(row as f32 + 0.5);
        // Orthographic cameras have w = 1, and divisions are slow.
        let with_perspective = triangle.vertices.map(|v| v.w) != [1.0; 3];
        #[inline(always)]
        move |column, _| {
            let [beta, gamma] = weights_at(pixel_centers(column));
            let on_image: [[f32; 3]; LANES] = from_fn(|i| [remainder(beta[i], gamma[i]), beta[i], gamma[i]]);
            // Floats that are not negative have the same order as their bits.
            let depth = on_image.map(|weights| triangle.depth(weights).max(0.0).to_bits());
            let in_space =
                if with_perspective { on_image.map(|w| triangle.divide_by_w(w)) } else { on_image };
            let weights = in_space.map(normalize);
            from_fn(|i| (weights[i], depth[i]))
        }
    }

    fn depth_of(ordered: u32) -> f32 {
        f32::from_bits(ordered)
    }
}

/// Returns the pixels along one axis of the image that a bounding box touches, and one more on its
/// far side.
#[inline(always)]
fn pixel_range(coordinates: [f32; 3], pixel_count: u32) -> Range<u32> {
    let [a, b, c] = coordinates;
    let (min, max) = (a.min(b.min(c)), a.max(b.max(c)));
    // The casts saturate, and convert NaN to 0. `ceil` would be slow on processors without such an
    // instruction.
    let end = max + 1.0;
    let whole = end as u32;
    let end = whole.saturating_add(u32::from((whole as f32) < end)).min(pixel_count);
    (min as u32).min(end)..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixel_ranges_stay_on_the_image_for_any_float() {
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
        assert_eq!(Reference::quantize(0.5), Some(1 << 17));
        assert_eq!(Reference::quantize(-1e-6), Some(0));
        for depth in [-1e-5, 1e4, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(Reference::quantize(depth), None, "{depth}");
        }
    }
}
