//! Reading meshes from files and bytes in all supported formats.

mod corners;
mod encoding;
mod glb_container;
mod gltf;
mod gltf_data;
mod gltf_document;
mod gltf_material;
mod gltf_merge;
mod gltf_primitive;
mod gltf_scene;
mod gltf_skin;
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
    /// glTF 2.0, binary (`.glb`) or JSON (`.gltf`).
    Gltf,
    /// Wavefront OBJ.
    Obj,
    /// Stanford PLY: text, or binary of either byte order.
    Ply,
    /// STL: text or binary.
    Stl,
}

impl MeshFormat {
    /// Returns the format that a file's extension names, ignoring case.
    pub fn from_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "glb" | "gltf" => Some(Self::Gltf),
            "obj" => Some(Self::Obj),
            "ply" => Some(Self::Ply),
            "stl" => Some(Self::Stl),
            _ => None,
        }
    }

    /// Detects the format from a file's content. OBJ has no signature and is never detected.
    pub fn from_content(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.strip_prefix(encoding::UTF8_MARK).unwrap_or(bytes);
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

/// Reads a mesh file. The extension determines the format; if it is unknown, the content does.
///
/// All parts of a scene are merged into one mesh, in the scene's coordinates. [`Mesh::parts`] lists
/// their names (cut to 256 bytes) and the properties of their materials that painting keeps.
/// Textures, colors, animations and morph targets are ignored. UVs are kept if every part has them.
/// Polygons are triangulated. Vertices that no triangle uses are dropped; the others keep their
/// order. [`Mesh::warnings`] lists what was changed or left out.
///
/// Of a glTF scene, the transforms of its nodes and the rest pose of its skins are applied. Each
/// primitive of a node's mesh becomes one part, with all instances of the node
/// (`EXT_mesh_gpu_instancing`). Normals are kept if any part has them; where they are missing or
/// zero, vertices get the area-weighted normal of their faces. In other formats, normals are kept
/// if every part has them.
///
/// # Errors
/// [`MeshError::File`] if the file cannot be read, its format is unknown, it is malformed or
/// truncated, it uses an unsupported feature (such as compression), or its mesh is not valid (see
/// [`Mesh::validate`]).
pub fn read_mesh(path: impl AsRef<Path>) -> Result<Mesh, MeshError> {
    let path = path.as_ref();
    let read = || {
        let bytes = std::fs::read(path)?;
        let format = MeshFormat::from_path(path).or_else(|| MeshFormat::from_content(&bytes));
        read_bytes(&bytes, format.ok_or(MeshError::UnknownFormat)?, path.parent())
    };
    read().map_err(|error: MeshError| error.in_file(path))
}

/// Reads a mesh from a file's content, as [`read_mesh`] does. The buffers of a `.gltf` must be
/// embedded.
///
/// # Errors
/// As [`read_mesh`], but not wrapped in [`MeshError::File`].
pub fn read_mesh_from_bytes(bytes: &[u8], format: MeshFormat) -> Result<Mesh, MeshError> {
    read_bytes(bytes, format, None)
}

/// Longest name of a part or material, in bytes. Every part stores a copy of its names, so without
/// a limit a small file with one long name could exhaust the memory.
const NAME_LENGTH_MAX: usize = 256;

/// Cuts a name to [`NAME_LENGTH_MAX`] bytes.
fn short_name(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_LENGTH_MAX)]
}

/// Reads and validates a mesh. `folder` contains the external buffers of a `.gltf`.
fn read_bytes(bytes: &[u8], format: MeshFormat, folder: Option<&Path>) -> Result<Mesh, MeshError> {
    // The comment of a binary STL file may begin with any bytes.
    let bytes = if stl::is_binary(bytes) { bytes } else { encoding::without_mark(bytes, format)? };
    let mut mesh = match format {
        MeshFormat::Gltf => gltf::read(bytes, folder)?,
        MeshFormat::Obj => obj::read(bytes)?,
        MeshFormat::Ply => ply::read(bytes)?,
        MeshFormat::Stl => stl::read(bytes)?,
    };
    mesh.validate_structure()?;
    mesh.drop_non_finite_faces();
    mesh.drop_unused_vertices();
    mesh.validate()?;
    Ok(mesh)
}
