//! Generators of inputs from a fuzzer's bytes: numbers of all magnitudes, valid and invalid meshes,
//! images, cameras.

mod meshes;
mod scenes;
mod values;

pub use meshes::{mesh, canonical_mesh};
pub use scenes::{Scene, check_visibility};
pub use values::{camera, choice, image, number, ordinary, texture_size};

use glam::Vec3;
use hunyuan_paint_mesh::{Mesh, MeshFormat, glb_bytes, read_mesh_from_bytes};

/// Reads a mesh file. A mesh that is read must be valid, and one with UVs must survive being
/// written and read again.
///
/// # Panics
/// If not.
pub fn read(bytes: &[u8], format: MeshFormat) {
    let Ok(mesh) = read_mesh_from_bytes(bytes, format) else { return };
    mesh.validate().expect("what was read is valid");
    if mesh.uvs.is_none() {
        return;
    }
    let texture = image::RgbImage::new(1, 1);
    let glb = glb_bytes(&mesh, &texture).expect("a valid mesh with UVs can be written");
    let again = read_mesh_from_bytes(&glb, MeshFormat::Gltf).expect("what was written can be read");
    assert!(corners(&again) == corners(&mesh), "{again:?} is not {mesh:?}");
}

/// Returns the positions of all face corners. Parts that share vertices are written with vertices of
/// their own, so indices may change.
fn corners(mesh: &Mesh) -> Vec<Vec3> {
    mesh.faces.iter().flatten().map(|&vertex| mesh.positions[vertex as usize]).collect()
}
