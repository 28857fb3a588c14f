//! Pass 4: vertex attributes at the pixels.

use rayon::prelude::*;

use super::check_vertices;
use crate::{NO_FACE, RasterError, VisibilityBuffer};

/// Interpolates vertex attributes at the pixels: the sum of the values of the three vertices,
/// weighted by the barycentrics of the pixel. Background pixels get zeros.
///
/// `attributes` has `N` values per vertex. The result has `N` values per pixel, row by row.
///
/// # Errors
/// Fails if a face refers to a vertex without attributes, a pixel refers to a face that does not
/// exist, or the two arrays of the buffer differ in length.
pub fn interpolate<const N: usize>(
    attributes: &[[f32; N]],
    faces: &[[u32; 3]],
    visibility: &VisibilityBuffer,
) -> Result<Vec<[f32; N]>, RasterError> {
    check_vertices(faces, attributes.len())?;
    let VisibilityBuffer { face_index, barycentrics, .. } = visibility;
    if barycentrics.len() != face_index.len() {
        let (expected, found) = (face_index.len(), barycentrics.len());
        return Err(RasterError::BufferLength { buffer: "barycentrics", expected, found });
    }
    let missing = |face: &u32| *face != NO_FACE && *face as usize >= faces.len();
    if let Some(pixel) = face_index.par_iter().position_first(missing) {
        let (face, face_count) = (face_index[pixel], faces.len());
        return Err(RasterError::FaceOutOfRange { pixel, face, face_count });
    }
    let at_pixel = |pixel| interpolate_at(attributes, faces, visibility, pixel).unwrap_or([0.0; N]);
    Ok((0..face_index.len()).into_par_iter().map(at_pixel).collect())
}

/// Interpolates vertex attributes at one pixel, counted row by row from 0. Returns `None` for a
/// background pixel, or if the pixel, its face or one of the face's vertices does not exist.
#[inline]
pub fn interpolate_at<const N: usize>(
    attributes: &[[f32; N]],
    faces: &[[u32; 3]],
    visibility: &VisibilityBuffer,
    pixel: usize,
) -> Option<[f32; N]> {
    let face = faces.get(*visibility.face_index.get(pixel)? as usize)?;
    let [alpha, beta, gamma] = *visibility.barycentrics.get(pixel)?;
    let [a, b, c] = face.map(|vertex| attributes.get(vertex as usize));
    let (a, b, c) = (a?, b?, c?);
    Some(std::array::from_fn(|i| alpha * a[i] + beta * b[i] + gamma * c[i]))
}
