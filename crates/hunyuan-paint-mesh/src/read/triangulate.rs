//! Triangulation of polygons.

use glam::{DVec2, DVec3, Vec3};

/// Ear clipping takes cubic time in the worst case. The limit keeps a single face of a malicious
/// file from blocking the reader.
const CONCAVE_CORNERS_MAX: usize = 1024;

/// Returns triangles that cover the polygon, as indices of its corners; none for fewer than three
/// corners.
///
/// Convex polygons become fans. Concave ones are triangulated by ear clipping (Meisters, "Polygons
/// have ears", 1975) in the plane perpendicular to their area vector (Newell). Where no ear is
/// left, as in a self-intersecting polygon, the remaining corners become a fan. A polygon of more
/// than [`CONCAVE_CORNERS_MAX`] corners always becomes a fan.
pub(super) fn triangulate(polygon: &[Vec3]) -> Vec<[usize; 3]> {
    let count = polygon.len();
    if count < 3 {
        return Vec::new();
    }
    let points = if count > 3 { project(polygon) } else { Vec::new() };
    let mut rest: Vec<usize> = (0..count).collect();
    let mut triangles = Vec::with_capacity(count - 2);
    if (4..=CONCAVE_CORNERS_MAX).contains(&count) && !is_convex(&points) {
        // Only reflex or straight corners can lie in an ear, and clipping ears creates no new ones.
        let is_reflex = |&i: &usize| {
            let [a, b, c] = neighbors(&rest, i).map(|k| points[k]);
            doubled_area(a, b, c) <= 0.0
        };
        let reflex: Vec<usize> = (0..count).filter(is_reflex).collect();
        let mut last = 0;
        while rest.len() > 3 {
            // The next ear is often next to the last one.
            let mut candidates = (last..rest.len()).chain(0..last);
            let Some(ear) = candidates.find(|&i| is_ear(&points, &rest, &reflex, i)) else { break };
            triangles.push(neighbors(&rest, ear));
            rest.remove(ear);
            last = ear.saturating_sub(1);
        }
    }
    triangles.extend((2..rest.len()).map(|i| [rest[0], rest[i - 1], rest[i]]));
    triangles
}

/// Projects the polygon onto the plane perpendicular to its area vector, in which it is
/// counter-clockwise.
fn project(polygon: &[Vec3]) -> Vec<DVec2> {
    let origin = polygon[0].as_dvec3();
    let points: Vec<DVec3> = polygon.iter().map(|p| p.as_dvec3() - origin).collect();
    let area = (1..points.len()).map(|i| points[i - 1].cross(points[i])).sum::<DVec3>();
    let (x, y) = area.try_normalize().unwrap_or(DVec3::Z).any_orthonormal_pair();
    points.iter().map(|p| DVec2::new(p.dot(x), p.dot(y))).collect()
}

fn is_convex(points: &[DVec2]) -> bool {
    let next = |i: usize| points[(i + 1) % points.len()];
    (0..points.len()).all(|i| doubled_area(points[i], next(i), next(i + 1)) >= 0.0)
}

/// Returns twice the signed area of a triangle; positive if counter-clockwise.
fn doubled_area(a: DVec2, b: DVec2, c: DVec2) -> f64 {
    (b - a).perp_dot(c - a)
}

fn neighbors(rest: &[usize], i: usize) -> [usize; 3] {
    let count = rest.len();
    [rest[(i + count - 1) % count], rest[i], rest[(i + 1) % count]]
}

/// Whether the triangle at corner `i` of `rest` is an ear: it lies inside the polygon and contains
/// none of the other `reflex` corners.
fn is_ear(points: &[DVec2], rest: &[usize], reflex: &[usize], i: usize) -> bool {
    let corners = neighbors(rest, i);
    let [a, b, c] = corners.map(|k| points[k]);
    let inside = |p: DVec2| {
        doubled_area(a, b, p) >= 0.0 && doubled_area(b, c, p) >= 0.0 && doubled_area(c, a, p) >= 0.0
    };
    doubled_area(a, b, c) > 0.0 && !reflex.iter().any(|k| !corners.contains(k) && inside(points[*k]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(polygon: &[Vec3]) -> f32 {
        let triangle =
            |[a, b, c]: [usize; 3]| (polygon[b] - polygon[a]).cross(polygon[c] - polygon[a]).length() / 2.0;
        triangulate(polygon).into_iter().map(triangle).sum()
    }

    #[test]
    fn convex_polygons_become_fans() {
        let square = [Vec3::ZERO, Vec3::X, Vec3::new(1.0, 1.0, 0.0), Vec3::Y];
        assert_eq!(triangulate(&square), [[0, 1, 2], [0, 2, 3]]);
        assert_eq!(triangulate(&square[..3]), [[0, 1, 2]]);
        assert!(triangulate(&square[..2]).is_empty());
    }

    #[test]
    fn concave_polygons_are_covered_once_in_any_plane_and_orientation() {
        // An arrowhead of area 2 with its notch at corner 0. Fans from corners 1 and 3 would fold
        // over.
        let arrow = [(0.0, 1.0), (-1.0, 0.0), (0.0, 3.0), (1.0, 0.0)];
        for turned in [|x, y| Vec3::new(x, y, 0.0), |x, y| Vec3::new(0.0, y, x)] {
            let mut polygon: Vec<Vec3> = arrow.iter().map(|&(x, y)| turned(x, y)).collect();
            for _ in 0..4 {
                polygon.rotate_left(1);
                assert!((area(&polygon) - 2.0).abs() < 1e-6, "{}", area(&polygon));
            }
        }
    }

    #[test]
    fn a_comb_of_a_thousand_corners_is_covered_once() {
        // Teeth of height 1 on a bar, then a spiral, of which few corners are ears.
        let tooth = |i: usize| {
            let height = if i.is_multiple_of(2) { 1.0 } else { 0.1 };
            Vec3::new(i as f32, height, 0.0)
        };
        let mut comb: Vec<Vec3> = (0..1001).map(tooth).collect();
        comb.extend([Vec3::new(1000.0, 0.0, 0.0), Vec3::ZERO]);
        assert!((area(&comb) - 550.0).abs() < 0.1, "{}", area(&comb));
        let arm = |i: u32, width: f32| {
            let (sin, cos) = libm::sincosf(i as f32 * 0.1);
            Vec3::new(cos, sin, 0.0) * (i as f32 * 0.1 + 1.0 + width)
        };
        let spiral: Vec<Vec3> =
            (0..500).map(|i| arm(i, 0.5)).chain((0..500).rev().map(|i| arm(i, 0.0))).collect();
        let steps = (1..500).map(|i| {
            let quad = [arm(i - 1, 0.5), arm(i, 0.5), arm(i, 0.0), arm(i - 1, 0.0)];
            (quad[2] - quad[0]).cross(quad[3] - quad[1]).length() / 2.0
        });
        let expected: f32 = steps.sum();
        assert!((area(&spiral) / expected - 1.0).abs() < 1e-3, "{} {expected}", area(&spiral));
    }

    #[test]
    fn degenerate_polygons_terminate() {
        assert_eq!(triangulate(&[Vec3::ZERO; 6]).len(), 4);
        let crossed = [Vec3::ZERO, Vec3::new(1.0, 1.0, 0.0), Vec3::X, Vec3::Y];
        assert_eq!(triangulate(&crossed).len(), 2);
        let zigzag: Vec<Vec3> = (0..100_000).map(|i| Vec3::new(i as f32, (i % 2) as f32, 0.0)).collect();
        assert_eq!(triangulate(&zigzag).len(), 99_998);
    }
}
