//! Cuts a mesh into charts: nearly flat pieces with short borders.
//!
//! Charts grow one after another by adding the cheapest adjacent face (as in xatlas and uvunwrap).
//! The cost of a face grows with its angle to the chart's mean normal and with the crease between
//! face and chart, and is lower for a face that fills a notch. Then small charts are merged into
//! the neighbor with the longest common border, and faces that stick out of a border are moved to
//! the chart that they stick into.

use std::{cmp::Ordering, collections::BinaryHeap};

use glam::DVec3;

use super::welded_mesh::{NONE, WeldedMesh};

/// Cosine of the largest angle, 70°, between a face's normal and its chart's mean normal.
const FACING_MIN: f64 = 0.342;
/// Cosine of the largest crease, 30°, across which normals are averaged.
const SMOOTH_MIN: f64 = 0.866;
/// Number of times that normals are averaged. The noisy normals of scans would give charts ragged
/// borders.
const SMOOTHING_ROUNDS: usize = 8;

/// Weights of the terms of [`Segmentation::cost`].
const FACING_WEIGHT: f64 = 2.0;
const NOTCH_WEIGHT: f64 = 6.0;
const CREASE_WEIGHT: f64 = 4.0;
/// Cost above which a face is not added to a chart.
const COST_MAX: f64 = 2.0;

/// Properties of a chart or a face that can be summed.
#[derive(Clone, Copy)]
struct Shape {
    /// Sum of the normals of its faces, weighted by area.
    normals: DVec3,
    area: f64,
    /// Length of the border.
    border: f64,
}

impl Shape {
    /// Returns the mean normal.
    fn direction(&self) -> DVec3 {
        self.normals.normalize_or(DVec3::Z)
    }
}

/// Cuts a mesh into charts and returns the faces of each chart.
///
/// Every face with an area belongs to one chart. The faces of a chart are connected across edges.
/// `report` receives the number of faces of each grown chart; its errors end the work and are
/// returned.
pub(super) fn segment<E>(
    mesh: &WeldedMesh,
    mut report: impl FnMut(usize) -> Result<(), E>,
) -> Result<Vec<Vec<u32>>, E> {
    let mut charts = Segmentation {
        mesh,
        normals: smooth_normals(mesh),
        perimeters: (0..mesh.faces.len() as u32)
            .map(|face| (0..3).map(|k| mesh.edge_length(face, k)).sum())
            .collect(),
        chart_of: vec![NONE; mesh.faces.len()],
        faces: Vec::new(),
        shapes: Vec::new(),
    };
    let mut seeds: Vec<u32> =
        (0..mesh.faces.len() as u32).filter(|&face| mesh.areas[face as usize] > 0.0).collect();
    let area = |face: &u32| mesh.areas[*face as usize];
    seeds.sort_by(|a, b| area(b).total_cmp(&area(a)).then(a.cmp(b)));
    for seed in seeds {
        if charts.chart_of[seed as usize] == NONE {
            report(charts.grow(seed))?;
        }
    }
    charts.merge();
    charts.smooth_borders();
    let mut members = vec![Vec::new(); charts.faces.len()];
    for (face, &chart) in (0..).zip(&charts.chart_of).filter(|(_, chart)| **chart != NONE) {
        members[chart as usize].push(face);
    }
    members.retain(|faces| !faces.is_empty());
    Ok(members)
}

/// Charts during the segmentation.
struct Segmentation<'a> {
    mesh: &'a WeldedMesh,
    /// Smoothed normal of each face.
    normals: Vec<DVec3>,
    /// Perimeter of each face.
    perimeters: Vec<f64>,
    /// Chart of each face, or [`NONE`].
    chart_of: Vec<u32>,
    /// Faces of each chart; empty for a chart that was merged into another.
    faces: Vec<Vec<u32>>,
    /// Shape of each chart.
    shapes: Vec<Shape>,
}

impl Segmentation<'_> {
    /// Grows a new chart from a face until no further face can be added; returns its number of
    /// faces.
    fn grow(&mut self, seed: u32) -> usize {
        let chart = self.faces.len() as u32;
        let mut faces = vec![seed];
        let mut shape = self.shape(seed);
        self.chart_of[seed as usize] = chart;
        let mut heap = BinaryHeap::new();
        self.push_neighbors(&mut heap, &shape, chart, seed);
        while let Some(Candidate { cost: queued, face }) = heap.pop() {
            if self.chart_of[face as usize] != NONE {
                continue;
            }
            // The chart has changed since the face was queued: if the cost has risen, queue the
            // face again.
            let Some(cost) = self.cost(&shape, chart, face) else { continue };
            if cost > queued + 1e-9 {
                heap.push(Candidate { cost, face });
                continue;
            }
            self.chart_of[face as usize] = chart;
            faces.push(face);
            let added = self.shape(face);
            shape.normals += added.normals;
            shape.area += added.area;
            shape.border += added.border - 2.0 * self.length_towards(face, chart);
            self.push_neighbors(&mut heap, &shape, chart, face);
        }
        let count = faces.len();
        self.faces.push(faces);
        self.shapes.push(shape);
        count
    }

    fn push_neighbors(&self, heap: &mut BinaryHeap<Candidate>, shape: &Shape, chart: u32, face: u32) {
        for other in self.mesh.neighbors[face as usize] {
            if other != NONE && self.chart_of[other as usize] == NONE {
                heap.extend(self.cost(shape, chart, other).map(|cost| Candidate { cost, face: other }));
            }
        }
    }

    fn shape(&self, face: u32) -> Shape {
        let i = face as usize;
        let area = self.mesh.areas[i];
        Shape { normals: self.normals[i] * area, area, border: self.perimeters[i] }
    }

    /// Returns the length of the edges that a face shares with a chart.
    fn length_towards(&self, face: u32, chart: u32) -> f64 {
        let towards = |k: &usize| {
            let other = self.mesh.neighbors[face as usize][*k];
            other != NONE && self.chart_of[other as usize] == chart
        };
        (0..3).filter(towards).map(|k| self.mesh.edge_length(face, k)).sum()
    }

    /// Returns the cost of adding an adjacent face to a chart; `None` if the face must not be
    /// added.
    fn cost(&self, shape: &Shape, chart: u32, face: u32) -> Option<f64> {
        let facing = self.normals[face as usize].dot(shape.direction());
        if facing < FACING_MIN {
            return None;
        }
        let (mut inside, mut crease) = (0.0, 0.0);
        for (k, &other) in self.mesh.neighbors[face as usize].iter().enumerate() {
            if other != NONE && self.chart_of[other as usize] == chart {
                let length = self.mesh.edge_length(face, k);
                let bend = self.mesh.normals[face as usize].dot(self.mesh.normals[other as usize]);
                inside += length;
                crease += length * (1.0 - bend).max(0.0);
            }
        }
        let outside = self.perimeters[face as usize] - inside;
        let notch = ((outside - inside) / (outside + inside)).min(0.0);
        let cost = FACING_WEIGHT * (1.0 - facing) + NOTCH_WEIGHT * notch + CREASE_WEIGHT * crease / inside;
        (cost <= COST_MAX).then_some(cost)
    }

    /// Merges small charts, and charts that share most of their border with one neighbor, into that
    /// neighbor. All faces must stay within [`FACING_MIN`] of the merged chart's mean normal.
    fn merge(&mut self) {
        let total: f64 = self.shapes.iter().map(|shape| shape.area).sum();
        let small = total / self.faces.len().max(1) as f64 / 4.0;
        loop {
            let mut order: Vec<usize> =
                (0..self.faces.len()).filter(|&c| !self.faces[c].is_empty()).collect();
            let area = |c: usize| self.shapes[c].area;
            order.sort_by(|&a, &b| area(a).total_cmp(&area(b)).then(a.cmp(&b)));
            let merged = order.into_iter().filter(|&chart| self.merge_one(chart, small)).count();
            if merged == 0 {
                return;
            }
        }
    }

    fn merge_one(&mut self, chart: usize, small: f64) -> bool {
        let Some((into, shared)) = self.closest_neighbor(chart) else { return false };
        let (a, b) = (self.shapes[chart], self.shapes[into]);
        let share = shared / a.border;
        if !(share >= 0.5 || (a.area < small && share >= 0.25) || a.area < small * 0.1) {
            return false;
        }
        let shape = Shape {
            normals: a.normals + b.normals,
            area: a.area + b.area,
            border: a.border + b.border - 2.0 * shared,
        };
        let direction = shape.direction();
        let mut faces = self.faces[chart].iter().chain(&self.faces[into]);
        if !faces.all(|&face| self.normals[face as usize].dot(direction) >= FACING_MIN) {
            return false;
        }
        let moved = std::mem::take(&mut self.faces[chart]);
        moved.iter().for_each(|&face| self.chart_of[face as usize] = into as u32);
        self.faces[into].extend(moved);
        self.shapes[into] = shape;
        true
    }

    /// Returns the chart with the longest common border, and the length of that border.
    fn closest_neighbor(&self, chart: usize) -> Option<(usize, f64)> {
        let mut shared: Vec<(u32, f64)> = Vec::new();
        for &face in &self.faces[chart] {
            for (k, &other) in self.mesh.neighbors[face as usize].iter().enumerate() {
                let other = if other == NONE { NONE } else { self.chart_of[other as usize] };
                if other == NONE || other == chart as u32 {
                    continue;
                }
                let length = self.mesh.edge_length(face, k);
                match shared.iter_mut().find(|(into, _)| *into == other) {
                    Some((_, sum)) => *sum += length,
                    None => shared.push((other, length)),
                }
            }
        }
        let longest = shared.into_iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        longest.map(|(into, length)| (into as usize, length))
    }

    /// Moves faces with two edges along another chart to that chart. Such a face is connected to
    /// its own chart by at most one edge, so its chart stays connected.
    fn smooth_borders(&mut self) {
        let directions: Vec<DVec3> = self.shapes.iter().map(Shape::direction).collect();
        for _ in 0..4 {
            let mut moved = false;
            for face in 0..self.chart_of.len() {
                let own = self.chart_of[face];
                let chart_beyond = |face: u32| if face == NONE { NONE } else { self.chart_of[face as usize] };
                let [a, b, c] = self.mesh.neighbors[face].map(chart_beyond);
                let other = if a == b || a == c { a } else { b };
                let twice = [a, b, c].iter().filter(|&&chart| chart == other).count() >= 2;
                if own == NONE || other == NONE || other == own || !twice {
                    continue;
                }
                if self.normals[face].dot(directions[other as usize]) >= FACING_MIN {
                    self.chart_of[face] = other;
                    moved = true;
                }
            }
            if !moved {
                return;
            }
        }
    }
}

/// Returns the face normals, averaged over neighbors with area weights, but not across creases.
fn smooth_normals(mesh: &WeldedMesh) -> Vec<DVec3> {
    let smooth: Vec<[u32; 3]> = mesh
        .neighbors
        .iter()
        .zip(&mesh.normals)
        .map(|(neighbors, normal)| {
            let is_smooth =
                |other: u32| other != NONE && normal.dot(mesh.normals[other as usize]) >= SMOOTH_MIN;
            neighbors.map(|other| if is_smooth(other) { other } else { NONE })
        })
        .collect();
    let mut sums: Vec<DVec3> =
        mesh.normals.iter().zip(&mesh.areas).map(|(normal, area)| *normal * *area).collect();
    for _ in 0..SMOOTHING_ROUNDS {
        let around = |neighbors: &[u32; 3]| -> DVec3 {
            neighbors.iter().filter(|&&other| other != NONE).map(|&other| sums[other as usize]).sum()
        };
        sums = sums.iter().zip(&smooth).map(|(sum, neighbors)| *sum + around(neighbors)).collect();
    }
    sums.iter().zip(&mesh.normals).map(|(sum, normal)| sum.normalize_or(*normal)).collect()
}

/// A face that may be added to a chart. Candidates with lower costs are greater, since `BinaryHeap`
/// pops the greatest.
struct Candidate {
    cost: f64,
    face: u32,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        other.cost.total_cmp(&self.cost).then(other.face.cmp(&self.face))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}
