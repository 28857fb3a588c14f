//! Signed distances, negative inside (after Inigo Quilez, "Distance functions" and "Smooth minimum").

use glam::{Vec2, Vec3};

pub(crate) fn capsule(p: Vec3, from: Vec3, to: Vec3, radius: f32) -> f32 {
    let (along, offset) = (to - from, p - from);
    let nearest = (offset.dot(along) / along.length_squared()).clamp(0.0, 1.0);
    (offset - along * nearest).length() - radius
}

/// Returns the distance of a box with rounded edges; `half` includes the rounding.
pub(crate) fn rounded_box(p: Vec3, half: Vec3, rounding: f32) -> f32 {
    let q = p.abs() - half + rounding;
    q.max(Vec3::ZERO).length() + q.max_element().min(0.0) - rounding
}

/// Returns the distance of a cylinder along y with rounded edges; the sizes include the rounding.
pub(crate) fn cylinder(p: Vec3, radius: f32, half_height: f32, rounding: f32) -> f32 {
    let q = Vec2::new(Vec2::new(p.x, p.z).length() - radius, p.y.abs() - half_height) + rounding;
    q.max(Vec2::ZERO).length() + q.max_element().min(0.0) - rounding
}

/// Returns the distance from a line through points in the plane.
pub(crate) fn polyline(p: Vec2, points: &[Vec2]) -> f32 {
    let pieces = points.iter().zip(points.iter().skip(1));
    let distances = pieces.map(|(a, b)| capsule(p.extend(0.0), a.extend(0.0), b.extend(0.0), 0.0));
    distances.fold(f32::INFINITY, f32::min)
}

/// Returns the distance of the union of two shapes, with a fillet of size `fillet` where they meet.
pub(crate) fn smooth_min(a: f32, b: f32, fillet: f32) -> f32 {
    let overlap = (fillet - (a - b).abs()).max(0.0) / fillet;
    a.min(b) - overlap * overlap * fillet / 4.0
}

/// Returns the distance of the intersection of two shapes, with edges rounded as by [`smooth_min`].
pub(crate) fn smooth_max(a: f32, b: f32, fillet: f32) -> f32 {
    -smooth_min(-a, -b, fillet)
}

/// Returns the unit normal of a distance field by central differences along the corners of a tetrahedron.
pub(crate) fn normal(distance: impl Fn(Vec3) -> f32, p: Vec3, step: f32) -> Vec3 {
    const CORNERS: [Vec3; 4] = [
        Vec3::new(1.0, -1.0, -1.0),
        Vec3::new(-1.0, -1.0, 1.0),
        Vec3::new(-1.0, 1.0, -1.0),
        Vec3::new(1.0, 1.0, 1.0),
    ];
    CORNERS.iter().map(|&corner| corner * distance(p + corner * step)).sum::<Vec3>().normalize_or_zero()
}
