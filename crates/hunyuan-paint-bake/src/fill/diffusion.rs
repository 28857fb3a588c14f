//! Colors that diffuse along the links of a graph until each node has the mean of its neighbors.
//!
//! The graph is made smaller again and again by joining neighbors (aggregation), the smallest one is solved, and
//! each larger one starts from the solution of the next smaller and improves it with conjugate gradients: the
//! cascadic multigrid of Bornemann and Deuflhard (1996), in time proportional to the number of links.

use std::ops::Range;

use rayon::prelude::*;

/// How many neighbors become one node of the next smaller graph.
const JOINED_MAX: usize = 8;

/// A graph this small is solved as it is.
const SMALL: usize = 500;

/// Sweeps over the smallest graph.
const SOLVING_SWEEPS: usize = 400;

/// How many iterations a larger graph gets: fewer, the larger it is.
const ITERATIONS_MIN: usize = 12;
const ITERATIONS_MAX: usize = 60;
/// Iterations times nodes, between these.
const ITERATION_WORK: usize = 1_000_000;

/// Nodes that a thread takes at a time.
const SHARE: usize = 1 << 12;

/// A color, in whatever range.
pub(super) type Color = [f32; 3];

/// A place in space. The nodes of the largest graph lie about 1 from their neighbors.
pub(super) type Place = [f32; 3];

/// A neighbor without a fixed color.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Link {
    to: u32,
    /// How long the border between the two is.
    contact: f32,
    /// How much color comes through: the border's length over the distance.
    weight: f32,
}

impl Link {
    /// A neighbor at a distance of 1, with a border of length 1.
    pub(super) const fn new(to: u32) -> Self {
        Self { to, contact: 1.0, weight: 1.0 }
    }
}

/// All neighbors of a node that have a fixed color.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Anchor {
    /// Colors and places, times the length of the border.
    color_sum: Color,
    place_sum: Place,
    /// How long the border is.
    contact: f32,
    /// 1 over the distance; the weight is `contact · nearness`.
    nearness: f32,
}

impl Anchor {
    /// Adds a neighbor at a distance of 1, with a border of length 1.
    pub(super) fn add(&mut self, color: Color, place: Place) {
        self.add_all(&Self { color_sum: color, place_sum: place, contact: 1.0, nearness: 1.0 });
        self.nearness = 1.0;
    }

    /// Adds another node's; the nearness has to be set when all are there.
    fn add_all(&mut self, other: &Self) {
        add(&mut self.color_sum, other.color_sum);
        add(&mut self.place_sum, other.place_sum);
        self.contact += other.contact;
    }

    fn place(&self) -> Place {
        self.place_sum.map(|sum| sum / self.contact)
    }
}

fn add(sum: &mut [f32; 3], other: [f32; 3]) {
    sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
}

/// The distance between two groups, which are no nearer to each other than two nodes of the largest graph.
fn distance(a: Place, b: Place) -> f32 {
    let [x, y, z] = std::array::from_fn(|i| a[i] - b[i]);
    (x * x + y * y + z * z).sqrt().max(1.0)
}

/// Nodes without a color. A link is there from both of its ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    links: Vec<Link>,
    /// For each node where its links end in `links`; they start where those of the node before end.
    ends: Vec<usize>,
    anchors: Vec<Anchor>,
    places: Vec<Place>,
    /// How many nodes of the largest graph each one is.
    masses: Vec<f32>,
}

impl Graph {
    /// Appends a node.
    pub(super) fn push(&mut self, place: Place, links: &[Link], anchor: Anchor) {
        self.push_group((place, 1.0), links, anchor);
    }

    fn push_group(&mut self, (place, mass): (Place, f32), links: &[Link], anchor: Anchor) {
        self.links.extend_from_slice(links);
        self.ends.push(self.links.len());
        self.anchors.push(anchor);
        self.places.push(place);
        self.masses.push(mass);
    }

    /// Appends all nodes of another graph; their links name nodes of the whole.
    pub(super) fn append(&mut self, other: &Self) {
        let start = self.links.len();
        self.links.extend_from_slice(&other.links);
        self.ends.extend(other.ends.iter().map(|end| start + end));
        self.anchors.extend_from_slice(&other.anchors);
        self.places.extend_from_slice(&other.places);
        self.masses.extend_from_slice(&other.masses);
    }

    pub(super) fn node_count(&self) -> usize {
        self.ends.len()
    }

    fn links_of(&self, node: usize) -> &[Link] {
        let start = node.checked_sub(1).map_or(0, |previous| self.ends[previous]);
        &self.links[start..self.ends[node]]
    }

    /// Finds the colors. `color_near` gives one to nodes whom no link leads to a fixed color.
    pub(super) fn solve(self, color_near: &(dyn Fn(usize) -> Color + Sync)) -> Vec<Color> {
        // Inside the thread pool, so that the many small steps need not be handed over to it one by one.
        rayon::scope(|_| self.solve_here(color_near))
    }

    fn solve_here(self, color_near: &dyn Fn(usize) -> Color) -> Vec<Color> {
        // 1. Smaller and smaller graphs, and a first node of the largest for each of theirs.
        let mut first_nodes: Vec<u32> = (0..self.node_count() as u32).collect();
        let mut larger: Vec<(Self, Vec<u32>)> = Vec::new();
        let mut graph = self;
        while graph.node_count() > SMALL {
            let (parents, first_children) = graph.join_neighbors();
            if first_children.len() * 10 > graph.node_count() * 9 {
                break;
            }
            let smaller = graph.joined(&parents, first_children.len());
            first_nodes = first_children.iter().map(|&child| first_nodes[child as usize]).collect();
            larger.push((std::mem::replace(&mut graph, smaller), parents));
        }

        // 2. The smallest is solved.
        graph.anchor_islands(|node| color_near(first_nodes[node] as usize));
        let mut colors = graph.solve_in_place();

        // 3. Back to the largest.
        while let Some((graph, parents)) = larger.pop() {
            colors = parents.par_iter().map(|&parent| colors[parent as usize]).collect();
            let iteration_count = (ITERATION_WORK / graph.node_count()).clamp(ITERATIONS_MIN, ITERATIONS_MAX);
            graph.improve(&mut colors, iteration_count);
        }
        colors
    }

    /// For each node the number of the group that it joins, and for each group its first node. A group is what is
    /// first reached from there.
    fn join_neighbors(&self) -> (Vec<u32>, Vec<u32>) {
        const NONE: u32 = u32::MAX;
        let mut parents = vec![NONE; self.node_count()];
        let mut first_children = Vec::new();
        let mut group: Vec<usize> = Vec::with_capacity(JOINED_MAX);
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
            while let Some(&node) = group.get(next).filter(|_| group.len() < JOINED_MAX) {
                for link in self.links_of(node) {
                    let neighbor = link.to as usize;
                    if parents[neighbor] == NONE && group.len() < JOINED_MAX {
                        parents[neighbor] = parent;
                        group.push(neighbor);
                    }
                }
                next += 1;
            }
        }
        (parents, first_children)
    }

    /// The graph of the groups. Borders add up; distances are those of the groups' centers.
    fn joined(&self, parents: &[u32], parent_count: usize) -> Self {
        let mut children: Vec<u32> = (0..parents.len() as u32).collect();
        // Stable: children stay in order.
        children.par_sort_by_key(|&child| parents[child as usize]);
        let mut centers = vec![([0.0; 3], 0.0); parent_count];
        for (child, &parent) in parents.iter().enumerate() {
            let (place, mass) = &mut centers[parent as usize];
            add(place, self.places[child].map(|coordinate| coordinate * self.masses[child]));
            *mass += self.masses[child];
        }
        centers.iter_mut().for_each(|(place, mass)| *place = place.map(|sum| sum / *mass));

        let mut joined = Self::default();
        let mut links: Vec<Link> = Vec::new();
        // For each group where in `links` it stands, and for which group that was noted.
        let mut slots = vec![(u32::MAX, 0); parent_count];
        for group in children.chunk_by(|&a, &b| parents[a as usize] == parents[b as usize]) {
            let parent = parents[group[0] as usize];
            let center = centers[parent as usize];
            let mut anchor = Anchor::default();
            let mut anchor_distance = 0.0;
            links.clear();
            for &child in group {
                let child_anchor = &self.anchors[child as usize];
                if child_anchor.contact > 0.0 {
                    anchor.add_all(child_anchor);
                    anchor_distance += child_anchor.contact * distance(center.0, child_anchor.place());
                }
                for link in self.links_of(child as usize) {
                    let to = parents[link.to as usize];
                    if to == parent {
                        continue;
                    }
                    let slot = &mut slots[to as usize];
                    if slot.0 != parent {
                        *slot = (parent, links.len());
                        links.push(Link { to, contact: 0.0, weight: 0.0 });
                    }
                    links[slot.1].contact += link.contact;
                }
            }
            for link in &mut links {
                link.weight = link.contact / distance(center.0, centers[link.to as usize].0);
            }
            if anchor.contact > 0.0 {
                anchor.nearness = anchor.contact / anchor_distance;
            }
            joined.push_group(center, &links, anchor);
        }
        joined
    }

    /// Gives nodes that no link leads to a fixed color one of their own.
    fn anchor_islands(&mut self, color_near: impl Fn(usize) -> Color) {
        let mut is_anchored: Vec<bool> = self.anchors.iter().map(|anchor| anchor.contact > 0.0).collect();
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
            self.anchors[node].add(color_near(node), self.places[node]);
        }
    }

    /// Sweeps in order and in place: fast for small graphs.
    fn solve_in_place(&self) -> Vec<Color> {
        let mut colors = self.starting_colors();
        for _ in 0..SOLVING_SWEEPS {
            for node in 0..colors.len() {
                if let Some(mean) = self.mean_of_neighbors(node, &colors) {
                    colors[node] = mean;
                }
            }
        }
        colors
    }

    /// The anchors' colors; elsewhere their mean over all.
    fn starting_colors(&self) -> Vec<Color> {
        let mut all = Anchor::default();
        self.anchors.iter().for_each(|anchor| all.add_all(anchor));
        let color_of = |anchor: &Anchor| {
            let Anchor { color_sum, contact, .. } = if anchor.contact > 0.0 { anchor } else { &all };
            color_sum.map(|sum| sum / contact.max(f32::MIN_POSITIVE))
        };
        self.anchors.iter().map(color_of).collect()
    }

    /// Conjugate gradients (Hestenes and Stiefel 1952) with the diagonal as preconditioner, from the colors that are
    /// there. Sums are made in one order, whatever the threads.
    fn improve(&self, colors: &mut [Color], iteration_count: usize) {
        // 1. What is missing at each node.
        let inverse_diagonal: Vec<f32> = self.each_node(|node| {
            let Anchor { contact, nearness, .. } = self.anchors[node];
            let sum = self.links_of(node).iter().fold(contact * nearness, |sum, link| sum + link.weight);
            if sum > 0.0 { 1.0 / sum } else { 0.0 }
        });
        let mut residual: Vec<Color> = self.each_node(|node| {
            let Anchor { color_sum, nearness, .. } = self.anchors[node];
            let outflow = self.outflow(node, colors);
            std::array::from_fn(|i| color_sum[i] * nearness - outflow[i])
        });

        // 2. Steps along directions that do not undo each other.
        let mut direction: Vec<Color> =
            self.each_node(|node| residual[node].map(|r| r * inverse_diagonal[node]));
        let mut outflow = vec![Color::default(); self.node_count()];
        let mut error = total(&mut self.nodes().map(|node| multiply(residual[node], direction[node])));
        for _ in 0..iteration_count {
            let curvature = sum_of_shares(outflow.par_chunks_mut(SHARE).enumerate(), |(share, outflow)| {
                total(&mut (share * SHARE..).zip(outflow).map(|(node, outflow)| {
                    *outflow = self.outflow(node, &direction);
                    multiply(direction[node], *outflow)
                }))
            });
            let step = divide(error, curvature);
            let shares = colors.par_chunks_mut(SHARE).zip(residual.par_chunks_mut(SHARE)).enumerate();
            let error_left = sum_of_shares(shares, |(share, (colors, residual))| {
                total(&mut (share * SHARE..).zip(colors.iter_mut().zip(residual)).map(
                    |(node, (color, residual))| {
                        step_along(color, step, direction[node]);
                        step_along(residual, step.map(|step| -step), outflow[node]);
                        multiply(*residual, residual.map(|r| r * inverse_diagonal[node]))
                    },
                ))
            });
            let share_kept = divide(error_left, error);
            error = error_left;
            direction.par_chunks_mut(SHARE).enumerate().for_each(|(share, direction)| {
                for (node, direction) in (share * SHARE..).zip(direction) {
                    let next = residual[node].map(|r| r * inverse_diagonal[node]);
                    *direction = std::array::from_fn(|i| next[i] + share_kept[i] * direction[i]);
                }
            });
        }
    }

    /// What leaves a node for its neighbors, where those with a fixed color are black.
    #[inline]
    fn outflow(&self, node: usize, colors: &[Color]) -> Color {
        let own = colors[node];
        let Anchor { contact, nearness, .. } = self.anchors[node];
        let mut sum = own.map(|channel| channel * (contact * nearness));
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

    fn each_node<T: Send>(&self, value: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
        self.nodes().into_par_iter().with_min_len(SHARE).map(value).collect()
    }

    #[inline]
    fn mean_of_neighbors(&self, node: usize, colors: &[Color]) -> Option<Color> {
        let Anchor { color_sum, contact, nearness, .. } = self.anchors[node];
        let mut color_sum = color_sum.map(|sum| sum * nearness);
        let mut weight_sum = contact * nearness;
        for link in self.links_of(node) {
            for (sum, channel) in color_sum.iter_mut().zip(colors[link.to as usize]) {
                *sum += channel * link.weight;
            }
            weight_sum += link.weight;
        }
        (weight_sum > 0.0).then(|| color_sum.map(|sum| sum / weight_sum))
    }
}

/// The sum over all shares, each of which has one; in order, whatever the threads.
fn sum_of_shares<T: Send>(
    shares: impl IndexedParallelIterator<Item = T>,
    sum_of: impl Fn(T) -> [f64; 3] + Send + Sync,
) -> [f64; 3] {
    let sums: Vec<[f64; 3]> = shares.map(sum_of).collect();
    total(&mut sums.into_iter())
}

#[inline]
fn total(values: &mut impl Iterator<Item = [f64; 3]>) -> [f64; 3] {
    values.fold([0.0; 3], |sum, value| std::array::from_fn(|i| sum[i] + value[i]))
}

#[inline]
fn step_along(value: &mut Color, step: [f32; 3], direction: Color) {
    for i in 0..3 {
        value[i] += step[i] * direction[i];
    }
}

#[inline]
fn multiply(a: Color, b: Color) -> [f64; 3] {
    std::array::from_fn(|i| f64::from(a[i]) * f64::from(b[i]))
}

/// 0 where there is nothing left to divide.
fn divide(a: [f64; 3], b: [f64; 3]) -> [f32; 3] {
    std::array::from_fn(|i| if b[i] > 0.0 { (a[i] / b[i]) as f32 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chain of nodes between two fixed colors; the colors of the exact solution lie on a line.
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

    /// A square whose left and right sides lie beside fixed colors.
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
    fn islands_take_what_is_near() {
        let mut graph = chain(3);
        graph.push([9.0; 3], &[Link::new(4)], Anchor::default());
        graph.push([9.0; 3], &[Link::new(3)], Anchor::default());
        let colors = graph.solve(&|node| [node as f32; 3]);
        assert!((colors[3][0] - 3.0).abs() < 0.4 && (colors[4][0] - 4.0).abs() < 0.4, "{colors:?}");
    }

    #[test]
    fn the_number_of_threads_does_not_show() -> Result<(), rayon::ThreadPoolBuildError> {
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
