//! The mesh in canonical space, in which views are rendered and textures are baked.

use glam::{Vec2, Vec3};

use crate::{Mesh, MeshError};

/// [`CanonicalMesh::DIAMETER`] in double precision. The reference computes the scale from this
/// value, not from the one rounded to float32.
const CANONICAL_DIAMETER: f64 = 1.15;

/// A mesh with UVs in canonical space.
///
/// An object-space point (x, y, z) becomes (−x, z, −y). The mesh is then translated so that its
/// bounding box is centered on the origin, and scaled so that the farthest vertex lies at a
/// distance of [`CanonicalMesh::DIAMETER`]` / 2` from it. Vertices and faces keep their order.
///
/// This mirrors the mesh: faces are clockwise seen from outside, and the normals computed from them
/// ([`vertex_normals`](crate::vertex_normals)) point inward. The models were trained on such
/// meshes. For an object whose y axis points up, the z axis of canonical space points down.
#[derive(Clone, Debug, PartialEq)]
pub struct CanonicalMesh {
    /// One position per vertex, within a ball of radius `DIAMETER / 2`.
    pub positions: Vec<Vec3>,
    /// Three vertex indices per triangle.
    pub faces: Vec<[u32; 3]>,
    /// One texture coordinate per vertex, from 0 to 1. The origin is the image's **top**-left
    /// corner, so v grows with the texel's row.
    pub uvs: Vec<Vec2>,
}

impl CanonicalMesh {
    /// Diameter of the ball around the origin that the mesh is scaled to fit.
    pub const DIAMETER: f32 = CANONICAL_DIAMETER as f32;

    /// Transforms a mesh with UVs to canonical space.
    ///
    /// # Errors
    /// If the mesh is not valid (see [`Mesh::validate`]), has no UVs, or has a UV outside 0 to 1.
    pub fn new(mesh: &Mesh) -> Result<Self, MeshError> {
        mesh.validate()?;
        let uvs = mesh.uvs.as_ref().ok_or(MeshError::MissingUvs)?;
        let unit = 0.0..=1.0;
        if let Some(vertex) = uvs.iter().position(|uv| !unit.contains(&uv.x) || !unit.contains(&uv.y)) {
            let Vec2 { x: u, y: v } = uvs[vertex];
            return Err(MeshError::UvOutsideTexture { vertex, u, v });
        }
        Ok(Self {
            positions: canonical_from_object(&mesh.positions),
            faces: mesh.faces.clone(),
            uvs: uvs.iter().map(|uv| Vec2::new(uv.x, 1.0 - uv.y)).collect(),
        })
    }
}

/// Transforms positions from object space to canonical space. As in the reference, everything
/// except the scale is computed in single precision.
fn canonical_from_object(positions_object: &[Vec3]) -> Vec<Vec3> {
    let mirrored: Vec<Vec3> = positions_object.iter().map(|p| Vec3::new(-p.x, p.z, -p.y)).collect();
    let first = mirrored.first().copied().unwrap_or_default();
    let (min, max) = mirrored.iter().fold((first, first), |(min, max), &p| (min.min(p), max.max(p)));
    let center = (max + min) / 2.0;
    let radius = mirrored.iter().map(|&p| (p - center).length()).fold(0.0_f32, f32::max);
    let scale = (CANONICAL_DIAMETER / f64::from(radius * 2.0)) as f32;
    mirrored.into_iter().map(|p| (p - center) * scale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mesh() -> Mesh {
        Mesh {
            positions: vec![Vec3::ZERO, Vec3::new(4.0, 0.0, 0.0), Vec3::new(0.0, 2.0, 0.0)],
            faces: vec![[0, 1, 2]],
            uvs: Some(vec![Vec2::ZERO, Vec2::X, Vec2::new(0.0, 0.75)]),
            ..Mesh::default()
        }
    }

    #[test]
    fn positions_are_mirrored_centered_and_scaled_and_v_is_flipped() -> Result<(), MeshError> {
        let canonical = CanonicalMesh::new(&mesh())?;
        let unit = 0.575 / 5.0_f32.sqrt();
        assert!(canonical.positions[0].distance(Vec3::new(2.0, 0.0, 1.0) * unit) < 1e-6);
        assert!(canonical.positions[1].distance(Vec3::new(-2.0, 0.0, 1.0) * unit) < 1e-6);
        assert!(canonical.positions[2].distance(Vec3::new(2.0, 0.0, -1.0) * unit) < 1e-6);
        assert_eq!(canonical.uvs, [Vec2::new(0.0, 1.0), Vec2::new(1.0, 1.0), Vec2::new(0.0, 0.25)]);
        Ok(())
    }

    #[test]
    fn canonical_space_mirrors_the_mesh() -> Result<(), MeshError> {
        let canonical = CanonicalMesh::new(&mesh())?;
        let [a, b, c] = [0, 1, 2].map(|i| canonical.positions[i]);
        // The object-space normal +z maps to +y. The normal computed from the mirrored face is its
        // opposite.
        assert!((b - a).cross(c - a).normalize().distance(Vec3::NEG_Y) < 1e-6);
        Ok(())
    }

    #[test]
    fn missing_or_out_of_range_uvs_are_rejected() {
        let without = Mesh { uvs: None, ..mesh() };
        assert!(matches!(CanonicalMesh::new(&without), Err(MeshError::MissingUvs)));
        for bad in [-0.01, 1.01, f32::NAN] {
            let mut outside = mesh();
            outside.uvs = Some(vec![Vec2::ZERO, Vec2::new(0.5, bad), Vec2::ONE]);
            assert!(matches!(
                CanonicalMesh::new(&outside),
                Err(MeshError::UvOutsideTexture { vertex: 1, .. })
            ));
        }
    }
}
