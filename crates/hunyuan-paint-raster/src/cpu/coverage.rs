//! What the two coverage rules have in common.

use std::ops::Range;

use glam::Vec4;

use crate::{Size, Viewport};

/// How many neighboring pixels are tried at once, so that the compiler can use vector instructions.
pub(super) const LANES: usize = 8;

/// From NDC to the image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ViewportTransform {
    /// The pixels between NDC −1 and 1, horizontally and vertically.
    pub(crate) span: [u32; 2],
    /// Where NDC −1 lies, in halves of a pixel from the image's edge.
    pub(crate) half_pixels: u32,
}

impl ViewportTransform {
    pub(crate) const fn new(viewport: Viewport, size: Size) -> Self {
        let span = [viewport.span(size.width), viewport.span(size.height)];
        Self { span, half_pixels: viewport.half_pixels() }
    }
}

/// The pixels that a face may cover.
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
    /// Depth at a pixel, 0 (near) to 1 (far) in the rule's own numbers.
    type Depth: Copy + PartialOrd;

    /// Carries a vertex from clip space to the image.
    fn project(clip: Vec4, transform: ViewportTransform) -> Self::Vertex;

    /// The pixels of the image that a face may cover; `None` if there are none.
    fn bounds(corners: [Self::Vertex; 3], size: Size) -> Option<Bounds>;

    /// `None` if the face covers nothing.
    fn triangle(corners: [Self::Vertex; 3]) -> Option<Self::Triangle>;

    /// For a row, a function of its columns: which of the [`LANES`] pixels from there on are covered, and at
    /// what depth. `None` if none is covered.
    fn cover_row(triangle: &Self::Triangle, row: u32) -> impl Fn(u32) -> Option<Fragments<Self::Depth>>;

    /// A depth in the rule's own numbers, rounded up.
    fn depth_from(depth: f32) -> Self::Depth;

    /// Depth in steps of 2⁻¹⁸; `None` where it is nearer than the near plane, or overflows.
    fn quantize(depth: Self::Depth) -> Option<u32>;

    /// For a row, a function of its columns and a number of pixels, up to [`LANES`], that are covered from there
    /// on: their perspective-correct barycentrics, and their depths as integers that keep the order.
    fn resolve_row(triangle: &Self::Triangle, row: u32) -> impl Fn(u32, usize) -> [([f32; 3], u32); LANES];

    /// The depth, 0 to 1, that such an integer stands for.
    fn depth_of(ordered: u32) -> f32;
}

/// The pixels of a face among [`LANES`] neighbors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragments<D> {
    /// A bit for each pixel, the first one lowest.
    pub(super) covered: u32,
    pub(super) depth: [D; LANES],
}

/// A bit for each pixel that is true.
#[inline(always)]
pub(super) fn bits(pixels: [bool; LANES]) -> u32 {
    let lanes: [u32; LANES] = std::array::from_fn(|i| if pixels[i] { 1 << i } else { 0 });
    lanes.into_iter().fold(0, |bits, lane| bits | lane)
}
