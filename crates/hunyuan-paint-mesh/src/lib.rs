#![doc = include_str!("../README.md")]

mod camera;
mod canonical_mesh;
mod charts;
mod error;
mod fill_normals;
mod mesh;
mod normals;
mod part;
mod progress;
mod read;
mod simplify;
#[cfg(test)]
mod test_folder;
#[cfg(test)]
mod test_meshes;
mod unwrap;
mod uv_quality;
mod views;
mod warning;
mod write;

pub use camera::{Camera, Projection};
pub use canonical_mesh::CanonicalMesh;
pub use error::MeshError;
pub use mesh::Mesh;
pub use normals::vertex_normals;
pub use part::{AlphaMode, Material, MeshPart};
pub use progress::{UnwrapProgress, UnwrapStage};
pub use read::{MeshFormat, read_mesh, read_mesh_from_bytes};
pub use simplify::simplify;
pub use unwrap::{PreparedMesh, UnwrapOptions, UvMode, UvSource, prepare_uvs};
pub use uv_quality::UvQuality;
pub use views::{
    CameraView, DEFAULT_VIEWS, MAX_CAMERAS, parse_views, trained_cameras, validate_views, view_index,
};
pub use warning::MeshWarning;
pub use write::{glb_bytes, write_atomically, write_glb, write_obj};
