//! Stage 3: where on its face each pixel lies.

use super::{draw::Band, project::ScreenVertex, triangle::Triangle};

/// Writes the perspective-correct barycentrics of each pixel of a band that shows a face.
pub(super) fn resolve(
    vertices: &[ScreenVertex],
    faces: &[[u32; 3]],
    band: Band,
    face_index: &[u32],
    barycentrics: &mut [[f32; 3]],
) {
    let width = band.width as usize;
    let rows = face_index.chunks(width).zip(barycentrics.chunks_mut(width)).zip(band.first_row..);
    for ((face_index, barycentrics), row) in rows {
        let y = row as f32 + 0.5;
        // Neighbours mostly show the same face.
        let mut last: Option<(u32, Triangle)> = None;
        for ((&index, barycentrics), column) in face_index.iter().zip(barycentrics).zip(0_u32..) {
            let Some(face) = faces.get(index as usize) else { continue };
            if last.is_none_or(|(last_index, _)| last_index != index) {
                last = Triangle::new(face.map(|i| vertices[i as usize])).map(|triangle| (index, triangle));
            }
            let Some((_, triangle)) = last else { continue };
            let on_image = triangle.along_row(y)([column as f32 + 0.5]).map(|[weight]| weight);
            *barycentrics = triangle.perspective_correct(on_image);
        }
    }
}
