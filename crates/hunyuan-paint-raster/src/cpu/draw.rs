//! Stage 2: the nearest face of every pixel.

use std::ops::Range;

use super::rule::{Bounds, CoverageRule, LANES};
use crate::{DepthKey, DepthPrior};

/// Some rows of the image.
#[derive(Clone, Debug)]
pub(super) struct Band {
    pub(super) width: u32,
    pub(super) rows: Range<u32>,
}

/// The depth of a pixel that shows the background, and what a depth in steps of 2⁻¹⁸ becomes in a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyDepth {
    background: u32,
    packed32: bool,
}

impl KeyDepth {
    pub(super) const fn new(key: DepthKey) -> Self {
        match key {
            DepthKey::Packed32 => Self { background: PACKED32_FAR, packed32: true },
            DepthKey::Packed64 | DepthKey::TwoPass32 => Self { background: u32::MAX, packed32: false },
        }
    }

    #[inline]
    fn of(self, steps: u32) -> u32 {
        if self.packed32 { (steps.min(1 << 18) * PACKED32_FAR) >> 18 } else { steps }
    }
}

/// The greatest depth of 13 bits.
const PACKED32_FAR: u32 = (1 << 13) - 1;

/// Writes the nearest face of each pixel of a band, or leaves [`crate::NO_FACE`].
///
/// `faces` are those that touch the band, in order: a face's index and vertices.
pub(super) fn draw<R: CoverageRule>(
    vertices: &[R::Vertex],
    faces: impl Iterator<Item = (u32, [u32; 3])>,
    band: &Band,
    bounds_of: impl Fn([R::Vertex; 3]) -> Option<Bounds>,
    depth_prior: Option<DepthPrior<'_>>,
    key: KeyDepth,
    face_index: &mut [u32],
) {
    let width = band.width as usize;
    let mut depth_buffer = vec![key.background; face_index.len()];
    for (index, face) in faces {
        let corners = face.map(|i| vertices[i as usize]);
        let Some(Bounds { columns, rows }) = bounds_of(corners) else { continue };
        let Some(triangle) = R::triangle(corners) else { continue };
        for row in rows.start.max(band.rows.start)..rows.end.min(band.rows.end) {
            let fragments_at = R::cover_row(&triangle, row);
            let start = (row - band.rows.start) as usize * width;
            let depths = &mut depth_buffer[start..start + width];
            let face_index = &mut face_index[start..start + width];
            for first in columns.clone().step_by(LANES) {
                let Some(fragments) = fragments_at(first) else { continue };
                let lanes = fragments.covered.into_iter().zip(fragments.depth);
                for (column, (covered, depth)) in (first..columns.end).zip(lanes) {
                    let hidden = |prior: DepthPrior<'_>| {
                        depth < R::depth_from(prior.least_depth(row as usize * width + column as usize))
                    };
                    if !covered || depth_prior.is_some_and(hidden) {
                        continue;
                    }
                    let Some(steps) = R::quantise(depth) else { continue };
                    // Faces come in order: where depths are equal, the one that is there stays.
                    let (column, depth) = (column as usize, key.of(steps));
                    if depth < depths[column] {
                        depths[column] = depth;
                        face_index[column] = index;
                    }
                }
            }
        }
    }
}
