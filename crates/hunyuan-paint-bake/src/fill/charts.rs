//! Which faces hang together in the texture, and where the surface goes on in another place of it.

use std::cmp::Ordering;

use hunyuan_paint_mesh::CanonicalMesh;
use rayon::prelude::*;

use crate::grouped::Grouped;

/// The charts of a mesh: faces that share vertices, in space and in the texture.
pub(super) struct Charts {
    /// For each face a number that only the faces of its chart have.
    pub(super) chart_of_face: Vec<u32>,
    /// Where charts meet.
    pub(super) seams: Vec<Seam>,
}

/// An edge of the surface that lies in two places of the texture. Its ends are named by vertices of the mesh, in
/// the same order on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seam {
    /// The face on each side.
    pub(super) faces: [u32; 2],
    /// For each side its two ends.
    pub(super) ends: [[u32; 2]; 2],
}

/// A side of a face, from one end to the other.
#[derive(Clone, Copy)]
struct Edge {
    /// The place in space of the end that comes later.
    other_place: u32,
    face: u32,
    /// Vertices: first the end whose place comes first.
    ends: [u32; 2],
}

impl Charts {
    pub(super) fn new(mesh: &CanonicalMesh) -> Self {
        let Welded { place, texture_place } = Welded::new(mesh);

        let mut chart = Partition::new(mesh.positions.len());
        for &[a, b, c] in &mesh.faces {
            let [a, b, c] = [a, b, c].map(|vertex| texture_place[vertex as usize]);
            chart.unite(a, b);
            chart.unite(b, c);
        }
        let chart_of_face =
            mesh.faces.iter().map(|face| chart.find(texture_place[face[0] as usize])).collect();

        let seams_at = |edges: &mut [Edge]| {
            edges.sort_unstable_by_key(|edge| (edge.other_place, edge.face));
            let mut seams = Vec::new();
            for pair in edges.windows(2) {
                let [a, b] = [pair[0], pair[1]];
                let same_texels = || {
                    (0..2)
                        .all(|end| texture_place[a.ends[end] as usize] == texture_place[b.ends[end] as usize])
                };
                if a.other_place == b.other_place && a.face != b.face && !same_texels() {
                    seams.push(Seam { faces: [a.face, b.face], ends: [a.ends, b.ends] });
                }
            }
            seams
        };
        let mut edges = edges_by_place(mesh, &place);
        let seams = edges.all_mut().into_par_iter().with_min_len(1 << 10).flat_map_iter(seams_at).collect();
        Self { chart_of_face, seams }
    }
}

/// For each vertex the first one at the same place.
struct Welded {
    /// In space.
    place: Vec<u32>,
    /// In space and in the texture.
    texture_place: Vec<u32>,
}

impl Welded {
    fn new(mesh: &CanonicalMesh) -> Self {
        let position = |vertex: u32| mesh.positions[vertex as usize].to_array();
        let uv = |vertex: u32| mesh.uvs[vertex as usize].to_array();
        let mut order: Vec<u32> = (0..mesh.positions.len() as u32).collect();
        order.par_sort_unstable_by(|&a, &b| {
            compare(position(a), position(b)).then(compare(uv(a), uv(b))).then(a.cmp(&b))
        });
        let mut place: Vec<u32> = (0..order.len() as u32).collect();
        let mut texture_place = place.clone();
        let runs = order.chunk_by(|&a, &b| compare(position(a), position(b)) == Ordering::Equal);
        for run in runs {
            let first = run.iter().copied().min().unwrap_or_default();
            for &vertex in run {
                place[vertex as usize] = first;
            }
            for run in run.chunk_by(|&a, &b| compare(uv(a), uv(b)) == Ordering::Equal) {
                for &vertex in run {
                    texture_place[vertex as usize] = run[0];
                }
            }
        }
        Self { place, texture_place }
    }
}

/// By the first number that differs. 0 and −0 are equal; nothing else is unless its bits are.
fn compare<const N: usize>(a: [f32; N], b: [f32; N]) -> Ordering {
    let differing = a.into_iter().zip(b).map(|(a, b)| (a + 0.0).total_cmp(&(b + 0.0)));
    differing.fold(Ordering::Equal, Ordering::then)
}

/// The sides of all faces, by the place of the end that comes first.
fn edges_by_place(mesh: &CanonicalMesh, place: &[u32]) -> Grouped<Edge> {
    let edge = move |face: u32, [a, b]: [u32; 2]| {
        let places = [place[a as usize], place[b as usize]];
        let (ends, [first, other]) =
            if places[0] <= places[1] { ([a, b], places) } else { ([b, a], [places[1], places[0]]) };
        (first as usize, Edge { other_place: other, face, ends })
    };
    let edges = (0..)
        .zip(&mesh.faces)
        .flat_map(move |(face, &[a, b, c])| [[a, b], [b, c], [c, a]].map(|ends| edge(face, ends)));
    Grouped::new(place.len(), edges)
}

/// Disjoint sets of numbers; each is known by its least member.
pub(super) struct Partition(Vec<u32>);

impl Partition {
    pub(super) fn new(count: usize) -> Self {
        Self((0..count as u32).collect())
    }

    pub(super) fn find(&mut self, mut member: u32) -> u32 {
        while self.0[member as usize] != member {
            let parent = self.0[member as usize];
            self.0[member as usize] = self.0[parent as usize];
            member = parent;
        }
        member
    }

    pub(super) fn unite(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        self.0[a.max(b) as usize] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use glam::{Vec2, Vec3};

    use super::*;

    #[test]
    fn a_seam_is_where_the_surface_goes_on_elsewhere_in_the_texture() {
        // A square of two triangles that lie apart in the texture, and a third triangle on one of them.
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
    fn unwelded_faces_that_touch_in_space_and_texture_are_one_chart() {
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
