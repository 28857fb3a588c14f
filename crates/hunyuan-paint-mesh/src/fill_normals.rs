//! Normals for the vertices of a mesh whose own are unusable.

use glam::{DVec3, Vec3};

/// Replaces each normal that is zero or not finite by the sum of the normals of the vertex's faces,
/// weighted by their areas and normalized; by +z if that is zero, too. Indices must be in range.
pub(crate) fn fill_normals(normals: &mut [Vec3], positions: &[Vec3], faces: &[[u32; 3]]) {
    let is_usable = |normal: Vec3| normal.is_finite() && normal != Vec3::ZERO;
    if normals.iter().all(|&normal| is_usable(normal)) {
        return;
    }
    let mut sums = vec![DVec3::ZERO; normals.len()];
    for face in faces {
        let [a, b, c] = face.map(|i| positions[i as usize].as_dvec3());
        // Twice the area long.
        let normal = (b - a).cross(c - a);
        face.iter().for_each(|&i| sums[i as usize] += normal);
    }
    for (normal, sum) in normals.iter_mut().zip(sums) {
        if !is_usable(*normal) {
            *normal = sum.try_normalize().map_or(Vec3::Z, |sum| sum.as_vec3());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unusable_normals_are_replaced_and_large_faces_count_more() {
        let positions = [Vec3::ZERO, Vec3::X * 3.0, Vec3::Y, Vec3::Z, Vec3::ONE];
        let faces = [[0, 1, 2], [0, 2, 3]];
        let kept = Vec3::new(0.0, 5.0, 0.0);
        let mut normals = [Vec3::ZERO, kept, Vec3::NAN, Vec3::splat(f32::INFINITY), Vec3::ZERO];
        fill_normals(&mut normals, &positions, &faces);
        // The areas are 3 to 1.
        let both = Vec3::new(1.0, 0.0, 3.0).normalize();
        assert!(normals[0].distance(both) < 1e-6 && normals[2].distance(both) < 1e-6);
        assert_eq!((normals[1], normals[3], normals[4]), (kept, Vec3::X, Vec3::Z));
    }
}
