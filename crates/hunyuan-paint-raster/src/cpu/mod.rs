//! The rasterizer on the CPU, one file per stage.
//!
//! 1. [`project`](project::project): vertices, clip space → pixels and depth
//! 2. [`draw`](draw::draw): for each pixel the nearest face
//! 3. [`resolve`](resolve::resolve): for each pixel the barycentrics on that face
//! 4. [`interpolate()`]: for each pixel the attributes at that place
//!
//! The first three are the same for both coverage rules, [`reference`] and [`fixed_point`].
//!
//! The image is cut into horizontal bands that know nothing of each other, so threads share nothing that is
//! written and the result does not depend on them.

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

/// The number of bands that an image is cut into, for threads to share.
const BAND_COUNT: u32 = 64;

/// The number of faces that a thread sorts into bands at a time.
const FACES_PER_BATCH: usize = 1 << 14;

/// Finds the nearest face at every pixel center.
///
/// Nothing is clipped or culled. A pixel shows the face of the lowest depth, in steps that
/// [`DepthKey`] tells, and of those the one that comes first. A vertex that is not finite, or has w = 0,
/// makes its faces invisible; so does, with [`Coverage::FixedPoint`], one that lies far outside. The
/// depth key of the options concerns GPUs only.
///
/// # Errors
/// If the size is not 1 to [`Size::LIMIT`] pixels a side, a face names a vertex that does not exist, there
/// are more faces than [`DepthKey::FACE_LIMIT`], or the depth prior has another number of values than
/// the image has pixels.
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

    // Zeros come without work; the threads write what they need.
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
            // With the widest vector instructions that the processor has: the results are the same.
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

/// NDC depth of a depth from 0 to 1.
pub(crate) fn ndc_depth(depth: f32) -> f32 {
    (depth - 0.5) / DEPTH_SCALE
}

/// The depth, 0 to 1, that a rule's ordered integer stands for.
#[cfg(feature = "gpu")]
pub(crate) fn depth_of(coverage: Coverage, ordered: u32) -> f32 {
    match coverage {
        Coverage::Reference => Reference::depth_of(ordered),
        Coverage::FixedPoint => FixedPoint::depth_of(ordered),
    }
}

/// The bits of the least depth that shows, in a rule's own numbers.
#[cfg(feature = "gpu")]
pub(crate) fn depth_threshold(coverage: Coverage, depth: f32) -> u32 {
    match coverage {
        // Comparisons with what is not finite are left to each device.
        Coverage::Reference if depth.is_nan() => f32::MIN.to_bits(),
        Coverage::Reference => Reference::depth_from(depth.clamp(f32::MIN, f32::MAX)).to_bits(),
        Coverage::FixedPoint => FixedPoint::depth_from(depth) as u32,
    }
}

/// Returns, for each batch of faces and each band of rows, the faces of the batch that touch the band,
/// in order.
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

/// Whether every face names vertices that exist.
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
