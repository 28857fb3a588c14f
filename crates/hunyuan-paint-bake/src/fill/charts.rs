//! The charts of a mesh, and the seams between them.

use hunyuan_paint_mesh::CanonicalMesh;
use rayon::prelude::*;

use crate::{grouped::Grouped, welded::Welded};

/// The charts of a mesh. A chart consists of faces that are connected by vertices with the same
/// position and the same UV.
pub(super) struct Charts {
    /// For each face, the number of its chart; the numbers have gaps.
    pub(super) chart_of_face: Vec<u32>,
    /// The edges along which charts meet.
    pub(super) seams: Vec<Seam>,
}

/// An edge of the surface whose two faces have different UVs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seam {
    /// The face on each side.
    pub(super) faces: [u32; 2],
    /// The vertices at the two ends, for each side; in the same order in space on both sides.
    pub(super) ends: [[u32; 2]; 2],
}

/// An edge of a face.
#[derive(Clone, Copy)]
struct Edge {
    /// Position of the second end, as in [`Welded::position`].
    last_position: u32,
    face: u32,
    /// The vertices at both ends, ordered by [`Welded::position`].
    ends: [u32; 2],
}

impl Charts {
    pub(super) fn new(mesh: &CanonicalMesh) -> Self {
        let Welded { position, corner } = Welded::new(mesh);

        let mut chart = DisjointSets::new(mesh.positions.len());
        for &[a, b, c] in &mesh.faces {
            let [a, b, c] = [a, b, c].map(|vertex| corner[vertex as usize]);
            chart.union(a, b);
            chart.union(b, c);
        }
        let chart_of_face = mesh.faces.iter().map(|face| chart.find(corner[face[0] as usize])).collect();

        let seams_at = |edges: &mut [Edge]| {
            edges.sort_unstable_by_key(|edge| (edge.last_position, edge.face));
            let mut seams = Vec::new();
            for pair in edges.windows(2) {
                let [a, b] = [pair[0], pair[1]];
                let have_same_uvs =
                    || (0..2).all(|end| corner[a.ends[end] as usize] == corner[b.ends[end] as usize]);
                if a.last_position == b.last_position && a.face != b.face && !have_same_uvs() {
                    seams.push(Seam { faces: [a.face, b.face], ends: [a.ends, b.ends] });
                }
            }
            seams
        };
        let mut edges = edges_by_position(mesh, &position);
        let seams = edges.all_mut().into_par_iter().with_min_len(1 << 10).flat_map_iter(seams_at).collect();
        Self { chart_of_face, seams }
    }
}

/// Returns the edges of all faces, grouped by the position of their first end.
fn edges_by_position(mesh: &CanonicalMesh, position: &[u32]) -> Grouped<Edge> {
    let edge = move |face: u32, [a, b]: [u32; 2]| {
        let positions = [position[a as usize], position[b as usize]];
        let (ends, [first, other]) = if positions[0] <= positions[1] {
            ([a, b], positions)
        } else {
            ([b, a], [positions[1], positions[0]])
        };
        (first as usize, Edge { last_position: other, face, ends })
    };
    let edges = (0..)
        .zip(&mesh.faces)
        .flat_map(move |(face, &[a, b, c])| [[a, b], [b, c], [c, a]].map(|ends| edge(face, ends)));
    Grouped::new(position.len(), edges)
}

/// Disjoint sets of numbers (union-find); the representative of a set is its minimum.
pub(super) struct DisjointSets(Vec<u32>);

impl DisjointSets {
    pub(super) fn new(count: usize) -> Self {
        Self((0..count as u32).collect())
    }

    /// Returns the representative of the member's set.
    pub(super) fn find(&mut self, mut member: u32) -> u32 {
        while self.0[member as usize] != member {
            let parent = self.0[member as usize];
            self.0[member as usize] = self.0[parent as usize];
            member = parent;
        }
        member
    }

    /// Unites the sets of two members.
    pub(super) fn union(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        self.0[a.max(b) as usize] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use glam::{Vec2, Vec3};

    use super::*;

    #[test]
    fn an_edge_with_different_uvs_on_its_two_sides_is_a_seam() {
        // A square of two triangles that lie apart in the texture, and a third triangle in the
        // chart of the first one.
        let positions = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [-1.0, 0.0]];
        let uvs = [[0.0, 0.0], [0.3, 0.0], [0.0, 0.3], [0.9, 0.5], [0.9, 0.9], [0.5, 0.9], [0.3, 0.3]];
        let mesh = CanonicalMesh {
            positions: positions.map(|[x, y]| Vec3::new(x, y, 0.0)).to_vec(),
            faces: vec![[0, 1, 2], [3, 4, 5], [0, 2, 6]],
            uvs: uvs.map(Vec2::from).to_vec(),
        };
        let Charts { chart_of_face, seams } = Charts::new(&mesh);
        assert_eq!(chart_of_face, [0, 3, 0]);
        assert_eq!(seams, [Seam { faces: [0, 1], ends: [[1, 2], [3, 5]] }]);
    }

    #[test]
    fn unwelded_faces_with_the_same_positions_and_uvs_are_one_chart() {
        let corners = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        let mesh = CanonicalMesh {
            positions: corners.map(|[x, y]| Vec3::new(x, y, 0.0)).to_vec(),
            faces: vec![[0, 1, 2], [3, 4, 5]],
            uvs: corners.map(Vec2::from).to_vec(),
        };
        let Charts { chart_of_face, seams } = Charts::new(&mesh);
        assert_eq!(chart_of_face, [0, 0]);
        assert!(seams.is_empty());
    }
}
