//! Smooth vertex normals.

use glam::{DVec3, Vec3};

/// Lower bound of the length that a face normal is divided by. Shorter normals stay shorter than 1.
const FACE_NORMAL_MIN: f32 = 1e-12;

/// Sums of face normals up to this length are not normalized.
const VERTEX_NORMAL_MIN: f64 = 100.0 * f64::EPSILON;

/// Returns one normal per vertex: the normalized, unweighted mean of the unit normals of its faces.
///
/// A vertex without faces, or whose face normals cancel out, gets a normal that is zero or almost
/// zero. Triangles are counter-clockwise seen from the side that their normal points to. Faces with
/// an index out of range are skipped.
pub fn vertex_normals(positions: &[Vec3], faces: &[[u32; 3]]) -> Vec<Vec3> {
    let mut sums = vec![Vec3::ZERO; positions.len()];
    for face in faces {
        let corners = face.map(|i| positions.get(i as usize).copied());
        let [Some(a), Some(b), Some(c)] = corners else { continue };
        let normal = cross(b - a, c - a);
        let unit_normal = normal / length(normal).max(FACE_NORMAL_MIN);
        for &i in face {
            sums[i as usize] += unit_normal;
        }
    }
    sums.into_iter().map(normalized_or_unchanged).collect()
}

/// Returns the cross product, computed with fused multiply-add. Unlike glam's, it matches the
/// reference bit for bit.
fn cross(a: Vec3, b: Vec3) -> Vec3 {
    let difference = |p: f32, q: f32, r: f32, s: f32| p.mul_add(q, -(r * s));
    Vec3::new(difference(a.y, b.z, a.z, b.y), difference(a.z, b.x, a.x, b.z), difference(a.x, b.y, a.y, b.x))
}

/// Returns the length, computed with fused multiply-add as in the reference.
fn length(v: Vec3) -> f32 {
    v.z.mul_add(v.z, v.y.mul_add(v.y, v.x * v.x)).sqrt()
}

/// Normalizes a vector that is longer than [`VERTEX_NORMAL_MIN`]. Squares in single precision and
/// everything else in double match the reference bit for bit.
fn normalized_or_unchanged(sum: Vec3) -> Vec3 {
    let squares = (sum * sum).as_dvec3();
    let length = (squares.x + squares.y + squares.z).sqrt();
    let sum: DVec3 = sum.as_dvec3();
    let unit = if length > VERTEX_NORMAL_MIN { sum / length } else { sum };
    unit.as_vec3()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faces_have_equal_weight_regardless_of_area() {
        let positions = [Vec3::ZERO, Vec3::X * 9.0, Vec3::Y, Vec3::Z];
        let normals = vertex_normals(&positions, &[[0, 1, 2], [0, 2, 3]]);
        let half = 0.5_f32.sqrt();
        assert!(normals[0].distance(Vec3::new(half, 0.0, half)) < 1e-6);
        assert_eq!(normals[1], Vec3::Z);
        assert_eq!(normals[3], Vec3::X);
    }

    #[test]
    fn degenerate_faces_and_bad_indices_give_zero_normals() {
        let positions = [Vec3::ZERO, Vec3::X, Vec3::X];
        assert_eq!(vertex_normals(&positions, &[[0, 1, 2], [0, 1, 9]]), [Vec3::ZERO; 3]);
    }
}
