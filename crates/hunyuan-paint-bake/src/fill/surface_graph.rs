//! The graph of the uncovered texels and their neighbors on the surface.

use glam::Vec2;
use hunyuan_paint_mesh::CanonicalMesh;
use hunyuan_paint_raster::{NO_FACE, VisibilityBuffer, interpolate_at};
use image::RgbImage;
use rayon::prelude::*;

use super::{
    charts::{Charts, Seam},
    diffusion::{Anchor, Graph, Link, Position},
};
use crate::texels::{mean_texel_side, neighbors};

/// Number of uncovered texels that a thread processes at a time.
const NODES_PER_CHUNK: usize = 1 << 13;

/// The graph whose nodes are the uncovered texels of the charts.
///
/// The neighbors of a texel are the texels of the same chart that share a side with it. At a seam,
/// the two texels that contain the same point of the surface are neighbors too; a seam has about
/// one such link per texel of its length.
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
        coverage: &[u8],
    ) -> Self {
        let is_uncovered =
            |texel: &u32| charts.face_index[*texel as usize] != NO_FACE && coverage[*texel as usize] == 0;
        let texels: Vec<u32> = (0..coverage.len() as u32).into_par_iter().filter(is_uncovered).collect();
        if texels.is_empty() {
            return Self { texels, graph: Graph::default() };
        }
        let nodes = NodeIndex::new(&texels, charts.width, coverage);

        let Charts { chart_of_face, seams } = Charts::new(mesh);
        // Positions in units of a texel's mean side, the distance between neighbors.
        let scale = (1.0 / mean_texel_side(mesh, charts)) as f32;
        let positions: Vec<Position> =
            mesh.positions.iter().map(|position| (position * scale).to_array()).collect();
        let lookup = SurfaceLookup {
            mesh,
            positions: &positions,
            charts,
            chart_of_face: &chart_of_face,
            nodes: &nodes,
        };
        let across = lookup.across_seams(&seams);
        let colors = image.as_chunks::<3>().0;
        let chunk_graph = |(chunk, chunk_texels): (usize, &[u32])| {
            let mut graph = Graph::default();
            let mut links = Vec::with_capacity(8);
            let first = (chunk * NODES_PER_CHUNK) as u32;
            let mut across = &across[across.partition_point(|(node, _)| *node < first)..];
            for (node, &texel) in (first..).zip(chunk_texels) {
                links.clear();
                let mut anchor = Anchor::default();
                let mut add_neighbor = |neighbor: u32| match nodes.node_at(neighbor) {
                    Some(to) => links.push(Link::new(to)),
                    None => {
                        anchor.add(colors[neighbor as usize].map(f32::from), lookup.position_of(neighbor));
                    }
                };
                lookup.neighbors_in_chart(texel).for_each(&mut add_neighbor);
                while let Some(((_, neighbor), rest)) =
                    across.split_first().filter(|((of, _), _)| *of == node)
                {
                    add_neighbor(*neighbor);
                    across = rest;
                }
                graph.push(lookup.position_of(texel), &links, anchor);
            }
            graph
        };
        let chunks: Vec<Graph> = texels.par_chunks(NODES_PER_CHUNK).enumerate().map(chunk_graph).collect();
        let mut graph = Graph::default();
        chunks.iter().for_each(|chunk| graph.append(chunk));
        Self { texels, graph }
    }
}

/// Maps texels to nodes.
struct NodeIndex<'a> {
    /// The texel of each node, row by row.
    texels: &'a [u32],
    /// First node of each row, and the number of nodes at the end.
    row_starts: Vec<usize>,
    coverage: &'a [u8],
    width: u32,
}

impl<'a> NodeIndex<'a> {
    fn new(texels: &'a [u32], width: u32, coverage: &'a [u8]) -> Self {
        let row_start = |row: u32| texels.partition_point(|texel| texel / width < row);
        let row_starts = (0..=coverage.len() as u32 / width).map(row_start).collect();
        Self { texels, row_starts, coverage, width }
    }

    /// Returns the node of a texel; `None` for a covered texel, or one outside the charts.
    fn node_at(&self, texel: u32) -> Option<u32> {
        if self.coverage[texel as usize] != 0 {
            return None;
        }
        let row = (texel / self.width) as usize;
        let first = self.row_starts[row];
        let offset = self.texels[first..self.row_starts[row + 1]].binary_search(&texel).ok()?;
        Some((first + offset) as u32)
    }
}

/// Lookups of charts, positions and neighbors of texels.
struct SurfaceLookup<'a> {
    mesh: &'a CanonicalMesh,
    positions: &'a [Position],
    charts: &'a VisibilityBuffer,
    chart_of_face: &'a [u32],
    nodes: &'a NodeIndex<'a>,
}

impl SurfaceLookup<'_> {
    /// Returns the chart of a texel; `None` in the gutter.
    fn chart_of(&self, texel: u32) -> Option<u32> {
        self.chart_of_face.get(self.charts.face_index[texel as usize] as usize).copied()
    }

    /// Returns the position of a texel on the surface, in units of a texel's mean side.
    fn position_of(&self, texel: u32) -> Position {
        interpolate_at(self.positions, &self.mesh.faces, self.charts, texel as usize).unwrap_or_default()
    }

    /// Returns the texels of the same chart that share a side with a texel.
    fn neighbors_in_chart(&self, texel: u32) -> impl Iterator<Item = u32> {
        let chart = self.chart_of(texel);
        neighbors(self.charts.width, texel)
            .take(4)
            .flatten()
            .filter(move |&near| self.chart_of(near) == chart)
    }

    /// Returns sorted pairs of a node at a seam and a neighboring texel on the seam's other side.
    fn across_seams(&self, seams: &[Seam]) -> Vec<(u32, u32)> {
        let mut across: Vec<(u32, u32)> =
            seams.par_iter().with_min_len(1 << 8).flat_map_iter(|seam| self.across_seam(seam)).collect();
        across.par_sort_unstable();
        across
    }

    /// Returns the pairs of one seam, unsorted.
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
                found.extend(self.nodes.node_at(from).filter(|_| from != to).map(|node| (node, to)));
            }
        }
        found
    }

    /// Returns the texel that contains a point (in texels) if it belongs to the chart, or else the
    /// first of its neighbors that does.
    fn texel_at(&self, point: Vec2, chart: u32) -> Option<u32> {
        let last = self.charts.width as i32 - 1;
        let [column, row] = point.to_array().map(|coordinate| (coordinate as i32).clamp(0, last) as u32);
        let texel = row * self.charts.width + column;
        std::iter::once(texel)
            .chain(neighbors(self.charts.width, texel).flatten())
            .find(|&texel| self.chart_of(texel) == Some(chart))
    }
}
