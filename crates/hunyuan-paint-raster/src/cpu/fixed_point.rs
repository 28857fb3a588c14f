//! The coverage rule in integers: watertight, and bit-identical on every device.
//!
//! The input floats are decoded from their bits, and all arithmetic is in integers, so that a
//! compiler has nothing to round, fuse or reorder. Fractions of 1 have steps of 2⁻²⁴, which float32
//! represents exactly.

use std::array::from_fn;

use glam::Vec4;

use super::coverage::{Bounds, CoverageRule, Fragments, LANES, ViewportTransform, bits};
use crate::Size;

/// Subpixels per pixel; vertices are snapped to them.
const SUBPIXELS: i32 = 256;

/// Half the depth range in steps of 2⁻²⁴: 0.49999, as in the original.
const DEPTH_SCALE: u32 = 8_388_440;

/// The largest distance of a vertex from the image's first corner along each axis, in subpixels.
const GUARD_BAND: i32 = (1 << 23) - 1;

/// The number of bits after the binary point of a fraction.
const FRACTION_BITS: u32 = 24;

/// The fraction 1.
const ONE: u32 = 1 << FRACTION_BITS;

/// The rule of [`Coverage::FixedPoint`](crate::Coverage::FixedPoint).
pub(super) struct FixedPoint;

/// A vertex on the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SnappedVertex {
    /// Column and row in subpixels.
    position: [i32; 2],
    /// Depth from 0 (near) to 1 (far), in steps of 2⁻²⁴.
    depth: i32,
    /// The bits of the clip-space w, which is positive; 0 if the vertex cannot be drawn.
    w: u32,
}

/// A triangle of nonzero area, set up for many pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Triangle {
    corners: [SnappedVertex; 3],
    /// The edge opposite to each corner.
    edges: [Edge; 3],
    /// Twice the area.
    area: Total,
}

/// An edge function: linear on the image, zero on the edge, positive on the triangle's side of it.
#[derive(Clone, Copy, Debug)]
struct Edge {
    /// The start of the edge, in subpixels.
    from: [i32; 2],
    /// The change per subpixel along x and y.
    step: [i64; 2],
    /// 0 if pixel centers on the edge belong to the triangle, else −1.
    bias: i64,
}

impl Edge {
    fn new(from: [i32; 2], to: [i32; 2], sign: i64) -> Self {
        let step = [i64::from(from[1] - to[1]) * sign, i64::from(to[0] - from[0]) * sign];
        // Rows grow downward: the triangle lies to the right of a left edge and below a top edge.
        let (left, top) = (step[0] > 0, step[0] == 0 && step[1] > 0);
        Self { from, step, bias: if left || top { 0 } else { -1 } }
    }

    fn at_pixel(&self, column: u32, row: u32) -> i64 {
        let [x, y] = [pixel_center(column) - self.from[0], pixel_center(row) - self.from[1]];
        self.step[0] * i64::from(x) + self.step[1] * i64::from(y)
    }
}

/// A sum, set up for dividing parts of it by it.
#[derive(Clone, Copy, Debug)]
struct Total {
    /// The shift to the right that leaves 24 bits of the sum; negative for a shift to the left.
    shift: i32,
    /// 2⁴⁷ divided by the shifted sum.
    reciprocal: u32,
}

impl Total {
    /// Prepares a sum, which must not be 0.
    fn new(total: u64) -> Self {
        let shift = 64 - total.leading_zeros() as i32 - FRACTION_BITS as i32;
        Self { shift, reciprocal: long_division(ONE >> 1, FRACTION_BITS, shift_right(total, shift)) }
    }

    /// Returns `part` divided by the sum, at most 1.
    #[inline(always)]
    fn fraction(self, part: u64) -> u32 {
        let part = shift_right(part, self.shift);
        ((u64::from(part) * u64::from(self.reciprocal)) >> (FRACTION_BITS - 1)) as u32
    }
}

/// Shifts to the right, or to the left if `shift` is negative. The result must fit into 32 bits.
#[inline(always)]
fn shift_right(value: u64, shift: i32) -> u32 {
    if shift >= 0 { (value >> shift) as u32 } else { (value << -shift) as u32 }
}

/// Returns `numerator · 2^bits / denominator`, rounded down. The denominator has at most 24 bits,
/// and the result must fit into 32 bits.
fn long_division(numerator: u32, bits: u32, denominator: u32) -> u32 {
    ((u64::from(numerator) << bits) / u64::from(denominator)) as u32
}

/// Returns `value · factor · 2⁻²⁴`, rounded to the nearest integer, halves away from zero.
#[inline(always)]
fn scale(value: i32, factor: u32) -> i32 {
    let product = u64::from(value.unsigned_abs()) * u64::from(factor) + (1 << (FRACTION_BITS - 1));
    let magnitude = (product >> FRACTION_BITS) as i32;
    if value < 0 { -magnitude } else { magnitude }
}

/// Splits a float into sign (`true` if negative), mantissa and exponent. Its magnitude is
/// `mantissa · 2^(exponent − 150)`. Returns `None` if it is not finite.
fn decode(float: f32) -> Option<(bool, u32, i32)> {
    let bits = float.to_bits();
    let (exponent, mantissa) = ((bits >> 23 & 0xFF) as i32, bits & 0x7F_FFFF);
    match exponent {
        0xFF => None,
        // Subnormal numbers, and zero.
        0 => Some((bits >> 31 == 1, mantissa, 1)),
        _ => Some((bits >> 31 == 1, mantissa | 0x80_0000, exponent)),
    }
}

/// Returns `numerator / denominator` in steps of 2⁻²⁴, rounded to the nearest step, halves away
/// from zero. Returns `None` if the magnitude is 32 or more, or an operand is not finite. The
/// denominator is positive and not subnormal.
fn ratio(numerator: f32, denominator: f32) -> Option<i32> {
    let (negative, numerator, numerator_exponent) = decode(numerator)?;
    let (_, denominator, denominator_exponent) = decode(denominator)?;
    // One extra bit, for rounding.
    let bits = numerator_exponent - denominator_exponent + FRACTION_BITS as i32 + 1;
    let halves = match bits {
        ..0 => 0,
        0..=30 => long_division(numerator, bits as u32, denominator),
        31.. if numerator == 0 => 0,
        31.. => return None,
    };
    let magnitude = (halves < 32 << (FRACTION_BITS + 1)).then_some(((halves + 1) >> 1) as i32)?;
    Some(if negative { -magnitude } else { magnitude })
}

/// Returns the center of a pixel, in subpixels.
const fn pixel_center(pixel: u32) -> i32 {
    pixel as i32 * SUBPIXELS + SUBPIXELS / 2
}

impl SnappedVertex {
    fn new(clip: Vec4, transform: ViewportTransform) -> Option<Self> {
        if !(f32::MIN_POSITIVE..f32::INFINITY).contains(&clip.w) {
            return None;
        }
        let on_image = |ndc: i32, span: u32| {
            let half = SUBPIXELS as u32 / 2;
            let position = scale(ndc + ONE as i32, span * half) + (transform.half_pixels * half) as i32;
            (-GUARD_BAND..=GUARD_BAND).contains(&position).then_some(position)
        };
        let [x_span, y_span] = transform.span;
        Some(Self {
            position: [on_image(ratio(clip.x, clip.w)?, x_span)?, on_image(ratio(clip.y, clip.w)?, y_span)?],
            depth: scale(ratio(clip.z, clip.w)?, DEPTH_SCALE) + ONE as i32 / 2,
            w: clip.w.to_bits(),
        })
    }
}

/// Returns the pixels along one axis of the image whose centers lie within a bounding box.
#[inline(always)]
fn pixel_range(positions: [i32; 3], pixel_count: u32) -> std::ops::Range<u32> {
    let [a, b, c] = positions;
    let (min, max) = (a.min(b).min(c), a.max(b).max(c));
    let first_at_or_after = |position: i32| (position + SUBPIXELS / 2 - 1).div_euclid(SUBPIXELS);
    let on_image = |pixel: i32| pixel.clamp(0, pixel_count as i32) as u32;
    on_image(first_at_or_after(min))..on_image(first_at_or_after(max + 1))
}

impl Triangle {
    #[inline(always)]
    fn depth(&self, beta: u32, gamma: u32) -> i32 {
        let [a, b, c] = self.corners.map(|corner| corner.depth);
        a + scale(b - a, beta) + scale(c - a, gamma)
    }

    /// Converts barycentrics on the image to barycentrics in space.
    fn perspective_correct(&self, [alpha, beta, gamma]: [u32; 3]) -> [u32; 3] {
        let w = self.corners.map(|corner| corner.w);
        // Positive floats and their bits have the same order.
        let nearest = w[0].min(w[1]).min(w[2]);
        if w == [nearest; 3] {
            return [alpha, beta, gamma];
        }
        let (mantissa, exponent) = (nearest & 0x7F_FFFF | 0x80_0000, (nearest >> 23) as i32);
        // The least w divided by each w, in steps of 2⁻³⁰.
        let inverse = w.map(|w| {
            let bits = 30 + exponent - (w >> 23) as i32;
            if bits < 0 { 0 } else { long_division(mantissa, bits as u32, w & 0x7F_FFFF | 0x80_0000) }
        });
        let parts: [u64; 3] = from_fn(|i| u64::from([alpha, beta, gamma][i]) * u64::from(inverse[i]));
        let sum: u64 = parts.iter().sum();
        if sum == 0 {
            return [alpha, beta, gamma];
        }
        let total = Total::new(sum);
        let (beta, gamma) = (total.fraction(parts[1]), total.fraction(parts[2]));
        [ONE - beta - gamma, beta, gamma]
    }
}

impl CoverageRule for FixedPoint {
    type Vertex = SnappedVertex;
    type Triangle = Triangle;
    type Depth = i32;

    fn project(clip: Vec4, transform: ViewportTransform) -> SnappedVertex {
        SnappedVertex::new(clip, transform).unwrap_or_default()
    }

    #[inline(always)]
    fn bounds(corners: [SnappedVertex; 3], size: Size) -> Option<Bounds> {
        if corners.iter().any(|corner| corner.w == 0) {
            return None;
        }
        let columns = pixel_range(corners.map(|corner| corner.position[0]), size.width);
        let rows = pixel_range(corners.map(|corner| corner.position[1]), size.height);
        (!columns.is_empty() && !rows.is_empty()).then_some(Bounds { columns, rows })
    }

    #[inline(always)]
    fn triangle(corners: [SnappedVertex; 3]) -> Option<Triangle> {
        let [a, b, c] = corners.map(|corner| corner.position);
        let [ab, ac] = [b, c].map(|to| [0, 1].map(|axis| i64::from(to[axis] - a[axis])));
        let area = ab[0] * ac[1] - ab[1] * ac[0];
        let sign = area.signum();
        let edges = [Edge::new(b, c, sign), Edge::new(c, a, sign), Edge::new(a, b, sign)];
        (area != 0).then(|| Triangle { corners, edges, area: Total::new(area.unsigned_abs()) })
    }

    #[inline(always)]
    fn cover_row(triangle: &Triangle, row: u32) -> impl Fn(u32) -> Option<Fragments<i32>> {
        let starts = triangle.edges.map(|edge| edge.at_pixel(0, row));
        let step = triangle.edges.map(|edge| edge.step[0] * i64::from(SUBPIXELS));
        let bias = triangle.edges.map(|edge| edge.bias);
        let triangle = *triangle;
        #[inline(always)]
        move |column| {
            let at = |edge: usize, lane: usize| starts[edge] + step[edge] * (i64::from(column) + lane as i64);
            let covered = bits(from_fn(|lane| {
                (at(0, lane) + bias[0]) | (at(1, lane) + bias[1]) | (at(2, lane) + bias[2]) >= 0
            }));
            let depth = |lane: usize| {
                let [beta, gamma] = [1, 2].map(|edge| triangle.area.fraction(at(edge, lane) as u64));
                triangle.depth(beta, gamma)
            };
            (covered != 0).then(|| Fragments {
                covered,
                depth: from_fn(|lane| if covered >> lane & 1 == 1 { depth(lane) } else { 0 }),
            })
        }
    }

    #[inline(always)]
    fn depth_from(depth: f32) -> i32 {
        (f64::from(depth) * f64::from(ONE)).ceil() as i32
    }

    #[inline(always)]
    fn quantize(depth: i32) -> Option<u32> {
        (depth >= 0).then_some(depth as u32 >> 6)
    }

    #[inline(always)]
    fn resolve_row(triangle: &Triangle, row: u32) -> impl Fn(u32, usize) -> [([f32; 3], u32); LANES] {
        let at_pixel = move |column: u32| {
            let [beta, gamma] =
                [1, 2].map(|i| triangle.area.fraction(triangle.edges[i].at_pixel(column, row) as u64));
            let weights = triangle.perspective_correct([ONE - beta - gamma, beta, gamma]);
            (weights.map(|fraction| fraction as f32 / ONE as f32), triangle.depth(beta, gamma) as u32)
        };
        #[inline(always)]
        move |column, count| {
            from_fn(|i| if i < count { at_pixel(column + i as u32) } else { Default::default() })
        }
    }

    fn depth_of(ordered: u32) -> f32 {
        ordered as f32 / ONE as f32
    }
}
