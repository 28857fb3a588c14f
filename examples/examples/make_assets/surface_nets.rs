//! Converts a distance field to a closed mesh with surface nets (Gibson, "Constrained elastic surface nets", 1998).
//! Vertices are relaxed on the surface itself rather than within their cells.

use std::{array, collections::HashSet};

use glam::Vec3;
use rayon::prelude::*;

use crate::distance::normal;

/// How often vertices move towards their neighbors and back onto the surface.
const RELAXATION_STEPS: usize = 6;

/// Samples of a distance field at the points of a cubic lattice.
///
/// A cell has the index of its corner with the smallest coordinates.
struct Lattice {
    origin: Vec3,
    cell: f32,
    /// Points along x, y and z.
    counts: [usize; 3],
    samples: Vec<f32>,
}

impl Lattice {
    fn new(distance: impl Fn(Vec3) -> f32 + Sync, [min, max]: [Vec3; 2], cell: f32) -> Self {
        let counts = ((max - min) / cell).to_array().map(|count| count.ceil() as usize + 1);
        let mut lattice = Self { origin: min, cell, counts, samples: Vec::new() };
        let points = (0..counts.iter().product()).into_par_iter();
        lattice.samples = points.map(|i| distance(lattice.position(i))).collect();
        lattice
    }

    fn coordinates(&self, index: usize) -> [usize; 3] {
        let [x, y, _] = self.counts;
        [index % x, index / x % y, index / (x * y)]
    }

    fn position(&self, index: usize) -> Vec3 {
        self.origin + Vec3::from_array(self.coordinates(index).map(|i| i as f32)) * self.cell
    }

    /// Returns the index distance between neighbors along x, y and z.
    fn strides(&self) -> [usize; 3] {
        let [x, y, _] = self.counts;
        [1, x, x * y]
    }

    /// Returns where the surface crosses the edge between two points, if it does.
    fn crossing(&self, from: usize, to: usize) -> Option<Vec3> {
        let (a, b) = (self.samples[from], self.samples[to]);
        ((a < 0.0) != (b < 0.0)).then(|| self.position(from).lerp(self.position(to), a / (a - b)))
    }

    /// Returns the center of the crossings on a cell's edges; `None` if the surface misses the cell.
    fn vertex(&self, cell: usize) -> Option<Vec3> {
        if (0..3).any(|axis| self.coordinates(cell)[axis] + 1 == self.counts[axis]) {
            return None;
        }
        let strides = self.strides();
        let edges = (0..3).flat_map(|axis| {
            let [along, across, up] = array::from_fn(|i| strides[(axis + i) % 3]);
            [0, across, up, across + up].map(|offset| (cell + offset, cell + offset + along))
        });
        let crossings: Vec<Vec3> = edges.filter_map(|(from, to)| self.crossing(from, to)).collect();
        (!crossings.is_empty()).then(|| crossings.iter().sum::<Vec3>() / crossings.len() as f32)
    }
}

/// Meshes the zero set of a distance field that is positive outside `bounds`. Returns positions, and triangles that
/// are counter-clockwise from outside.
pub(crate) fn polygonize(
    distance: impl Fn(Vec3) -> f32 + Sync,
    bounds: [Vec3; 2],
    cell: f32,
) -> (Vec<Vec3>, Vec<[u32; 3]>) {
    let (mut positions, quads) = net(&Lattice::new(&distance, bounds, cell));
    for _ in 0..RELAXATION_STEPS {
        relax(&mut positions, &quads);
        positions.par_iter_mut().for_each(|p| *p -= normal(&distance, *p, 0.1 * cell) * distance(*p));
    }
    let faces = quads.iter().flat_map(|&quad| split(quad, &positions)).collect();
    (positions, faces)
}

/// Returns a vertex for every cell that the surface passes through, and a quadrilateral for every lattice edge that it
/// crosses.
fn net(lattice: &Lattice) -> (Vec<Vec3>, Vec<[u32; 4]>) {
    let points = 0..lattice.samples.len();
    let mut vertex_of_cell = Vec::with_capacity(points.len());
    let mut positions = Vec::new();
    for cell in points.clone() {
        vertex_of_cell.push(positions.len() as u32);
        positions.extend(lattice.vertex(cell));
    }
    let mut quads = Vec::new();
    for point in points {
        for axis in 0..3 {
            let [along, across, up] = array::from_fn(|i| lattice.strides()[(axis + i) % 3]);
            let is_last = lattice.coordinates(point)[axis] + 1 == lattice.counts[axis];
            if is_last || lattice.crossing(point, point + along).is_none() {
                continue;
            }
            let mut quad = [0, across, across + up, up].map(|back| vertex_of_cell[point - back]);
            if lattice.samples[point] >= 0.0 {
                quad.reverse();
            }
            quads.push(quad);
        }
    }
    (positions, quads)
}

/// Moves every vertex halfway to the mean of its neighbors.
fn relax(positions: &mut [Vec3], quads: &[[u32; 4]]) {
    let mut sums = vec![(Vec3::ZERO, 0.0); positions.len()];
    for &[a, b, c, d] in quads {
        for (from, to) in [(a, b), (b, c), (c, d), (d, a)] {
            let (sum, count) = &mut sums[to as usize];
            *sum += positions[from as usize];
            *count += 1.0;
        }
    }
    for (position, (sum, count)) in positions.iter_mut().zip(sums) {
        *position = position.lerp(sum / count, 0.5);
    }
}

/// Splits a quadrilateral into two triangles along its shorter diagonal.
fn split([a, b, c, d]: [u32; 4], positions: &[Vec3]) -> [[u32; 3]; 2] {
    let length = |from: u32, to: u32| positions[from as usize].distance_squared(positions[to as usize]);
    if length(a, c) <= length(b, d) { [[a, b, c], [a, c, d]] } else { [[b, c, d], [b, d, a]] }
}

/// Checks that every edge belongs to two triangles, which run through it in opposite directions.
pub(crate) fn check_closed(faces: &[[u32; 3]]) -> Result<(), &'static str> {
    let edges = || faces.iter().flat_map(|&[a, b, c]| [(a, b), (b, c), (c, a)]);
    let directed: HashSet<(u32, u32)> = edges().collect();
    let closed = directed.len() == 3 * faces.len() && edges().all(|(a, b)| directed.contains(&(b, a)));
    closed.then_some(()).ok_or("the mesh is not a closed manifold: choose another size of cells")
}
