//! The interface of the two coverage rules.

use std::ops::Range;

use glam::Vec4;

use crate::{Size, Viewport};

/// The number of neighboring pixels that are tested at once, so that the compiler can use vector
/// instructions.
pub(super) const LANES: usize = 8;

/// The transform from NDC to the image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ViewportTransform {
    /// The distance from NDC −1 to 1, in pixels, horizontally and vertically.
    pub(crate) span: [u32; 2],
    /// The position of NDC −1, in half pixels from the edge of the image.
    pub(crate) half_pixels: u32,
}

impl ViewportTransform {
    pub(crate) const fn new(viewport: Viewport, size: Size) -> Self {
        let span = [viewport.span(size.width), viewport.span(size.height)];
        Self { span, half_pixels: viewport.half_pixels() }
    }
}

/// The columns and rows of the pixels that a face may cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) columns: Range<u32>,
    pub(super) rows: Range<u32>,
}

/// A coverage rule: [`Reference`](super::reference::Reference) or
/// [`FixedPoint`](super::fixed_point::FixedPoint).
pub(super) trait CoverageRule: Sync {
    /// A vertex on the image.
    type Vertex: Copy + Send + Sync;
    /// A face on the image, set up for many pixels.
    type Triangle: Copy;
    /// The depth at a pixel, from 0 (near) to 1 (far), in the number format of the rule.
    type Depth: Copy + PartialOrd;

    /// Projects a vertex from clip space to the image.
    fn project(clip: Vec4, transform: ViewportTransform) -> Self::Vertex;

    /// Returns the pixels of the image that a face may cover; `None` if there are none.
    fn bounds(corners: [Self::Vertex; 3], size: Size) -> Option<Bounds>;

    /// Prepares a face for coverage tests; `None` if the face covers nothing.
    fn triangle(corners: [Self::Vertex; 3]) -> Option<Self::Triangle>;

    /// Returns a function for one row. From a column, it returns which of the [`LANES`] pixels from
    /// that column on are covered, and their depths; `None` if none is covered.
    fn cover_row(triangle: &Self::Triangle, row: u32) -> impl Fn(u32) -> Option<Fragments<Self::Depth>>;

    /// Converts a depth to the number format of the rule, rounding up.
    fn depth_from(depth: f32) -> Self::Depth;

    /// Returns the depth in steps of 2⁻¹⁸; `None` if it is nearer than the near plane, or
    /// overflows.
    fn quantize(depth: Self::Depth) -> Option<u32>;

    /// Returns a function for one row. From a column and the number of covered pixels from there
    /// on, up to [`LANES`], it returns their perspective-correct barycentrics, and their depths as
    /// integers in the order of the depths.
    fn resolve_row(triangle: &Self::Triangle, row: u32) -> impl Fn(u32, usize) -> [([f32; 3], u32); LANES];

    /// Converts an ordered integer of [`resolve_row`](Self::resolve_row) to a depth from 0 to 1.
    fn depth_of(ordered: u32) -> f32;
}

/// The coverage and depth of [`LANES`] neighboring pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragments<D> {
    /// One bit per pixel; the lowest bit is the first pixel.
    pub(super) covered: u32,
    pub(super) depth: [D; LANES],
}

/// Packs the booleans into bits, the first one lowest.
#[inline(always)]
pub(super) fn bits(pixels: [bool; LANES]) -> u32 {
    let lanes: [u32; LANES] = std::array::from_fn(|i| if pixels[i] { 1 << i } else { 0 });
    lanes.into_iter().fold(0, |bits, lane| bits | lane)
}
