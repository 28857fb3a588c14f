//! A mesh without texture or UVs as binary glTF 2.0.

use glam::Vec3;
use hunyuan_paint::mesh::Mesh;

/// The content of a `.glb` file: positions, normals if there are any, and triangles.
pub(crate) fn glb_bytes(mesh: &Mesh) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let Mesh { positions, faces, normals, .. } = mesh;
    let (min, max) = positions.iter().fold((Vec3::MAX, Vec3::MIN), |(l, h), &p| (l.min(p), h.max(p)));
    let normals = normals.as_deref().unwrap_or_default();
}
