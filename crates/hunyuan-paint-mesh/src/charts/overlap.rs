//! Finds overlapping triangles.

use glam::DVec2;

/// Depth of penetration up to which triangles count as touching, not overlapping.
const DEPTH_MIN: f64 = 1e-10;

/// Returns the indices of two overlapping triangles, the smaller one first, or `None` if no
/// triangles overlap. The coordinates must be 0 to 1. The result is deterministic.
pub(super) fn find_overlap(triangles: &[[DVec2; 3]]) -> Option<(usize, usize)> {
    // The unit square is divided into strips about as high as a triangle. Each strip lists its
    // triangles from left to right.
    let strip_count = (triangles.len() as f64).sqrt().ceil();
    let strip = |y: f64| (y * strip_count).clamp(0.0, strip_count) as u32;
    let boxes: Vec<[DVec2; 2]> =
        triangles.iter().map(|[a, b, c]| [a.min(*b).min(*c), a.max(*b).max(*c)]).collect();
    let mut entries = Vec::with_capacity(triangles.len() * 2);
    for (i, [min, max]) in (0_u32..).zip(&boxes) {
        entries.extend((strip(min.y)..=strip(max.y)).map(|strip| (strip, min.x, i)));
    }
    entries.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
    for (k, &(row, _, i)) in entries.iter().enumerate() {
        let [min, max] = boxes[i as usize];
        for &(_, _, j) in entries[k + 1..].iter().take_while(|(r, x, _)| *r == row && *x < max.x) {
            let [other_min, other_max] = boxes[j as usize];
            let (low, high) = (min.y.max(other_min.y), max.y.min(other_max.y));
            // A pair that shares several strips is tested only in the lowest.
            if low < high && strip(low) == row && overlap(&triangles[i as usize], &triangles[j as usize]) {
                return Some((i.min(j) as usize, i.max(j) as usize));
            }
        }
    }
    None
}

/// Returns whether two triangles overlap: no edge of either one is a separating axis.
fn overlap(first: &[DVec2; 3], second: &[DVec2; 3]) -> bool {
    let separates = |a: DVec2, b: DVec2| {
        let axis = (b - a).perp().normalize_or_zero();
        let range = |[a, b, c]: &[DVec2; 3]| {
            let [a, b, c] = [a.dot(axis), b.dot(axis), c.dot(axis)];
            (a.min(b).min(c), a.max(b).max(c))
        };
        let ((min, max), (other_min, other_max)) = (range(first), range(second));
        axis != DVec2::ZERO && (max <= other_min + DEPTH_MIN || other_max <= min + DEPTH_MIN)
    };
    let edges = |t: &[DVec2; 3]| [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])];
    !edges(first).into_iter().chain(edges(second)).any(|(a, b)| separates(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triangle(x: f64, y: f64, size: f64) -> [DVec2; 3] {
        [DVec2::new(x, y), DVec2::new(x + size, y), DVec2::new(x, y + size)]
    }

    #[test]
    fn touching_triangles_do_not_overlap() {
        let mut grid: Vec<_> = (0..100)
            .flat_map(|i| {
                let (x, y) = (f64::from(i % 10) / 10.0, f64::from(i / 10) / 10.0);
                let corner = DVec2::new(x + 0.1, y + 0.1);
                let lower = triangle(x, y, 0.1);
                [lower, [corner, lower[2], lower[1]]]
            })
            .collect();
        assert_eq!(find_overlap(&grid), None);
        grid.push(triangle(0.31, 0.32, 0.01));
        assert_eq!(find_overlap(&grid), Some((66, 200)));
        assert_eq!(find_overlap(&[triangle(0.1, 0.1, 0.8), triangle(0.1, 0.1, 0.8)]), Some((0, 1)));
        assert_eq!(find_overlap(&[]), None);
    }
}
