//! Pass 3: the barycentrics of each pixel on its face.

use super::{
    coverage::{CoverageRule, LANES},
    draw::Band,
};

/// Writes the perspective-correct barycentrics of each pixel of a band that shows a face. Returns
/// the least and the greatest depth of these pixels, as ordered integers of the rule.
#[inline(always)]
pub(super) fn resolve<R: CoverageRule>(
    vertices: &[R::Vertex],
    faces: &[[u32; 3]],
    band: &Band,
    face_index: &[u32],
    barycentrics: &mut [[f32; 3]],
) -> Option<[u32; 2]> {
    let mut depth_range: Option<[u32; 2]> = None;
    let width = band.size.width as usize;
    let rows = face_index.chunks(width).zip(barycentrics.chunks_mut(width)).zip(band.rows.start..);
    for ((face_index, barycentrics), row) in rows {
        // Neighboring pixels mostly show the same face.
        let mut end = 0;
        for run in face_index.chunk_by(|a, b| a == b) {
            let columns = end..end + run.len();
            end = columns.end;
            let Some(face) = run.first().and_then(|&index| faces.get(index as usize)) else { continue };
            let Some(triangle) = R::triangle(face.map(|i| vertices[i as usize])) else { continue };
            let resolve_at = R::resolve_row(&triangle, row);
            for first in columns.step_by(LANES) {
                let barycentrics = &mut barycentrics[first..end.min(first + LANES)];
                let resolved = resolve_at(first as u32, barycentrics.len());
                for (target, (weights, depth)) in barycentrics.iter_mut().zip(resolved) {
                    *target = weights;
                    let [near, far] = depth_range.unwrap_or([depth, depth]);
                    depth_range = Some([near.min(depth), far.max(depth)]);
                }
            }
        }
    }
    depth_range
}
