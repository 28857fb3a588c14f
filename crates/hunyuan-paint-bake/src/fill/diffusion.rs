//! Diffusion of colors over a graph: the discrete Laplace equation with fixed colors at the
//! boundary. In the solution, each node has the weighted mean of its neighbors.
//!
//! The method is the cascadic multigrid of Bornemann and Deuflhard (1996). The graph is coarsened
//! repeatedly by aggregating neighbors, and the coarsest graph is solved. Each finer graph starts
//! from the solution of the next coarser one and runs some iterations of conjugate gradients. The
//! time is proportional to the number of links.

use std::ops::Range;

use rayon::prelude::*;

/// Maximum number of nodes that become one node of the next coarser graph.
const AGGREGATE_SIZE_MAX: usize = 8;

/// A graph of at most this many nodes is not coarsened further.
const COARSEST_NODE_COUNT_MAX: usize = 500;

/// Number of Gauss-Seidel sweeps over the coarsest graph.
const GAUSS_SEIDEL_SWEEPS: usize = 400;

/// Minimum number of conjugate gradient iterations on a finer graph.
const ITERATIONS_MIN: usize = 12;

/// Maximum number of these iterations.
const ITERATIONS_MAX: usize = 60;

/// Number of iterations times nodes, within the limits above: larger graphs get fewer iterations.
const ITERATION_WORK: usize = 1_000_000;

/// Number of nodes that a thread processes at a time.
const NODES_PER_CHUNK: usize = 1 << 12;

/// A color; its range does not matter.
pub(super) type Color = [f32; 3];

/// A position in space, in units of the typical distance between neighbors in the finest graph.
pub(super) type Position = [f32; 3];

/// A link to a neighbor without a fixed color.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Link {
    to: u32,
    /// Length of the border between the two nodes.
    border_length: f32,
    /// Border length divided by distance.
    weight: f32,
}

impl Link {
    /// Returns a link to a neighbor at a distance of 1, with a border of length 1.
    pub(super) const fn new(to: u32) -> Self {
        Self { to, border_length: 1.0, weight: 1.0 }
    }
}

/// The boundary condition of a node: all of its neighbors with a fixed color, combined.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Anchor {
    /// Sum of color times border length.
    color_sum: Color,
    /// Sum of position times border length.
    position_sum: Position,
    /// Total length of the border; 0 without such neighbors.
    border_length: f32,
    /// 1 / distance; the weight of the anchor is `border_length · inverse_distance`.
    inverse_distance: f32,
}

impl Anchor {
    /// Adds a neighbor at a distance of 1, with a border of length 1.
    pub(super) fn add(&mut self, color: Color, position: Position) {
        self.add_all(&Self {
            color_sum: color,
            position_sum: position,
            border_length: 1.0,
            inverse_distance: 1.0,
        });
        self.inverse_distance = 1.0;
    }

    /// Adds the anchor of another node; the caller sets `inverse_distance` afterward.
    fn add_all(&mut self, other: &Self) {
        add(&mut self.color_sum, other.color_sum);
        add(&mut self.position_sum, other.position_sum);
        self.border_length += other.border_length;
    }

    fn position(&self) -> Position {
        self.position_sum.map(|sum| sum / self.border_length)
    }
}

fn add(sum: &mut [f32; 3], other: [f32; 3]) {
    sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
}

/// Returns the distance between two nodes, at least 1, the distance of neighbors in the finest
/// graph.
fn distance(a: Position, b: Position) -> f32 {
    let [x, y, z] = std::array::from_fn(|i| a[i] - b[i]);
    (x * x + y * y + z * z).sqrt().max(1.0)
}

/// A graph of the nodes without a fixed color. Links are stored at both ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    links: Vec<Link>,
    /// End of each node's links in `links`; they start at the end of the previous node's.
    ends: Vec<usize>,
    anchors: Vec<Anchor>,
    positions: Vec<Position>,
    /// Number of nodes of the finest graph that each node stands for.
    masses: Vec<f32>,
}

impl Graph {
    /// Appends a node.
    pub(super) fn push(&mut self, position: Position, links: &[Link], anchor: Anchor) {
        self.push_group((position, 1.0), links, anchor);
    }

    fn push_group(&mut self, (position, mass): (Position, f32), links: &[Link], anchor: Anchor) {
        self.links.extend_from_slice(links);
        self.ends.push(self.links.len());
        self.anchors.push(anchor);
        self.positions.push(position);
        self.masses.push(mass);
    }

    /// Appends all nodes of another graph, whose links already hold node indices of the whole
    /// graph.
    pub(super) fn append(&mut self, other: &Self) {
        let start = self.links.len();
        self.links.extend_from_slice(&other.links);
        self.ends.extend(other.ends.iter().map(|end| start + end));
        self.anchors.extend_from_slice(&other.anchors);
        self.positions.extend_from_slice(&other.positions);
        self.masses.extend_from_slice(&other.masses);
    }

    pub(super) fn node_count(&self) -> usize {
        self.ends.len()
    }

    fn links_of(&self, node: usize) -> &[Link] {
        let start = node.checked_sub(1).map_or(0, |previous| self.ends[previous]);
        &self.links[start..self.ends[node]]
    }

    /// Returns the color of each node. `color_near` returns the color for a node that is not
    /// connected to any fixed color.
    pub(super) fn solve(self, color_near: &(dyn Fn(usize) -> Color + Sync)) -> Vec<Color> {
        // Runs inside the thread pool, so that the many small steps are not submitted to it one by
        // one.
        rayon::scope(|_| self.solve_in_pool(color_near))
    }

    fn solve_in_pool(self, color_near: &dyn Fn(usize) -> Color) -> Vec<Color> {
        // 1. Coarsen the graph, and keep track of a node of the finest graph for each node.
        let mut first_nodes: Vec<u32> = (0..self.node_count() as u32).collect();
        let mut finer: Vec<(Self, Vec<u32>)> = Vec::new();
        let mut graph = self;
        while graph.node_count() > COARSEST_NODE_COUNT_MAX {
            let (parents, first_children) = graph.aggregate();
            if first_children.len() * 10 > graph.node_count() * 9 {
                break;
            }
            let coarser = graph.coarsen(&parents, first_children.len());
            first_nodes = first_children.iter().map(|&child| first_nodes[child as usize]).collect();
            finer.push((std::mem::replace(&mut graph, coarser), parents));
        }

        // 2. Solve the coarsest graph.
        graph.anchor_islands(|node| color_near(first_nodes[node] as usize));
        let mut colors = graph.gauss_seidel();

        // 3. Interpolate to the finer graphs and refine.
        while let Some((graph, parents)) = finer.pop() {
            colors = parents.par_iter().map(|&parent| colors[parent as usize]).collect();
            let iteration_count = (ITERATION_WORK / graph.node_count()).clamp(ITERATIONS_MIN, ITERATIONS_MAX);
            graph.conjugate_gradients(&mut colors, iteration_count);
        }
        colors
    }

    /// Groups neighbors, each group by a breadth-first search from its first node. Returns the
    /// group of each node, and the first node of each group.
    fn aggregate(&self) -> (Vec<u32>, Vec<u32>) {
        const NONE: u32 = u32::MAX;
        let mut parents = vec![NONE; self.node_count()];
        let mut first_children = Vec::new();
        let mut group: Vec<usize> = Vec::with_capacity(AGGREGATE_SIZE_MAX);
        for first in 0..self.node_count() {
            if parents[first] != NONE {
                continue;
            }
            let parent = first_children.len() as u32;
            first_children.push(first as u32);
            parents[first] = parent;
            group.clear();
            group.push(first);
            let mut next = 0;
            while let Some(&node) = group.get(next).filter(|_| group.len() < AGGREGATE_SIZE_MAX) {
                for link in self.links_of(node) {
                    let neighbor = link.to as usize;
                    if parents[neighbor] == NONE && group.len() < AGGREGATE_SIZE_MAX {
                        parents[neighbor] = parent;
                        group.push(neighbor);
                    }
                }
                next += 1;
            }
        }
        (parents, first_children)
    }

    /// Returns the graph of the groups. Border lengths are summed; distances are those between the
    /// centers of the groups.
    fn coarsen(&self, parents: &[u32], parent_count: usize) -> Self {
        let mut children: Vec<u32> = (0..parents.len() as u32).collect();
        // A stable sort keeps the order of the children.
        children.par_sort_by_key(|&child| parents[child as usize]);
        let mut centers = vec![([0.0; 3], 0.0); parent_count];
        for (child, &parent) in parents.iter().enumerate() {
            let (position, mass) = &mut centers[parent as usize];
            add(position, self.positions[child].map(|coordinate| coordinate * self.masses[child]));
            *mass += self.masses[child];
        }
        centers.iter_mut().for_each(|(position, mass)| *position = position.map(|sum| sum / *mass));

        let mut joined = Self::default();
        let mut links: Vec<Link> = Vec::new();
        // For each group its index in `links`, valid if the first number is the current group.
        let mut slots = vec![(u32::MAX, 0); parent_count];
        for group in children.chunk_by(|&a, &b| parents[a as usize] == parents[b as usize]) {
            let parent = parents[group[0] as usize];
            let center = centers[parent as usize];
            let mut anchor = Anchor::default();
            let mut anchor_distance = 0.0;
            links.clear();
            for &child in group {
                let child_anchor = &self.anchors[child as usize];
                if child_anchor.border_length > 0.0 {
                    anchor.add_all(child_anchor);
                    anchor_distance +=
                        child_anchor.border_length * distance(center.0, child_anchor.position());
                }
                for link in self.links_of(child as usize) {
                    let to = parents[link.to as usize];
                    if to == parent {
                        continue;
                    }
                    let slot = &mut slots[to as usize];
                    if slot.0 != parent {
                        *slot = (parent, links.len());
                        links.push(Link { to, border_length: 0.0, weight: 0.0 });
                    }
                    links[slot.1].border_length += link.border_length;
                }
            }
            for link in &mut links {
                link.weight = link.border_length / distance(center.0, centers[link.to as usize].0);
            }
            if anchor.border_length > 0.0 {
                anchor.inverse_distance = anchor.border_length / anchor_distance;
            }
            joined.push_group(center, &links, anchor);
        }
        joined
    }

    /// Gives an anchor to each node that is not connected to any.
    fn anchor_islands(&mut self, color_near: impl Fn(usize) -> Color) {
        let mut is_anchored: Vec<bool> =
            self.anchors.iter().map(|anchor| anchor.border_length > 0.0).collect();
        let mut reached: Vec<usize> = (0..self.node_count()).filter(|&node| is_anchored[node]).collect();
        while let Some(node) = reached.pop() {
            for link in self.links_of(node) {
                let neighbor = link.to as usize;
                if !std::mem::replace(&mut is_anchored[neighbor], true) {
                    reached.push(neighbor);
                }
            }
        }
        for (node, _) in is_anchored.iter().enumerate().filter(|(_, is_anchored)| !**is_anchored) {
            self.anchors[node].add(color_near(node), self.positions[node]);
        }
    }

    /// Solves the graph with Gauss-Seidel sweeps, which are fast for small graphs.
    fn gauss_seidel(&self) -> Vec<Color> {
        let mut colors = self.initial_colors();
        for _ in 0..GAUSS_SEIDEL_SWEEPS {
            for node in 0..colors.len() {
                if let Some(mean) = self.mean_of_neighbors(node, &colors) {
                    colors[node] = mean;
                }
            }
        }
        colors
    }

    /// Returns the mean color of each node's anchor, or that of all anchors for a node without one.
    fn initial_colors(&self) -> Vec<Color> {
        let mut all = Anchor::default();
        self.anchors.iter().for_each(|anchor| all.add_all(anchor));
        let color_of = |anchor: &Anchor| {
            let Anchor { color_sum, border_length, .. } =
                if anchor.border_length > 0.0 { anchor } else { &all };
            color_sum.map(|sum| sum / border_length.max(f32::MIN_POSITIVE))
        };
        self.anchors.iter().map(color_of).collect()
    }

    /// Improves the colors with conjugate gradients (Hestenes and Stiefel 1952), preconditioned
    /// with the diagonal. The order of sums does not depend on the number of threads.
    fn conjugate_gradients(&self, colors: &mut [Color], iteration_count: usize) {
        // 1. The residual.
        let inverse_diagonal: Vec<f32> = self.map_nodes(|node| {
            let Anchor { border_length, inverse_distance, .. } = self.anchors[node];
            let sum = self
                .links_of(node)
                .iter()
                .fold(border_length * inverse_distance, |sum, link| sum + link.weight);
            if sum > 0.0 { 1.0 / sum } else { 0.0 }
        });
        let mut residual: Vec<Color> = self.map_nodes(|node| {
            let Anchor { color_sum, inverse_distance, .. } = self.anchors[node];
            let outflow = self.outflow(node, colors);
            std::array::from_fn(|i| color_sum[i] * inverse_distance - outflow[i])
        });

        // 2. Steps along conjugate directions.
        let mut direction: Vec<Color> =
            self.map_nodes(|node| residual[node].map(|r| r * inverse_diagonal[node]));
        let mut outflow = vec![Color::default(); self.node_count()];
        let mut error = total(&mut self.nodes().map(|node| multiply(residual[node], direction[node])));
        for _ in 0..iteration_count {
            let curvature =
                sum_of_chunks(outflow.par_chunks_mut(NODES_PER_CHUNK).enumerate(), |(chunk, outflow)| {
                    total(&mut (chunk * NODES_PER_CHUNK..).zip(outflow).map(|(node, outflow)| {
                        *outflow = self.outflow(node, &direction);
                        multiply(direction[node], *outflow)
                    }))
                });
            let step = divide(error, curvature);
            let chunks = colors
                .par_chunks_mut(NODES_PER_CHUNK)
                .zip(residual.par_chunks_mut(NODES_PER_CHUNK))
                .enumerate();
            let next_error = sum_of_chunks(chunks, |(chunk, (colors, residual))| {
                total(&mut (chunk * NODES_PER_CHUNK..).zip(colors.iter_mut().zip(residual)).map(
                    |(node, (color, residual))| {
                        add_scaled(color, step, direction[node]);
                        add_scaled(residual, step.map(|step| -step), outflow[node]);
                        multiply(*residual, residual.map(|r| r * inverse_diagonal[node]))
                    },
                ))
            });
            let beta = divide(next_error, error);
            error = next_error;
            direction.par_chunks_mut(NODES_PER_CHUNK).enumerate().for_each(|(chunk, direction)| {
                for (node, direction) in (chunk * NODES_PER_CHUNK..).zip(direction) {
                    let next = residual[node].map(|r| r * inverse_diagonal[node]);
                    *direction = std::array::from_fn(|i| next[i] + beta[i] * direction[i]);
                }
            });
        }
    }

    /// Returns the weighted Laplacian of `colors` at a node, with the fixed colors set to 0.
    #[inline]
    fn outflow(&self, node: usize, colors: &[Color]) -> Color {
        let own = colors[node];
        let Anchor { border_length, inverse_distance, .. } = self.anchors[node];
        let mut sum = own.map(|channel| channel * (border_length * inverse_distance));
        for link in self.links_of(node) {
            let other = colors[link.to as usize];
            for i in 0..3 {
                sum[i] += (own[i] - other[i]) * link.weight;
            }
        }
        sum
    }

    fn nodes(&self) -> Range<usize> {
        0..self.node_count()
    }

    fn map_nodes<T: Send>(&self, value: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
        self.nodes().into_par_iter().with_min_len(NODES_PER_CHUNK).map(value).collect()
    }

    #[inline]
    /// Returns the weighted mean of the neighbors and the anchor; `None` if the node has neither.
    fn mean_of_neighbors(&self, node: usize, colors: &[Color]) -> Option<Color> {
        let Anchor { color_sum, border_length, inverse_distance, .. } = self.anchors[node];
        let mut color_sum = color_sum.map(|sum| sum * inverse_distance);
        let mut weight_sum = border_length * inverse_distance;
        for link in self.links_of(node) {
            for (sum, channel) in color_sum.iter_mut().zip(colors[link.to as usize]) {
                *sum += channel * link.weight;
            }
            weight_sum += link.weight;
        }
        (weight_sum > 0.0).then(|| color_sum.map(|sum| sum / weight_sum))
    }
}

/// Returns the sum over all chunks, in an order that does not depend on the number of threads.
fn sum_of_chunks<T: Send>(
    chunks: impl IndexedParallelIterator<Item = T>,
    sum_of: impl Fn(T) -> [f64; 3] + Send + Sync,
) -> [f64; 3] {
    let sums: Vec<[f64; 3]> = chunks.map(sum_of).collect();
    total(&mut sums.into_iter())
}

#[inline]
fn total(values: &mut impl Iterator<Item = [f64; 3]>) -> [f64; 3] {
    values.fold([0.0; 3], |sum, value| std::array::from_fn(|i| sum[i] + value[i]))
}

#[inline]
fn add_scaled(value: &mut Color, step: [f32; 3], direction: Color) {
    for i in 0..3 {
        value[i] += step[i] * direction[i];
    }
}

#[inline]
fn multiply(a: Color, b: Color) -> [f64; 3] {
    std::array::from_fn(|i| f64::from(a[i]) * f64::from(b[i]))
}

/// Returns a / b for each channel, or 0 where b is not positive.
fn divide(a: [f64; 3], b: [f64; 3]) -> [f32; 3] {
    std::array::from_fn(|i| if b[i] > 0.0 { (a[i] / b[i]) as f32 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chain of nodes between two fixed colors; the exact solution is linear.
    fn chain(length: u32) -> Graph {
        let mut graph = Graph::default();
        for node in 0..length {
            let neighbors = [node.checked_sub(1), Some(node + 1).filter(|&next| next < length)];
            let links: Vec<Link> = neighbors.into_iter().flatten().map(Link::new).collect();
            let mut anchor = Anchor::default();
            if node == 0 {
                anchor.add([0.0, 255.0, 50.0], [-1.0, 0.0, 0.0]);
            }
            if node + 1 == length {
                anchor.add([255.0, 0.0, 50.0], [length as f32, 0.0, 0.0]);
            }
            graph.push([node as f32, 0.0, 0.0], &links, anchor);
        }
        graph
    }

    /// A square grid with fixed colors beside its left and right sides.
    fn square(side: u32) -> Graph {
        let mut graph = Graph::default();
        for (x, y) in (0..side).flat_map(|y| (0..side).map(move |x| (x, y))) {
            let mut links = Vec::new();
            let mut link = |is_there: bool, to: i64| {
                if is_there {
                    links.push(Link::new(to as u32));
                }
            };
            let node = i64::from(y * side + x);
            link(x > 0, node - 1);
            link(x + 1 < side, node + 1);
            link(y > 0, node - i64::from(side));
            link(y + 1 < side, node + i64::from(side));
            let mut anchor = Anchor::default();
            if x == 0 {
                anchor.add([0.0; 3], [-1.0, y as f32, 0.0]);
            }
            if x + 1 == side {
                anchor.add([255.0; 3], [side as f32, y as f32, 0.0]);
            }
            graph.push([x as f32, y as f32, 0.0], &links, anchor);
        }
        graph
    }

    #[test]
    fn a_small_graph_is_solved_exactly() {
        let colors = chain(20).solve(&|_| [0.0; 3]);
        for (color, node) in colors.into_iter().zip(1..) {
            let expected = 255.0 * node as f32 / 21.0;
            assert!((color[0] - expected).abs() < 0.01 && (color[1] - (255.0 - expected)).abs() < 0.01);
            assert_eq!(color[2], 50.0);
        }
    }

    #[test]
    fn a_large_graph_is_solved_to_a_few_bytes() {
        let side = 200;
        let colors = square(side).solve(&|_| [0.0; 3]);
        let mut worst = 0.0_f32;
        for (node, color) in colors.iter().enumerate() {
            let expected = 255.0 * (node as u32 % side + 1) as f32 / (side + 1) as f32;
            worst = worst.max((color[0] - expected).abs());
        }
        assert!(worst < 8.0, "{worst}");
    }

    #[test]
    fn nodes_without_a_path_to_an_anchor_take_the_given_color() {
        let mut graph = chain(3);
        graph.push([9.0; 3], &[Link::new(4)], Anchor::default());
        graph.push([9.0; 3], &[Link::new(3)], Anchor::default());
        let colors = graph.solve(&|node| [node as f32; 3]);
        assert!((colors[3][0] - 3.0).abs() < 0.4 && (colors[4][0] - 4.0).abs() < 0.4, "{colors:?}");
    }

    #[test]
    fn the_result_does_not_depend_on_the_number_of_threads() -> Result<(), rayon::ThreadPoolBuildError> {
        let with_threads = |count| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build()?;
            Ok(pool.install(|| square(120).solve(&|_| [0.0; 3])))
        };
        let one = with_threads(1)?;
        assert_eq!(one, with_threads(2)?);
        assert_eq!(one, with_threads(7)?);
        Ok(())
    }
}
