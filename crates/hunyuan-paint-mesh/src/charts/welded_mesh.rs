//! Input of the segmentation: a mesh with welded vertices and face adjacency.

use std::collections::HashMap;

use glam::DVec3;
use rayon::slice::ParallelSliceMut;

use crate::Mesh;

/// Index that stands for no face or no chart.
pub(super) const NONE: u32 = u32::MAX;

/// Smallest height of a triangle, relative to the extent of the mesh. Lower triangles are
/// degenerate: too thin for UVs in single precision. The limit equals uvunwrap's.
const RELATIVE_HEIGHT_MIN: f64 = 1e-6;

/// A mesh whose vertices at equal positions are welded, with the attributes and neighbors of its
/// faces.
pub(super) struct WeldedMesh {
    /// Positions of the welded vertices.
    pub(super) positions: Vec<DVec3>,
    /// Welded vertices of each face.
    pub(super) faces: Vec<[u32; 3]>,
    /// Unit normal of each face; zero for a degenerate face.
    pub(super) normals: Vec<DVec3>,
    /// Area of each face; zero for a degenerate face, which belongs to no chart.
    pub(super) areas: Vec<f64>,
    /// For each face, the face across the edge from corner `k` to the next corner, or [`NONE`]
    /// where a chart must end: at a border, a non-manifold edge, a change of orientation, or a hard
    /// edge.
    pub(super) neighbors: Vec<[u32; 3]>,
}

impl WeldedMesh {
    /// Welds a valid mesh.
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
        let mut welded_mesh = Self { positions, faces, normals, areas, neighbors: Vec::new() };
        welded_mesh.neighbors = welded_mesh.find_neighbors(mesh);
        welded_mesh
    }

    /// Returns the length of the edge from corner `k` of a face to the next corner.
    pub(super) fn edge_length(&self, face: u32, k: usize) -> f64 {
        let face = self.faces[face as usize];
        self.positions[face[k] as usize].distance(self.positions[face[(k + 1) % 3] as usize])
    }

    /// Returns the neighbors of each face (see [`Self::neighbors`]). `mesh` is the mesh before
    /// welding.
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
        // `hard` lists the edges with split vertices, once for each side. If at most half of all
        // shared edges are split, they are intended as hard edges. If more are, the mesh is
        // flat-shaded and they mean nothing.
        if hard.len() <= joined {
            hard.into_iter().for_each(|(face, k)| neighbors[face as usize][k] = NONE);
        }
        neighbors
    }
}

/// Returns the distinct positions in order of first occurrence, and for each vertex the index of
/// its position.
fn weld(mesh: &Mesh) -> (Vec<DVec3>, Vec<u32>) {
    let mut positions = Vec::new();
    let mut vertex_at = HashMap::with_capacity(mesh.positions.len());
    let vertex = |position: &glam::Vec3| {
        // Adding zero turns -0 into 0.
        *vertex_at.entry(position.to_array().map(|x| (x + 0.0).to_bits())).or_insert_with(|| {
            positions.push(position.as_dvec3());
            positions.len() as u32 - 1
        })
    };
    let welded = mesh.positions.iter().map(vertex).collect();
    (positions, welded)
}
