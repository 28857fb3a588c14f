//! The texels that have no color yet, and their neighbors on the surface.

use glam::Vec2;
use hunyuan_paint_mesh::CanonicalMesh;
use hunyuan_paint_raster::{NO_FACE, VisibilityBuffer, interpolate_at};
use image::RgbImage;
use rayon::prelude::*;

use super::{
    charts::{Charts, Seam},
    diffusion::{Anchor, Graph, Link, Place},
};
use crate::texels::{mean_texel_side, neighbors};

/// Blank texels that a thread takes at a time.
const NODES_PER_SHARE: usize = 1 << 13;

/// The blank texels of a texture's charts as the nodes of a graph.
///
/// Neighbors are the four texels around one, where they belong to the same chart, and across a seam the texels
/// that the same point of the surface lies in; on a seam there is a link for each texel of its length.
pub(super) struct SurfaceGraph {
    /// The texel of each node, row by row.
    pub(super) texels: Vec<u32>,
    pub(super) graph: Graph,
}

impl SurfaceGraph {
    pub(super) fn new(
        mesh: &CanonicalMesh,
        charts: &VisibilityBuffer,
        image: &RgbImage,
        painted: &[u8],
    ) -> Self {
        let is_blank =
            |texel: &u32| charts.face_index[*texel as usize] != NO_FACE && painted[*texel as usize] == 0;
        let texels: Vec<u32> = (0..painted.len() as u32).into_par_iter().filter(is_blank).collect();
        if texels.is_empty() {
            return Self { texels, graph: Graph::default() };
        }
        let nodes = Nodes::new(&texels, charts.width, painted);

        let Charts { chart_of_face, seams } = Charts::new(mesh);
        // In units of a texel's side.
        let scale = (1.0 / mean_texel_side(mesh, charts)) as f32;
        let places: Vec<Place> =
            mesh.positions.iter().map(|position| (position * scale).to_array()).collect();
        let lookup = Lookup { mesh, places: &places, charts, chart_of_face: &chart_of_face, nodes: &nodes };
        let across = lookup.across_seams(&seams);
        let colors = image.as_chunks::<3>().0;
        let share_graph = |(share, share_texels): (usize, &[u32])| {
            let mut graph = Graph::default();
            let mut links = Vec::with_capacity(8);
            let first = (share * NODES_PER_SHARE) as u32;
            let mut across = &across[across.partition_point(|(node, _)| *node < first)..];
            for (node, &texel) in (first..).zip(share_texels) {
                links.clear();
                let mut anchor = Anchor::default();
                let mut meet = |neighbor: u32| match nodes.at(neighbor) {
                    Some(to) => links.push(Link::new(to)),
                    None => {
                        anchor.add(colors[neighbor as usize].map(f32::from), lookup.place_of(neighbor));
                    }
                };
                lookup.beside(texel).for_each(&mut meet);
                while let Some(((_, neighbor), rest)) =
                    across.split_first().filter(|((of, _), _)| *of == node)
                {
                    meet(*neighbor);
                    across = rest;
                }
                graph.push(lookup.place_of(texel), &links, anchor);
            }
            graph
        };
        let shares: Vec<Graph> = texels.par_chunks(NODES_PER_SHARE).enumerate().map(share_graph).collect();
        let mut graph = Graph::default();
        shares.iter().for_each(|share| graph.append(share));
        Self { texels, graph }
    }
}

/// Which node a texel is.
struct Nodes<'a> {
    /// The texel of each node, row by row.
    texels: &'a [u32],
    /// For each row its first node, and the end.
    row_starts: Vec<usize>,
    painted: &'a [u8],
    width: u32,
}

impl<'a> Nodes<'a> {
    fn new(texels: &'a [u32], width: u32, painted: &'a [u8]) -> Self {
        let row_start = |row: u32| texels.partition_point(|texel| texel / width < row);
        let row_starts = (0..=painted.len() as u32 / width).map(row_start).collect();
        Self { texels, row_starts, painted, width }
    }

    /// `None` for a texel that has a color, or belongs to no chart.
    fn at(&self, texel: u32) -> Option<u32> {
        if self.painted[texel as usize] != 0 {
            return None;
        }
        let row = (texel / self.width) as usize;
        let first = self.row_starts[row];
        let place = self.texels[first..self.row_starts[row + 1]].binary_search(&texel).ok()?;
        Some((first + place) as u32)
    }
}

/// What texels are asked.
struct Lookup<'a> {
    mesh: &'a CanonicalMesh,
    places: &'a [Place],
    charts: &'a VisibilityBuffer,
    chart_of_face: &'a [u32],
    nodes: &'a Nodes<'a>,
}

impl Lookup<'_> {
    fn chart_of(&self, texel: u32) -> Option<u32> {
        self.chart_of_face.get(self.charts.face_index[texel as usize] as usize).copied()
    }

    fn place_of(&self, texel: u32) -> Place {
        interpolate_at(self.places, &self.mesh.faces, self.charts, texel as usize).unwrap_or_default()
    }

    /// The texels of the same chart that share a side with one.
    fn beside(&self, texel: u32) -> impl Iterator<Item = u32> {
        let chart = self.chart_of(texel);
        neighbors(self.charts.width, texel)
            .take(4)
            .flatten()
            .filter(move |&near| self.chart_of(near) == chart)
    }

    /// For nodes beside a seam the texels on its other side, sorted.
    fn across_seams(&self, seams: &[Seam]) -> Vec<(u32, u32)> {
        let mut across: Vec<(u32, u32)> =
            seams.par_iter().with_min_len(1 << 8).flat_map_iter(|seam| self.across_seam(seam)).collect();
        across.par_sort_unstable();
        across
    }

    fn across_seam(&self, seam: &Seam) -> Vec<(u32, u32)> {
        let size = self.charts.width as f32;
        let sides: [[Vec2; 2]; 2] =
            seam.ends.map(|ends| ends.map(|vertex| self.mesh.uvs[vertex as usize] * size));
        let charts = seam.faces.map(|face| self.chart_of_face[face as usize]);
        let length = sides.map(|[start, end]| start.distance(end));
        let count = length[0].max(length[1]).ceil().clamp(1.0, 2.0 * size) as u32;
        let mut found = Vec::new();
        for i in 0..count {
            let t = (i as f32 + 0.5) / count as f32;
            let texel = |side: usize| {
                let [start, end] = sides[side];
                self.texel_at(start + (end - start) * t, charts[side])
            };
            let (Some(a), Some(b)) = (texel(0), texel(1)) else { continue };
            for (from, to) in [(a, b), (b, a)] {
                found.extend(self.nodes.at(from).filter(|_| from != to).map(|node| (node, to)));
            }
        }
        found
    }

    /// The texel around a point, or the next one that belongs to the chart.
    fn texel_at(&self, point: Vec2, chart: u32) -> Option<u32> {
        let last = self.charts.width as i32 - 1;
        let [column, row] = point.to_array().map(|coordinate| (coordinate as i32).clamp(0, last) as u32);
        let texel = row * self.charts.width + column;
        std::iter::once(texel)
            .chain(neighbors(self.charts.width, texel).flatten())
            .find(|&texel| self.chart_of(texel) == Some(chart))
    }
}
