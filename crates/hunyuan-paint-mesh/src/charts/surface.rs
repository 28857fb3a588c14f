//! What charts are cut from: welded vertices, and which face lies across each edge.

use std::collections::HashMap;

use glam::DVec3;
use rayon::slice::ParallelSliceMut;

use crate::Mesh;

/// No face, or no chart.
pub(super) const NONE: u32 = u32::MAX;

/// Triangles lower than this share of the extent are too thin for UVs in single precision; as in uvunwrap.
const RELATIVE_HEIGHT_MIN: f64 = 1e-6;

/// The surface of a mesh, with vertices at the same place welded.
pub(super) struct Surface {
    pub(super) positions: Vec<DVec3>,
    /// Welded vertices.
    pub(super) faces: Vec<[u32; 3]>,
    /// Of unit length; zero for a degenerate face.
    pub(super) normals: Vec<DVec3>,
    /// Zero for a degenerate face, which gets no chart.
    pub(super) areas: Vec<f64>,
    /// The face across the edge from corner `k` to the next one, or [`NONE`] where a chart has to end: at a border,
    /// a non-manifold edge, a change of orientation, or a hard edge.
    pub(super) neighbors: Vec<[u32; 3]>,
}

impl Surface {
    /// The mesh must be valid.
    pub(super) fn new(mesh: &Mesh) -> Self {
        let (positions, welded) = weld(mesh);
        let faces: Vec<[u32; 3]> = mesh.faces.iter().map(|face| face.map(|i| welded[i as usize])).collect();
        let height_min = mesh.extent() * RELATIVE_HEIGHT_MIN;
        let (normals, areas) = faces
            .iter()
            .map(|face| {
                let [a, b, c] = face.map(|i| positions[i as usize]);
                let normal = (b - a).cross(c - a);
                let longest = (b - a).length().max((c - b).length()).max((a - c).length());
                let length = normal.length();
                if length > height_min * longest {
                    (normal / length, length / 2.0)
                } else {
                    (DVec3::ZERO, 0.0)
                }
            })
            .unzip();
        let mut surface = Self { positions, faces, normals, areas, neighbors: Vec::new() };
        surface.neighbors = surface.find_neighbors(mesh);
        surface
    }

    pub(super) fn edge_length(&self, face: u32, k: usize) -> f64 {
        let face = self.faces[face as usize];
        self.positions[face[k] as usize].distance(self.positions[face[(k + 1) % 3] as usize])
    }

    fn find_neighbors(&self, mesh: &Mesh) -> Vec<[u32; 3]> {
        let mut edges: Vec<([u32; 2], u32, u8)> = Vec::with_capacity(self.faces.len() * 3);
        for (face, corners) in (0..).zip(&self.faces).filter(|(face, _)| self.areas[*face as usize] > 0.0) {
            for k in 0..3 {
                let (a, b) = (corners[k], corners[(k + 1) % 3]);
                edges.push(([a.min(b), a.max(b)], face, k as u8));
            }
        }
        edges.par_sort_unstable();
        let mut neighbors = vec![[NONE; 3]; self.faces.len()];
        let (mut joined, mut hard) = (0, Vec::new());
        for edge in edges.chunk_by(|a, b| a.0 == b.0) {
            let &[(_, f, k), (_, g, l)] = edge else { continue };
            let (k, l) = (usize::from(k), usize::from(l));
            let corner =
                |face: u32, k: usize| (self.faces[face as usize][k % 3], mesh.faces[face as usize][k % 3]);
            let ends = [(corner(f, k), corner(g, l + 1)), (corner(f, k + 1), corner(g, l))];
            if ends.iter().any(|(a, b)| a.0 != b.0) {
                continue;
            }
            neighbors[f as usize][k] = g;
            neighbors[g as usize][l] = f;
            joined += 1;
            if ends.iter().any(|(a, b)| a.1 != b.1) {
                hard.extend([(f, k), (g, l)]);
            }
        }
        // Where the vertices of a few edges are split, somebody wanted an edge there; where those of most are,
        // the mesh is merely written with flat shading.
        if hard.len() <= joined {
            hard.into_iter().for_each(|(face, k)| neighbors[face as usize][k] = NONE);
        }
        neighbors
    }
}

/// The different positions in the order in which they occur, and for each vertex which one it has.
fn weld(mesh: &Mesh) -> (Vec<DVec3>, Vec<u32>) {
    let mut positions = Vec::new();
    let mut vertex_at = HashMap::with_capacity(mesh.positions.len());
    let vertex = |position: &glam::Vec3| {
        // Adding zero makes -0 and 0 the same place.
        *vertex_at.entry(position.to_array().map(|x| (x + 0.0).to_bits())).or_insert_with(|| {
            positions.push(position.as_dvec3());
            positions.len() as u32 - 1
        })
    };
    let welded = mesh.positions.iter().map(vertex).collect();
    (positions, welded)
}
