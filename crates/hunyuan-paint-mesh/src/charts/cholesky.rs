//! Sparse Cholesky factorization for meshes. It uses only operations that are bit-identical on
//! every platform.

use glam::{DVec2, DVec3};

/// Largest mean number of entries per column of the factor. Surfaces need fewer than 200. The limit
/// bounds the memory for meshes with unusual connectivity.
const FILL_MAX: usize = 600;

/// Number of vertices up to which a part is not dissected further.
const LEAF_SIZE: usize = 24;

/// Number of entries of a row, two for each neighbor, above which a vertex is a hub. Hubs are not
/// dissected.
const HUB_MIN: usize = 100;

/// A sparse symmetric matrix with a row for each vertex of a mesh.
pub(super) struct MeshMatrix {
    diagonal: Vec<f64>,
    /// Off-diagonal entries of each row: column and value. Entries with the same column are summed.
    rows: Vec<Vec<(u32, f64)>>,
}

impl MeshMatrix {
    pub(super) fn zero(vertex_count: usize) -> Self {
        Self { diagonal: vec![0.0; vertex_count], rows: vec![Vec::new(); vertex_count] }
    }

    pub(super) fn add_diagonal(&mut self, i: u32, value: f64) {
        self.diagonal[i as usize] += value;
    }

    /// Adds `value` to the entries (i, j) and (j, i).
    pub(super) fn add_pair(&mut self, i: u32, j: u32, value: f64) {
        self.rows[i as usize].push((j, value));
        self.rows[j as usize].push((i, value));
    }

    /// Factorizes the matrix without the row and column of the last vertex of the ordering, whose
    /// value is fixed to zero. Returns `None` if the remaining matrix is not positive definite, or
    /// its factor exceeds [`FILL_MAX`].
    pub(super) fn factorize(&self, positions: &[DVec3]) -> Option<Cholesky> {
        let order = dissect(positions, &self.rows);
        let mut rank = vec![0; order.len()];
        (0_u32..).zip(&order).for_each(|(r, &vertex)| rank[vertex as usize] = r);
        let size = order.len().saturating_sub(1);
        // The lower triangle, row by row.
        let mut lower: Vec<(u32, f64)> = Vec::new();
        let mut ends = Vec::with_capacity(size);
        for (r, &vertex) in (0_u32..).zip(&order[..size]) {
            let row = self.rows[vertex as usize].iter().map(|&(j, value)| (rank[j as usize], value));
            lower.extend(row.filter(|(c, _)| *c < r));
            ends.push(lower.len());
        }
        let row = |r: usize| &lower[r.checked_sub(1).map_or(0, |p| ends[p])..ends[r]];
        let diagonal = |r: usize| self.diagonal[order[r] as usize];
        factorize(size, row, diagonal).map(|(starts, entries)| Cholesky { order, starts, entries })
    }
}

/// The lower triangular factor L of A = L Lᵀ.
pub(super) struct Cholesky {
    /// Vertex of each row, followed by the vertex that is fixed to zero.
    order: Vec<u32>,
    /// Start of each column in `entries`, and the end of the last one.
    starts: Vec<usize>,
    /// Row and value of the entries, column by column; the diagonal comes first in each.
    entries: Vec<(u32, f64)>,
}

impl Cholesky {
    /// Solves for two right-hand sides at once, one in each component. `right` and the result have
    /// one vector per vertex.
    pub(super) fn solve(&self, right: &[DVec2]) -> Vec<DVec2> {
        let size = self.starts.len() - 1;
        let mut x: Vec<DVec2> = self.order[..size].iter().map(|&vertex| right[vertex as usize]).collect();
        let column = |c: usize| self.entries[self.starts[c]..self.starts[c + 1]].split_first();
        for c in 0..size {
            let Some((&(_, diagonal), below)) = column(c) else { continue };
            x[c] /= diagonal;
            let value = x[c];
            below.iter().for_each(|&(r, l)| x[r as usize] -= value * l);
        }
        for c in (0..size).rev() {
            let Some((&(_, diagonal), below)) = column(c) else { continue };
            let sum = below.iter().fold(x[c], |sum, &(r, l)| sum - x[r as usize] * l);
            x[c] = sum / diagonal;
        }
        let mut solution = vec![DVec2::ZERO; right.len()];
        x.iter().zip(&self.order).for_each(|(x, &vertex)| solution[vertex as usize] = *x);
        solution
    }
}

/// Returns a fill-reducing order of the vertices by nested dissection (George, "Nested Dissection
/// of a Regular Finite Element Mesh", 1973): the two halves of the mesh first, then the separator
/// between them.
fn dissect(positions: &[DVec3], rows: &[Vec<(u32, f64)>]) -> Vec<u32> {
    let mut order = Vec::with_capacity(positions.len());
    let mut side = vec![0_u32; positions.len()];
    let mut stamp = 0;
    // The order is built back to front and reversed at the end. Hubs come last in the reversed
    // order: within the dissection, a hub would put all of its neighbors into the separator.
    let is_hub = |i: &u32| rows[*i as usize].len() > HUB_MIN;
    let (hubs, rest) = (0..positions.len() as u32).partition::<Vec<u32>, _>(is_hub);
    order.extend(hubs);
    let mut stack = vec![rest];
    while let Some(mut part) = stack.pop() {
        if part.len() <= LEAF_SIZE {
            order.extend(part);
            continue;
        }
        let (min, max) = part.iter().fold((DVec3::INFINITY, DVec3::NEG_INFINITY), |(min, max), &i| {
            (min.min(positions[i as usize]), max.max(positions[i as usize]))
        });
        let axis = (max - min).max_position();
        let middle = part.len() / 2;
        let coordinate = |i: &u32| positions[*i as usize][axis];
        part.select_nth_unstable_by(middle, |i, j| coordinate(i).total_cmp(&coordinate(j)).then(i.cmp(j)));
        let mut right = part.split_off(middle);
        stamp += 1;
        part.iter().for_each(|&i| side[i as usize] = stamp);
        let separates = |i: &u32| rows[*i as usize].iter().any(|(j, _)| side[*j as usize] == stamp);
        let separator: Vec<u32> = right.extract_if(.., |i| separates(i)).collect();
        order.extend(separator);
        stack.push(part);
        stack.push(right);
    }
    order.reverse();
    order
}

/// Starts and entries of the columns of a factor, as in [`Cholesky`].
type Columns = (Vec<usize>, Vec<(u32, f64)>);

/// Computes the factor with the up-looking method (Davis, "Direct Methods for Sparse Linear
/// Systems", 2006, chapter 4). `row` returns the entries of a row left of the diagonal. Returns
/// `None` as [`MeshMatrix::factorize`] does.
fn factorize<'a>(
    size: usize,
    row: impl Fn(usize) -> &'a [(u32, f64)],
    diagonal: impl Fn(usize) -> f64,
) -> Option<Columns> {
    let mut tree = EliminationTree::new(size, &row);
    let mut columns = Vec::new();
    let mut starts = vec![0; size + 1];
    let mut count = 0;
    for r in 0..size {
        tree.reach(row(r), r, &mut columns);
        starts[r + 1] += 1;
        columns.iter().for_each(|&c| starts[c as usize + 1] += 1);
        count += columns.len();
        if count > FILL_MAX * size {
            return None;
        }
    }
    (0..size).for_each(|c| starts[c + 1] += starts[c]);

    let mut entries = vec![(0, 0.0); starts[size]];
    let mut next = starts[..size].to_vec();
    let mut x = vec![0.0; size];
    for r in 0..size {
        tree.reach(row(r), r, &mut columns);
        row(r).iter().for_each(|&(c, value)| x[c as usize] += value);
        let mut pivot = diagonal(r);
        for c in columns.iter().map(|&c| c as usize) {
            let (&(_, diagonal), below) = entries[starts[c]..next[c]].split_first()?;
            let l = std::mem::take(&mut x[c]) / diagonal;
            below.iter().for_each(|&(i, value)| x[i as usize] -= value * l);
            pivot -= l * l;
            entries[next[c]] = (r as u32, l);
            next[c] += 1;
        }
        if !(pivot > 0.0 && pivot.is_finite()) {
            return None;
        }
        entries[next[r]] = (r as u32, pivot.sqrt());
        next[r] += 1;
    }
    Some((starts, entries))
}

/// Parent of a root.
const ROOT: u32 = u32::MAX;

/// Elimination tree of the matrix, with scratch space.
struct EliminationTree {
    /// Parent of each column, or [`ROOT`].
    parent: Vec<u32>,
    /// Last stamp with which each column was visited.
    seen: Vec<u32>,
    stamp: u32,
    path: Vec<u32>,
}

impl EliminationTree {
    fn new<'a>(size: usize, row: impl Fn(usize) -> &'a [(u32, f64)]) -> Self {
        // `ancestor` compresses the paths to the root.
        let (mut parent, mut ancestor) = (vec![ROOT; size], vec![ROOT; size]);
        for r in 0..size {
            for &(c, _) in row(r) {
                let mut i = c;
                while i != ROOT && i != r as u32 {
                    let next = std::mem::replace(&mut ancestor[i as usize], r as u32);
                    if next == ROOT {
                        parent[i as usize] = r as u32;
                    }
                    i = next;
                }
            }
        }
        Self { parent, seen: vec![0; size], stamp: 0, path: Vec::new() }
    }

    /// Sets `columns` to the columns in which row `r` of the factor has entries left of the
    /// diagonal, children before parents. `row` holds that row of the matrix.
    fn reach(&mut self, row: &[(u32, f64)], r: usize, columns: &mut Vec<u32>) {
        columns.clear();
        self.stamp += 1;
        self.seen[r] = self.stamp;
        for &(c, _) in row {
            let mut i = c as usize;
            while self.seen[i] != self.stamp {
                self.seen[i] = self.stamp;
                self.path.push(i as u32);
                i = self.parent[i] as usize;
            }
            columns.extend(self.path.drain(..).rev());
        }
        // Each path was added from the top down, and later paths are below or beside earlier ones;
        // reversed, children precede their parents.
        columns.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_laplacian_of_a_grid_is_solved() {
        // 20 by 20 vertices are dissected several times.
        let at = |x: u32, y: u32| y * 20 + x;
        let mut matrix = MeshMatrix::zero(400);
        let mut pairs = Vec::new();
        for (x, y) in (0..20).flat_map(|y| (0..20).map(move |x| (x, y))) {
            pairs.extend((x < 19).then(|| (at(x, y), at(x + 1, y))));
            pairs.extend((y < 19).then(|| (at(x, y), at(x, y + 1))));
        }
        for &(i, j) in &pairs {
            matrix.add_pair(i, j, -1.0);
            matrix.add_diagonal(i, 1.0);
            matrix.add_diagonal(j, 1.0);
        }
        let positions: Vec<DVec3> =
            (0..400).map(|i| DVec3::new(f64::from(i % 20), f64::from(i / 20), 0.0)).collect();
        let wanted: Vec<DVec2> = positions.iter().map(|p| DVec2::new(p.x * p.x, p.y - p.x)).collect();
        let mut right = vec![DVec2::ZERO; 400];
        for (i, j) in pairs.into_iter().map(|(i, j)| (i as usize, j as usize)) {
            right[i] += wanted[i] - wanted[j];
            right[j] += wanted[j] - wanted[i];
        }
        let factor = matrix.factorize(&positions);
        let solution = factor.map(|factor| factor.solve(&right)).unwrap_or_default();
        let shift = wanted[0] - solution[0];
        assert!(solution.iter().zip(&wanted).all(|(x, wanted)| (*x + shift).distance(*wanted) < 1e-9));
    }

    #[test]
    fn a_hub_does_not_fill_in_the_factor() {
        // A wheel of 2,000 spokes.
        let mut matrix = MeshMatrix::zero(2001);
        for i in 1..=2000 {
            for (a, b) in [(0, i), (i, i % 2000 + 1)] {
                matrix.add_pair(a, b, -1.0);
                matrix.add_diagonal(a, 1.0);
                matrix.add_diagonal(b, 1.0);
            }
        }
        let mut positions = vec![DVec3::ZERO];
        positions.extend((0..2000).map(|i| {
            let (sin, cos) = libm::sincos(f64::from(i) * std::f64::consts::TAU / 2000.0);
            DVec3::new(cos, sin, 0.0)
        }));
        let factor = matrix.factorize(&positions);
        assert!(factor.is_some_and(|factor| factor.entries.len() < 20_000));
    }

    #[test]
    fn indefinite_matrices_are_rejected() {
        let mut matrix = MeshMatrix::zero(3);
        matrix.add_pair(1, 2, 2.0);
        (0..3).for_each(|i| matrix.add_diagonal(i, 1.0));
        assert!(matrix.factorize(&[DVec3::ZERO; 3]).is_none());
        assert!(MeshMatrix::zero(0).factorize(&[]).is_some());
    }
}
