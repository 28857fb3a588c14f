//! What a painting changed or could not use, although it succeeded.

use std::fmt;

use hunyuan_paint_image::ImageWarning;
use hunyuan_paint_mesh::MeshWarning;

/// Something that the user of a painting should know.
///
/// `Display` gives one sentence for people, in lower case and without a full stop.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PaintWarning {
    /// Reading the mesh changed or left out something.
    Mesh(MeshWarning),
    /// A reference image was changed, or cannot serve as it is.
    Image {
        /// The image, from 0.
        image: usize,
        /// What is the matter with it.
        warning: ImageWarning,
    },
    /// Faces are wound the wrong way. They were painted from outside; the mesh keeps its winding, so
    /// that viewers that cull faces from behind do not show them.
    FlippedFaces {
        /// The number of such faces.
        count: usize,
        /// The number of all faces.
        face_count: usize,
    },
}

impl fmt::Display for PaintWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mesh(warning) => write!(f, "mesh: {warning}"),
            Self::Image { image, warning } => write!(f, "image {}: {warning}", image + 1),
            Self::FlippedFaces { count, face_count } => write!(
                f,
                "mesh: {count} of {face_count} faces are wound the wrong way; they were painted from \
                 outside and keep their winding"
            ),
        }
    }
}
