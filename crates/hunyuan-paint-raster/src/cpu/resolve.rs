//! Stage 3: where on its face each pixel lies.

use super::{draw::Band, rule::CoverageRule};

/// Writes the perspective-correct barycentrics of each pixel of a band that shows a face, and returns the least
/// and the greatest depth, as the rule's ordered integers.
pub(super) fn resolve<R: CoverageRule>(
    vertices: &[R::Vertex],
    faces: &[[u32; 3]],
    band: &Band,
    face_index: &[u32],
    barycentrics: &mut [[f32; 3]],
) -> Option<[u32; 2]> {
    let mut depth_range: Option<[u32; 2]> = None;
    let width = band.width as usize;
    let rows = face_index.chunks(width).zip(barycentrics.chunks_mut(width)).zip(band.rows.start..);
    for ((face_index, barycentrics), row) in rows {
        // Neighbours mostly show the same face.
        let mut last: Option<(u32, R::Triangle)> = None;
        for ((&index, barycentrics), column) in face_index.iter().zip(barycentrics).zip(0_u32..) {
            let Some(face) = faces.get(index as usize) else { continue };
            if last.is_none_or(|(last_index, _)| last_index != index) {
                last = R::triangle(face.map(|i| vertices[i as usize])).map(|triangle| (index, triangle));
            }
            let Some((_, triangle)) = last else { continue };
            let (weights, depth) = R::resolve(&triangle, column, row);
            *barycentrics = weights;
            let [near, far] = depth_range.unwrap_or([depth, depth]);
            depth_range = Some([near.min(depth), far.max(depth)]);
        }
    }
    depth_range
}
