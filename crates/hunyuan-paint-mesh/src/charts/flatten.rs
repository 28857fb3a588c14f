//! Flattens charts into the plane, as rigidly as possible. Charts that would fold, overlap or be
//! distorted too much are split.

use std::collections::HashMap;

use glam::{DVec2, DVec3, Vec2};

use super::{cholesky::MeshMatrix, overlap::find_overlap, welded_mesh::WeldedMesh};

/// Rounds of the local step (a rotation for each face) and the global step (fitting the chart to
/// all rotated faces). More rounds change little.
const ROUNDS: usize = 10;
/// Largest distortion of areas: the mean over the surface of max(r, 1 / r), where r is the ratio of
/// flattened to original area, each relative to the whole chart.
const DISTORTION_MAX: f64 = 1.25;
/// Largest distortion with which a projection is used as it is.
const PROJECTION_DISTORTION_MAX: f64 = 1.005;
/// Smallest area of a flattened face, relative to the chart. Faces below it count as degenerate or
/// folded.
const AREA_MIN: f64 = 1e-11;
/// Number of faces up to which a flawed chart is not split. uvunwrap checks charts again and
/// unwraps flawed ones itself.
const UNSPLIT_FACES_MAX: usize = 16;
/// Largest depth of recursive splits.
const DEPTH_MAX: usize = 32;

/// A piece of the surface and its UVs.
pub(super) struct Chart {
    /// Faces of the mesh.
    pub(super) faces: Vec<u32>,
    /// Vertices of each face, numbered within the chart.
    pub(super) corners: Vec<[u32; 3]>,
    /// UV of each vertex of the chart, 0 to 1.
    pub(super) uvs: Vec<Vec2>,
}

/// Flattens connected faces into one chart, or into several if one would be flawed.
///
/// `done` receives the number of faces of each finished chart and returns whether to continue.
/// After it has returned `false`, the result is incomplete and must be discarded.
pub(super) fn flatten(
    mesh: &WeldedMesh,
    faces: Vec<u32>,
    done: &(impl Fn(usize) -> bool + Sync),
) -> Vec<Chart> {
    flatten_at_depth(mesh, faces, 0, done)
}

fn flatten_at_depth(
    mesh: &WeldedMesh,
    faces: Vec<u32>,
    depth: usize,
    done: &(impl Fn(usize) -> bool + Sync),
) -> Vec<Chart> {
    if !done(0) {
        return Vec::new();
    }
    let patch = Patch::new(mesh, faces);
    let projected = patch.project();
    let mut uvs = fit(&projected);
    let mut verdict = patch.check(&uvs, PROJECTION_DISTORTION_MAX);
    if verdict.is_err()
        && let Some(relaxed) = patch.relax(projected)
    {
        uvs = fit(&relaxed);
        verdict = patch.check(&uvs, DISTORTION_MAX);
    }
    match verdict {
        Err(overlap) if patch.faces.len() > UNSPLIT_FACES_MAX && depth < DEPTH_MAX => {
            let (a, b) = patch.split(overlap);
            let (mut charts, rest) = rayon::join(
                || flatten_at_depth(mesh, a, depth + 1, done),
                || flatten_at_depth(mesh, b, depth + 1, done),
            );
            charts.extend(rest);
            charts
        }
        _ => {
            done(patch.faces.len());
            vec![Chart { faces: patch.faces, corners: patch.corners, uvs }]
        }
    }
}

/// Returns the points in single precision, moved and uniformly scaled to fit 0 to 1.
fn fit(points: &[DVec2]) -> Vec<Vec2> {
    let (min, max) =
        points.iter().fold((DVec2::INFINITY, DVec2::NEG_INFINITY), |(min, max), &p| (min.min(p), max.max(p)));
    let size = (max - min).max_element();
    points.iter().map(|&p| ((p - min) / size).as_vec2()).collect()
}

/// Two overlapping faces of a chart, if that is its flaw.
type Overlap = Option<(usize, usize)>;

/// Faces of a mesh, with vertices numbered within the patch.
struct Patch<'a> {
    mesh: &'a WeldedMesh,
    faces: Vec<u32>,
    corners: Vec<[u32; 3]>,
    positions: Vec<DVec3>,
}

impl<'a> Patch<'a> {
    fn new(mesh: &'a WeldedMesh, faces: Vec<u32>) -> Self {
        let mut positions = Vec::new();
        let mut own = HashMap::with_capacity(faces.len());
        let mut number = |vertex: u32| {
            *own.entry(vertex).or_insert_with(|| {
                positions.push(mesh.positions[vertex as usize]);
                positions.len() as u32 - 1
            })
        };
        let corners = faces.iter().map(|&face| mesh.faces[face as usize].map(&mut number)).collect();
        Self { mesh, faces, corners, positions }
    }

    fn area(&self, i: usize) -> f64 {
        self.mesh.areas[self.faces[i] as usize]
    }

    /// Returns the vertices projected along the mean normal.
    fn project(&self) -> Vec<DVec2> {
        let weighted = |&face: &u32| self.mesh.normals[face as usize] * self.mesh.areas[face as usize];
        let first = self.faces.first().map_or(DVec3::Z, |&face| self.mesh.normals[face as usize]);
        let normal = self.faces.iter().map(weighted).sum::<DVec3>().normalize_or(first);
        let (x, y) = normal.any_orthonormal_pair();
        let origin = self.positions.first().copied().unwrap_or_default();
        self.positions.iter().map(|&p| DVec2::new((p - origin).dot(x), (p - origin).dot(y))).collect()
    }

    /// Returns an as-rigid-as-possible parameterization (Liu et al., "A Local/Global Approach to
    /// Mesh Parameterization", 2008), starting from `points`. `None` if the matrix cannot be
    /// factorized (see [`MeshMatrix::factorize`]).
    fn relax(&self, mut points: Vec<DVec2>) -> Option<Vec<DVec2>> {
        let gradients: Vec<[DVec2; 3]> = self.corners.iter().map(|corners| self.gradients(corners)).collect();
        let mut matrix = MeshMatrix::zero(self.positions.len());
        for (i, (corners, gradients)) in self.corners.iter().zip(&gradients).enumerate() {
            for k in 0..3 {
                let next = (k + 1) % 3;
                matrix.add_diagonal(corners[k], self.area(i) * gradients[k].length_squared());
                matrix.add_pair(corners[k], corners[next], self.area(i) * gradients[k].dot(gradients[next]));
            }
        }
        let factor = matrix.factorize(&self.positions)?;
        let mut right = vec![DVec2::ZERO; points.len()];
        for _ in 0..ROUNDS {
            right.fill(DVec2::ZERO);
            for (i, (corners, gradients)) in self.corners.iter().zip(&gradients).enumerate() {
                let (mut x, mut y) = (DVec2::ZERO, DVec2::ZERO);
                for (&corner, gradient) in corners.iter().zip(gradients) {
                    x += points[corner as usize] * gradient.x;
                    y += points[corner as usize] * gradient.y;
                }
                // First column of the rotation closest to the map with the columns x and y, times
                // the face's area.
                let rotation = DVec2::new(x.x + y.y, x.y - y.x).normalize_or(DVec2::X) * self.area(i);
                for (&corner, gradient) in corners.iter().zip(gradients) {
                    right[corner as usize] += rotation * gradient.x + rotation.perp() * gradient.y;
                }
            }
            points = factor.solve(&right);
        }
        Some(points)
    }

    /// Returns the gradients of the three hat functions (barycentric coordinates) of a face, in a
    /// local orthonormal frame.
    fn gradients(&self, corners: &[u32; 3]) -> [DVec2; 3] {
        let [a, b, c] = corners.map(|i| self.positions[i as usize]);
        let (to_b, to_c) = (b - a, c - a);
        let length = to_b.length();
        let (x, y) = (to_c.dot(to_b) / length, to_b.cross(to_c).length() / length);
        [
            DVec2::new(-1.0 / length, (x - length) / (length * y)),
            DVec2::new(1.0 / length, -x / (length * y)),
            DVec2::new(0.0, 1.0 / y),
        ]
    }

    /// Checks that no face is flipped or degenerate, the distortion is at most `distortion_max`,
    /// and no faces overlap.
    fn check(&self, uvs: &[Vec2], distortion_max: f64) -> Result<(), Overlap> {
        let triangle = |corners: &[u32; 3]| corners.map(|i| uvs[i as usize].as_dvec2());
        let areas: Vec<f64> = self
            .corners
            .iter()
            .map(|corners| {
                let [a, b, c] = triangle(corners);
                (b - a).perp_dot(c - a) / 2.0
            })
            .collect();
        let total: f64 = areas.iter().sum();
        let total_surface: f64 = (0..self.faces.len()).map(|i| self.area(i)).sum();
        // Negated so that NaN fails as well.
        if !areas.iter().all(|&area| area > total * AREA_MIN) {
            return Err(None);
        }
        let scale = total_surface / total;
        let distortion: f64 = areas
            .iter()
            .enumerate()
            .map(|(i, area)| {
                let ratio = area * scale / self.area(i);
                self.area(i) * ratio.max(1.0 / ratio)
            })
            .sum();
        if distortion > distortion_max * total_surface {
            return Err(None);
        }
        let triangles: Vec<_> = self.corners.iter().map(triangle).collect();
        find_overlap(&triangles).map_or(Ok(()), |faces| Err(Some(faces)))
    }

    /// Splits the faces in two, by whether they are fewer steps across edges away from one seed
    /// face or from the other. The seeds are the overlapping faces, if any, or else two faces that
    /// are far apart.
    fn split(self, overlap: Overlap) -> (Vec<u32>, Vec<u32>) {
        let number: HashMap<u32, usize> = self.faces.iter().enumerate().map(|(i, &face)| (face, i)).collect();
        let neighbors: Vec<[Option<usize>; 3]> = self
            .faces
            .iter()
            .map(|&face| self.mesh.neighbors[face as usize].map(|other| number.get(&other).copied()))
            .collect();
        let (a, b) = overlap.unwrap_or_else(|| {
            let a = farthest(&steps_from(0, &neighbors));
            (a, farthest(&steps_from(a, &neighbors)))
        });
        let (from_a, from_b) = (steps_from(a, &neighbors), steps_from(b, &neighbors));
        let (near_a, near_b): (Vec<_>, Vec<_>) =
            self.faces.iter().enumerate().partition(|(i, _)| from_a[*i] <= from_b[*i]);
        let faces = |part: Vec<(usize, &u32)>| part.into_iter().map(|(_, &face)| face).collect();
        (faces(near_a), faces(near_b))
    }
}

/// Returns the number of steps across edges from `start` to each face; `u32::MAX` for unreachable
/// faces.
fn steps_from(start: usize, neighbors: &[[Option<usize>; 3]]) -> Vec<u32> {
    let mut steps = vec![u32::MAX; neighbors.len()];
    steps[start] = 0;
    let mut queue = vec![start];
    let mut i = 0;
    while let Some(&face) = queue.get(i) {
        i += 1;
        for other in neighbors[face].into_iter().flatten() {
            if steps[other] == u32::MAX {
                steps[other] = steps[face] + 1;
                queue.push(other);
            }
        }
    }
    steps
}

/// Returns the reachable face with the most steps.
fn farthest(steps: &[u32]) -> usize {
    (0..steps.len()).filter(|&i| steps[i] != u32::MAX).max_by_key(|&i| steps[i]).unwrap_or(0)
}
