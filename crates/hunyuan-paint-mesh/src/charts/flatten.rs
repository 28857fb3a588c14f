//! Flattens charts: each into the plane, as rigidly as possible, without folds or overlaps; what cannot be is split.

use std::collections::HashMap;

use glam::{DVec2, DVec3, Vec2};

use super::{cholesky::MeshMatrix, overlap::find_overlap, surface::Surface};

/// Rounds of turning every face on its own and fitting the chart to all of them. More change little.
const ROUNDS: usize = 10;
/// How far areas may be off on average: the mean of the larger of r and 1 / r over the surface.
const DISTORTION_MAX: f64 = 1.25;
/// A projection that keeps areas this well is left as it is.
const PROJECTION_DISTORTION_MAX: f64 = 1.005;
/// Flattened faces need this share of the chart's area to be told from a point.
const AREA_MIN: f64 = 1e-11;
/// Charts this small are handed on as they are: the unwrapper checks them again and has its own ways with them.
const SMALL: usize = 16;
/// How often a chart is split in two, and those again.
const DEPTH_MAX: usize = 32;

/// A piece of the surface, and its place in the plane.
pub(super) struct Chart {
    pub(super) faces: Vec<u32>,
    /// The chart's own vertices of each face.
    pub(super) corners: Vec<[u32; 3]>,
    /// Of each of the chart's vertices, in 0 to 1.
    pub(super) uvs: Vec<Vec2>,
}

/// Flattens the faces, which are connected, as one chart if that goes well, as several otherwise. `done` hears of the
/// number of faces of each chart and says whether to go on; if not, what is returned is of no use.
pub(super) fn flatten(
    surface: &Surface,
    faces: Vec<u32>,
    done: &(impl Fn(usize) -> bool + Sync),
) -> Vec<Chart> {
    flatten_at_depth(surface, faces, 0, done)
}

fn flatten_at_depth(
    surface: &Surface,
    faces: Vec<u32>,
    depth: usize,
    done: &(impl Fn(usize) -> bool + Sync),
) -> Vec<Chart> {
    if !done(0) {
        return Vec::new();
    }
    let patch = Patch::new(surface, faces);
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
        Err(clash) if patch.faces.len() > SMALL && depth < DEPTH_MAX => {
            let (a, b) = patch.split(clash);
            let (mut charts, rest) = rayon::join(
                || flatten_at_depth(surface, a, depth + 1, done),
                || flatten_at_depth(surface, b, depth + 1, done),
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

/// The points moved and scaled into 0 to 1, in single precision.
fn fit(points: &[DVec2]) -> Vec<Vec2> {
    let (min, max) =
        points.iter().fold((DVec2::INFINITY, DVec2::NEG_INFINITY), |(min, max), &p| (min.min(p), max.max(p)));
    let size = (max - min).max_element();
    points.iter().map(|&p| ((p - min) / size).as_vec2()).collect()
}

/// Where a chart laps over itself: two of its faces.
type Clash = Option<(usize, usize)>;

/// Faces with their own numbering of vertices.
struct Patch<'a> {
    surface: &'a Surface,
    faces: Vec<u32>,
    corners: Vec<[u32; 3]>,
    positions: Vec<DVec3>,
}

impl<'a> Patch<'a> {
    fn new(surface: &'a Surface, faces: Vec<u32>) -> Self {
        let mut positions = Vec::new();
        let mut own = HashMap::with_capacity(faces.len());
        let mut number = |vertex: u32| {
            *own.entry(vertex).or_insert_with(|| {
                positions.push(surface.positions[vertex as usize]);
                positions.len() as u32 - 1
            })
        };
        let corners = faces.iter().map(|&face| surface.faces[face as usize].map(&mut number)).collect();
        Self { surface, faces, corners, positions }
    }

    fn area(&self, i: usize) -> f64 {
        self.surface.areas[self.faces[i] as usize]
    }

    /// As seen along the mean normal.
    fn project(&self) -> Vec<DVec2> {
        let weighted = |&face: &u32| self.surface.normals[face as usize] * self.surface.areas[face as usize];
        let first = self.faces.first().map_or(DVec3::Z, |&face| self.surface.normals[face as usize]);
        let normal = self.faces.iter().map(weighted).sum::<DVec3>().normalize_or(first);
        let (x, y) = normal.any_orthonormal_pair();
        let origin = self.positions.first().copied().unwrap_or_default();
        self.positions.iter().map(|&p| DVec2::new((p - origin).dot(x), (p - origin).dot(y))).collect()
    }

    /// As rigid as possible (Liu et al., "A Local/Global Approach to Mesh Parameterization", 2008), from a first
    /// guess. `None` if the shape of the faces defies the numbers.
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
                // The rotation closest to the map whose columns are x and y.
                let turned = DVec2::new(x.x + y.y, x.y - y.x).normalize_or(DVec2::X) * self.area(i);
                for (&corner, gradient) in corners.iter().zip(gradients) {
                    right[corner as usize] += turned * gradient.x + turned.perp() * gradient.y;
                }
            }
            points = factor.solve(&right);
        }
        Some(points)
    }

    /// The gradients of the three hat functions on a face, in a frame of its own.
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

    /// Whether no face is folded over, areas are true enough, and no two faces lie upon one another.
    fn check(&self, uvs: &[Vec2], distortion_max: f64) -> Result<(), Clash> {
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
        // Not a number is not all right, either.
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

    /// The faces that are closer to one of two faces, and those that are closer to the other, counted in steps over
    /// edges. The two are those that clash, or lie far apart.
    fn split(self, clash: Clash) -> (Vec<u32>, Vec<u32>) {
        let number: HashMap<u32, usize> = self.faces.iter().enumerate().map(|(i, &face)| (face, i)).collect();
        let neighbors: Vec<[Option<usize>; 3]> = self
            .faces
            .iter()
            .map(|&face| self.surface.neighbors[face as usize].map(|other| number.get(&other).copied()))
            .collect();
        let (a, b) = clash.unwrap_or_else(|| {
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

/// The number of steps to each face; `u32::MAX` where none lead.
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

fn farthest(steps: &[u32]) -> usize {
    (0..steps.len()).filter(|&i| steps[i] != u32::MAX).max_by_key(|&i| steps[i]).unwrap_or(0)
}
