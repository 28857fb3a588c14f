//! The rasterizer on the CPU, one file per pass.
//!
//! 1. [`project`](project::project): vertices from clip space to pixels and depth
//! 2. [`draw`](draw::draw): the nearest face of each pixel
//! 3. [`resolve`](resolve::resolve): the barycentrics of each pixel on its face
//! 4. [`interpolate()`]: the vertex attributes at each pixel
//!
//! The first three passes are generic over the coverage rule, [`reference`] or [`fixed_point`].
//!
//! The image is cut into horizontal bands that are drawn independently. Threads share no data that
//! is written, so the result does not depend on their number.

mod coverage;
mod draw;
mod fixed_point;
mod interpolate;
mod project;
mod reference;
mod resolve;

use std::iter;

use rayon::prelude::*;

pub use interpolate::{interpolate, interpolate_at};

pub(crate) use self::coverage::ViewportTransform;
use self::{
    coverage::{Bounds, CoverageRule},
    draw::{BACKGROUND_DEPTH, Band},
    fixed_point::FixedPoint,
    reference::Reference,
};
use crate::{
    Coverage, DepthKey, NO_FACE, RasterError, RasterOptions, Size, View, VisibilityBuffer, view::DEPTH_SCALE,
};

/// The largest number of bands that an image is cut into.
const BAND_COUNT: u32 = 64;

/// The number of faces that a thread sorts into bands at a time.
const FACES_PER_BATCH: usize = 1 << 14;

/// Finds the nearest face at every pixel center.
///
/// Faces are neither clipped nor culled. A pixel shows the face of least depth, in steps of 2⁻¹⁸ of
/// the depth range, and at equal depth the one with the lowest index. A face is invisible if one of
/// its vertices is not finite or has w = 0; with [`Coverage::FixedPoint`] also if a vertex has
/// w < 0 or lies far outside the image. [`RasterOptions::depth_key`] concerns GPUs only.
///
/// # Errors
/// Fails if the size is not 1 to [`Size::LIMIT`] pixels a side, a face refers to a vertex that does
/// not exist, there are more faces than [`DepthKey::FACE_LIMIT`], or the number of values in the
/// depth prior differs from the number of pixels.
pub fn rasterize(
    view: &View<'_>,
    faces: &[[u32; 3]],
    options: RasterOptions,
) -> Result<VisibilityBuffer, RasterError> {
    view.check()?;
    check_vertices(faces, view.clip_positions.len())?;
    DepthKey::check(faces.len())?;
    let transform = ViewportTransform::new(options.viewport, view.size);
    Ok(match options.coverage {
        Coverage::Reference => rasterize_by::<Reference>(view, faces, transform),
        Coverage::FixedPoint => rasterize_by::<FixedPoint>(view, faces, transform),
    })
}

fn rasterize_by<R: CoverageRule>(
    view: &View<'_>,
    faces: &[[u32; 3]],
    transform: ViewportTransform,
) -> VisibilityBuffer {
    let size @ Size { width, height } = view.size;
    let vertices = project::project::<R>(view.clip_positions, transform);
    let band_rows = height.div_ceil(BAND_COUNT);
    let band_pixels = band_rows as usize * width as usize;
    let batches =
        sort_into_bands(faces, band_rows, |face| R::bounds(face.map(|i| vertices[i as usize]), size));

    // The operating system zeroes the memory; each thread first touches the part that it writes.
    let mut face_index = vec![0; size.pixel_count()];
    let mut barycentrics = vec![[0.0; 3]; size.pixel_count()];
    let depth_range = face_index
        .par_chunks_mut(band_pixels)
        .zip(barycentrics.par_chunks_mut(band_pixels))
        .enumerate()
        .map_init(Vec::new, |depth_buffer, (index, (face_index, barycentrics))| {
            let first_row = index as u32 * band_rows;
            let band = Band { size, rows: first_row..(first_row + band_rows).min(height) };
            let faces_here = batches.iter().flat_map(|bands| bands.get(index)).flatten();
            let faces_here = faces_here.map(|&face| (face, faces[face as usize]));
            face_index.fill(NO_FACE);
            depth_buffer.clear();
            depth_buffer.resize(face_index.len(), BACKGROUND_DEPTH);
            // Uses the widest vector instructions of the processor; they do not change the result.
            pulp::Arch::new().dispatch(
                #[inline(always)]
                || {
                    let prior = view.depth_prior;
                    draw::draw::<R>(&vertices, faces_here, &band, prior, depth_buffer, face_index);
                    resolve::resolve::<R>(&vertices, faces, &band, face_index, barycentrics)
                },
            )
        })
        .flatten()
        .reduce_with(|[near, far], [other_near, other_far]| [near.min(other_near), far.max(other_far)]);
    VisibilityBuffer {
        face_index,
        barycentrics,
        depth_range: depth_range.map(|range| range.map(|ordered| ndc_depth(R::depth_of(ordered)))),
        width,
        height,
    }
}

/// Converts a depth from 0 to 1 to an NDC depth from −1 to 1.
pub(crate) fn ndc_depth(depth: f32) -> f32 {
    (depth - 0.5) / DEPTH_SCALE
}

/// Converts an ordered integer of a rule to a depth from 0 to 1.
#[cfg(feature = "gpu")]
pub(crate) fn depth_of(coverage: Coverage, ordered: u32) -> f32 {
    match coverage {
        Coverage::Reference => Reference::depth_of(ordered),
        Coverage::FixedPoint => FixedPoint::depth_of(ordered),
    }
}

/// Returns the bits of the least depth that is drawn, in the number format of a rule.
#[cfg(feature = "gpu")]
pub(crate) fn depth_threshold(coverage: Coverage, depth: f32) -> u32 {
    match coverage {
        // Infinity and NaN are replaced: how they compare differs between GPUs.
        Coverage::Reference if depth.is_nan() => f32::MIN.to_bits(),
        Coverage::Reference => Reference::depth_from(depth.clamp(f32::MIN, f32::MAX)).to_bits(),
        Coverage::FixedPoint => FixedPoint::depth_from(depth) as u32,
    }
}

/// Returns the faces that touch each band, in ascending order: one list per batch of faces and
/// band.
fn sort_into_bands(
    faces: &[[u32; 3]],
    band_rows: u32,
    bounds_of: impl Fn([u32; 3]) -> Option<Bounds> + Sync,
) -> Vec<Vec<Vec<u32>>> {
    let sort_batch = |(batch, faces): (usize, &[[u32; 3]])| {
        let mut bands: Vec<Vec<u32>> = iter::repeat_with(Vec::new).take(BAND_COUNT as usize).collect();
        for (&face, index) in faces.iter().zip((batch * FACES_PER_BATCH) as u32..) {
            let Some(Bounds { rows, .. }) = bounds_of(face) else { continue };
            for band in rows.start / band_rows..=(rows.end - 1) / band_rows {
                bands[band as usize].push(index);
            }
        }
        bands
    };
    faces.par_chunks(FACES_PER_BATCH).enumerate().map(sort_batch).collect()
}

/// Checks that every face refers to vertices that exist.
pub(crate) fn check_vertices(faces: &[[u32; 3]], vertex_count: usize) -> Result<(), RasterError> {
    let missing = |vertex: &u32| *vertex as usize >= vertex_count;
    match faces.par_iter().position_first(|face| face.iter().any(missing)) {
        None => Ok(()),
        Some(face) => {
            let vertex = faces[face].into_iter().find(missing).unwrap_or_default();
            Err(RasterError::VertexOutOfRange { face, vertex, vertex_count })
        }
    }
}
