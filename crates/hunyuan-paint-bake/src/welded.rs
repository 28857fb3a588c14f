//! Vertices that coincide.

use std::cmp::Ordering;

use hunyuan_paint_mesh::CanonicalMesh;
use rayon::prelude::*;

/// For each vertex, the first vertex that coincides with it.
pub(crate) struct Welded {
    /// The first vertex with the same position.
    pub(crate) position: Vec<u32>,
    /// The first vertex with the same position and UV.
    pub(crate) corner: Vec<u32>,
}

impl Welded {
    pub(crate) fn new(mesh: &CanonicalMesh) -> Self {
        let position_of = |vertex: u32| mesh.positions[vertex as usize].to_array();
        let uv_of = |vertex: u32| mesh.uvs[vertex as usize].to_array();
        let mut order: Vec<u32> = (0..mesh.positions.len() as u32).collect();
        order.par_sort_unstable_by(|&a, &b| {
            compare(position_of(a), position_of(b)).then(compare(uv_of(a), uv_of(b))).then(a.cmp(&b))
        });
        let mut position: Vec<u32> = (0..order.len() as u32).collect();
        let mut corner = position.clone();
        let runs = order.chunk_by(|&a, &b| compare(position_of(a), position_of(b)) == Ordering::Equal);
        for run in runs {
            let first = run.iter().copied().min().unwrap_or_default();
            for &vertex in run {
                position[vertex as usize] = first;
            }
            for run in run.chunk_by(|&a, &b| compare(uv_of(a), uv_of(b)) == Ordering::Equal) {
                for &vertex in run {
                    corner[vertex as usize] = run[0];
                }
            }
        }
        Self { position, corner }
    }
}

/// Compares lexicographically, by [`f32::total_cmp`], but with 0 and −0 equal.
fn compare<const N: usize>(a: [f32; N], b: [f32; N]) -> Ordering {
    let differing = a.into_iter().zip(b).map(|(a, b)| (a + 0.0).total_cmp(&(b + 0.0)));
    differing.fold(Ordering::Equal, Ordering::then)
}
