//! Pass 2: the nearest face of every pixel.

use std::ops::Range;

use super::coverage::{Bounds, CoverageRule, Fragments, LANES};
use crate::{DepthPrior, Size};

/// A range of rows of the image.
#[derive(Clone, Debug)]
pub(super) struct Band {
    /// The size of the whole image.
    pub(super) size: Size,
    pub(super) rows: Range<u32>,
}

/// The depth of a background pixel.
pub(super) const BACKGROUND_DEPTH: u32 = u32::MAX;

/// Writes the index of the nearest face of each pixel of a band.
///
/// `faces` are the indices and vertices of the faces that touch the band, in ascending order. The
/// caller fills `depth_buffer` with [`BACKGROUND_DEPTH`] and `face_index` with [`crate::NO_FACE`].
#[inline(always)]
pub(super) fn draw<R: CoverageRule>(
    vertices: &[R::Vertex],
    faces: impl Iterator<Item = (u32, [u32; 3])>,
    band: &Band,
    depth_prior: Option<DepthPrior<'_>>,
    depth_buffer: &mut [u32],
    face_index: &mut [u32],
) {
    let width = band.size.width as usize;
    let near = R::depth_from(0.0);
    for (index, face) in faces {
        let corners = face.map(|i| vertices[i as usize]);
        let Some(Bounds { columns, rows }) = R::bounds(corners, band.size) else { continue };
        let Some(triangle) = R::triangle(corners) else { continue };
        for row in rows.start.max(band.rows.start)..rows.end.min(band.rows.end) {
            let fragments_at = R::cover_row(&triangle, row);
            let start = (row - band.rows.start) as usize * width;
            let depths = &mut depth_buffer[start..start + width];
            let face_index = &mut face_index[start..start + width];
            for first in columns.clone().step_by(LANES) {
                let Some(Fragments { mut covered, depth }) = fragments_at(first) else { continue };
                // The last lanes may lie to the right of the bounding box.
                covered &= u32::MAX >> (u32::BITS - (columns.end - first).min(LANES as u32));
                while covered != 0 {
                    let lane = covered.trailing_zeros() as usize;
                    covered &= covered - 1;
                    let (column, depth) = (first as usize + lane, depth[lane]);
                    let least = depth_prior.map_or(near, |prior| {
                        R::depth_from(prior.least_depth(row as usize * width + column))
                    });
                    if depth < least {
                        continue;
                    }
                    let Some(depth) = R::quantize(depth) else { continue };
                    // Faces are in ascending order, so that the lower index wins at equal depth.
                    if depth < depths[column] {
                        depths[column] = depth;
                        face_index[column] = index;
                    }
                }
            }
        }
    }
}
