//! Reading meshes from files and bytes, whatever their format.

mod corners;
mod gltf;
mod gltf_data;
mod gltf_material;
mod obj;
mod ply;
mod ply_header;
mod stl;
mod triangulate;

use std::{fmt, path::Path};

use crate::{Mesh, MeshError};

/// A file format for meshes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MeshFormat {
    /// glTF 2.0, as one binary file (`.glb`) or as JSON (`.gltf`).
    Gltf,
    /// Wavefront OBJ.
    Obj,
    /// Stanford PLY: text, or binary of either byte order.
    Ply,
    /// STL: text or binary.
    Stl,
}

impl MeshFormat {
    /// The format that a file's extension names, in upper or lower case.
    pub fn from_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "glb" | "gltf" => Some(Self::Gltf),
            "obj" => Some(Self::Obj),
            "ply" => Some(Self::Ply),
            "stl" => Some(Self::Stl),
            _ => None,
        }
    }

    /// The format that a file's first bytes betray. OBJ has no mark of its own and is never guessed.
    pub fn from_content(bytes: &[u8]) -> Option<Self> {
        let text = bytes.trim_ascii_start();
        match () {
            () if bytes.starts_with(b"glTF") || text.starts_with(b"{") => Some(Self::Gltf),
            () if text.starts_with(b"ply") => Some(Self::Ply),
            () if stl::is_text(bytes) || stl::is_binary(bytes) => Some(Self::Stl),
            () => None,
        }
    }
}

impl fmt::Display for MeshFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gltf => "glTF",
            Self::Obj => "OBJ",
            Self::Ply => "PLY",
            Self::Stl => "STL",
        })
    }
}

/// Reads a mesh file. Its extension names the format; where that says nothing, its first bytes do.
///
/// All parts of a scene are merged into one mesh, in the scene's coordinates; [`Mesh::parts`] says what they were
/// called (by their first 256 bytes) and what of their materials survives painting. Textures, colors, animations, skins and morph targets
/// are left behind. UVs and normals are kept if every part has them.
/// Polygons are triangulated; vertices that no triangle uses are dropped, the others keep their order.
///
/// # Errors
/// [`MeshError::File`] with the path and the reason: the file cannot be read, its format is unknown, it is
/// malformed or truncated, it needs something unsupported (such as compression), or the mesh that it holds is
/// not valid (see [`Mesh::validate`]).
pub fn read_mesh(path: impl AsRef<Path>) -> Result<Mesh, MeshError> {
    let path = path.as_ref();
    let read = || {
        let bytes = std::fs::read(path)?;
        let format = MeshFormat::from_path(path).or_else(|| MeshFormat::from_content(&bytes));
        read_bytes(&bytes, format.ok_or(MeshError::UnknownFormat)?, path.parent())
    };
    read().map_err(|error: MeshError| error.in_file(path))
}

/// Reads a mesh from a file's content, as [`read_mesh`] does. A `.gltf` must hold its buffers itself.
///
/// # Errors
/// As [`read_mesh`], but without the path.
pub fn read_mesh_from_bytes(bytes: &[u8], format: MeshFormat) -> Result<Mesh, MeshError> {
    read_bytes(bytes, format, None)
}

/// Every part has a copy of its names: without a limit, a small file could fill the memory with one long name.
const NAME_LENGTH_MAX: usize = 256;

/// The name of a part or a material; only the start of one that is too long.
fn short_name(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_LENGTH_MAX)]
}

/// `folder` is where the other files of a `.gltf` are looked for.
fn read_bytes(bytes: &[u8], format: MeshFormat, folder: Option<&Path>) -> Result<Mesh, MeshError> {
    let mut mesh = match format {
        MeshFormat::Gltf => gltf::read(bytes, folder)?,
        MeshFormat::Obj => obj::read(bytes)?,
        MeshFormat::Ply => ply::read(bytes)?,
        MeshFormat::Stl => stl::read(bytes)?,
    };
    mesh.validate_structure()?;
    mesh.drop_unused_vertices();
    mesh.validate()?;
    Ok(mesh)
}
