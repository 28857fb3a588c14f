//! The rasteriser on the CPU, one file per stage.
//!
//! 1. [`project`](project::project): vertices, clip space → pixels and depth
//! 2. [`draw`](draw::draw): for each pixel the nearest face
//! 3. [`resolve`](resolve::resolve): for each pixel the barycentrics on that face
//! 4. [`interpolate()`]: for each pixel the attributes at that place
//!
//! The image is cut into horizontal bands that know nothing of each other, so threads share nothing that is
//! written and the result does not depend on them.

mod draw;
mod interpolate;
mod project;
mod resolve;
mod triangle;

use glam::Vec4;
use rayon::prelude::*;

pub use interpolate::{interpolate, interpolate_at};

use crate::{DepthPrior, NO_FACE, RasterError, Size, VisibilityBuffer};

/// Into how many bands an image is cut. Each looks at the row range of every face, so more bands cost
/// time where faces are many, and fewer leave threads idle.
const BAND_COUNT: u32 = 64;

/// Finds the nearest face at every pixel centre.
///
/// `clip_positions` are in clip space: visible points have x/w, y/w and z/w from −1 to 1. Nothing is clipped
/// or culled: a face behind the camera is drawn where the division by its negative w puts it. A pixel shows
/// the face of the lowest depth, quantised to 2⁻¹⁸ of the range, and of those the one that comes first.
/// A vertex that is not finite, or has w = 0, makes its faces invisible.
///
/// # Errors
/// If the size is not 1 to [`Size::LIMIT`] pixels a side, a face names a vertex that does not exist, there
/// are 2³¹ − 2 faces or more, or the depth prior has another number of values than the image has pixels.
pub fn rasterize(
    clip_positions: &[Vec4],
    faces: &[[u32; 3]],
    size: Size,
    depth_prior: Option<DepthPrior<'_>>,
) -> Result<VisibilityBuffer, RasterError> {
    size.check()?;
    check_vertices(faces, clip_positions.len())?;
    if faces.len() > draw::FACE_LIMIT {
        return Err(RasterError::TooManyFaces { limit: draw::FACE_LIMIT, found: faces.len() });
    }
    if let Some(prior) = depth_prior
        && prior.depth.len() != size.pixel_count()
    {
        let (expected, found) = (size.pixel_count(), prior.depth.len());
        return Err(RasterError::BufferLength { buffer: "depth prior", expected, found });
    }

    let vertices = project::project(clip_positions, size);
    let row_ranges = draw::row_ranges(&vertices, faces, size);
    let Size { width, height } = size;
    let mut face_index = vec![NO_FACE; size.pixel_count()];
    let mut barycentrics = vec![[0.0; 3]; size.pixel_count()];
    let band_rows = height.div_ceil(BAND_COUNT);
    let band_pixels = band_rows as usize * width as usize;
    face_index
        .par_chunks_mut(band_pixels)
        .zip(barycentrics.par_chunks_mut(band_pixels))
        .enumerate()
        .for_each(|(band, (face_index, barycentrics))| {
            let first_row = band as u32 * band_rows;
            let band = draw::Band { width, first_row, end_row: (first_row + band_rows).min(height) };
            draw::draw(&vertices, faces, &row_ranges, band, depth_prior, face_index);
            resolve::resolve(&vertices, faces, band, face_index, barycentrics);
        });
    Ok(VisibilityBuffer { face_index, barycentrics, width, height })
}

/// Whether every face names vertices that exist.
fn check_vertices(faces: &[[u32; 3]], vertex_count: usize) -> Result<(), RasterError> {
    let missing = |vertex: &u32| *vertex as usize >= vertex_count;
    match faces.par_iter().position_first(|face| face.iter().any(missing)) {
        None => Ok(()),
        Some(face) => {
            let vertex = faces[face].into_iter().find(missing).unwrap_or_default();
            Err(RasterError::VertexOutOfRange { face, vertex, vertex_count })
        }
    }
}
