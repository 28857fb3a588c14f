//! Cuts a mesh into charts and flattens them, in nearly linear time.

mod cholesky;
mod flatten;
mod overlap;
mod segment;
mod welded_mesh;

use std::collections::HashMap;

use glam::Vec2;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::{
    Mesh, MeshError,
    progress::{Reporter, UnwrapStage},
};
use flatten::{Chart, flatten};
use welded_mesh::{NONE, WeldedMesh};

/// The charts of a mesh. Original vertices are duplicated so that each belongs to one chart.
pub(crate) struct Charts {
    /// Original vertex of each vertex.
    pub(crate) source_vertices: Vec<u32>,
    /// Faces, in the original order.
    pub(crate) faces: Vec<[u32; 3]>,
    /// UV of each vertex within its chart, 0 to 1. Every chart has its own scale.
    pub(crate) uvs: Vec<Vec2>,
    /// Chart of each face; [`NONE`] for degenerate faces.
    pub(crate) chart_of_face: Vec<u32>,
    /// Number of charts.
    pub(crate) count: usize,
}

/// Cuts a valid mesh into charts and flattens them. Charts may have flaws below the tolerances used
/// here; uvunwrap checks them again.
///
/// # Errors
/// Returns [`MeshError::Cancelled`] if the progress callback cancels.
pub(crate) fn make_charts(mesh: &Mesh, reporter: &Reporter<'_>) -> Result<Charts, MeshError> {
    let face_count = mesh.faces.len();
    let report = |stage, done| reporter.advance(stage, done, Some(face_count));
    report(UnwrapStage::Segmenting, 0)?;
    let welded = WeldedMesh::new(mesh);
    let segments = segment::segment(&welded, |faces| report(UnwrapStage::Segmenting, faces))?;
    let done = |faces| report(UnwrapStage::Flattening, faces).is_ok();
    let charts: Vec<Chart> =
        segments.into_par_iter().flat_map_iter(|faces| flatten(&welded, faces, &done)).collect();
    report(UnwrapStage::Flattening, 0)?;
    Ok(assemble(mesh, charts))
}

/// Numbers the vertices of all charts.
fn assemble(mesh: &Mesh, charts: Vec<Chart>) -> Charts {
    let mut chart_of_face = vec![NONE; mesh.faces.len()];
    let mut faces = mesh.faces.clone();
    let (mut source_vertices, mut uvs) = (Vec::new(), Vec::new());
    // This undoes the welding: a vertex is identified by original vertex, chart, and vertex of the
    // chart.
    let mut vertex_at: HashMap<(u32, u32, u32), u32> = HashMap::with_capacity(mesh.positions.len() * 2);
    let mut vertex = |source: u32, chart: u32, corner: u32, uv: Vec2| {
        *vertex_at.entry((source, chart, corner)).or_insert_with(|| {
            source_vertices.push(source);
            uvs.push(uv);
            uvs.len() as u32 - 1
        })
    };
    for (number, chart) in (0..).zip(&charts) {
        for (&face, corners) in chart.faces.iter().zip(&chart.corners) {
            chart_of_face[face as usize] = number;
            let sources = mesh.faces[face as usize];
            faces[face as usize] =
                [0, 1, 2].map(|k| vertex(sources[k], number, corners[k], chart.uvs[corners[k] as usize]));
        }
    }
    for face in (0..faces.len()).filter(|&face| chart_of_face[face] == NONE) {
        faces[face] = mesh.faces[face].map(|source| vertex(source, NONE, 0, Vec2::ZERO));
    }
    Charts { source_vertices, faces, uvs, chart_of_face, count: charts.len() }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::test_meshes::bumpy_sphere;

    #[test]
    fn every_face_with_an_area_is_in_one_chart_and_not_flipped() -> Result<(), MeshError> {
        let mut mesh = bumpy_sphere(60, 40);
        let degenerate = mesh.faces.len();
        mesh.faces.push([5, 6, 5]);
        let go_on = |_| ControlFlow::Continue(());
        let charts = make_charts(&mesh, &Reporter::new(&go_on))?;
        assert!((2..40).contains(&charts.count), "{}", charts.count);
        for (i, (face, original)) in charts.faces.iter().zip(&mesh.faces).enumerate() {
            assert_eq!(face.map(|k| charts.source_vertices[k as usize]), *original);
            let [a, b, c] = face.map(|k| charts.uvs[k as usize]);
            assert_eq!((b - a).perp_dot(c - a) > 0.0, i != degenerate);
            assert_eq!((charts.chart_of_face[i] as usize) < charts.count, i != degenerate);
        }
        Ok(())
    }
}
