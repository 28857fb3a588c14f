//! What reading a mesh changed or left out.

use std::fmt;

/// Something that reading a mesh changed or left out, although the mesh can be used.
///
/// `Display` gives one sentence for people, in lower case and without a full stop.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MeshWarning {
    /// UVs were dropped, because some are not finite.
    UvsDropped,
    /// Normals were dropped, because some are not finite.
    NormalsDropped,
    /// The header of a binary STL file has another number of triangles than the file.
    TriangleCount {
        /// The number in the header.
        header: u64,
        /// The number of triangles in the file, all of which were read.
        found: u64,
    },
    /// Faces were left out, because a position of theirs is not finite.
    FacesDropped {
        /// The number of faces.
        count: usize,
    },
    /// A skinned mesh was read in the rest pose of its joints.
    RestPose {
        /// The name of the mesh's node, or of the mesh if the node has none; empty if neither has one.
        name: String,
    },
    /// An extension of the file was ignored.
    ExtensionIgnored {
        /// The name of the extension.
        name: String,
    },
}

impl fmt::Display for MeshWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UvsDropped => f.write_str("the UVs were dropped, because some are not finite"),
            Self::NormalsDropped => f.write_str("the normals were dropped, because some are not finite"),
            Self::TriangleCount { header, found } => {
                write!(f, "the header says {header} triangles, the file has {found}; all of them were read")
            }
            Self::FacesDropped { count } => {
                write!(f, "{count} faces were left out, because a position is not finite")
            }
            Self::RestPose { name } => {
                write!(f, "the skinned mesh '{name}' was read in the rest pose of its joints")
            }
            Self::ExtensionIgnored { name } => write!(f, "the extension {name} was ignored"),
        }
    }
}
