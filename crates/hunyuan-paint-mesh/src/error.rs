//! The errors of this crate.

use std::path::PathBuf;

use crate::read::MeshFormat;

/// The reason why a mesh, a camera list or a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeshError {
    /// A file cannot be read or written, or its mesh is not usable.
    #[error("{}: cannot be used", path.display())]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The cause.
        source: Box<Self>,
    },
    /// The operating system reported an error while reading or writing.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Neither the extension nor the content of a file identifies a supported format.
    #[error("not a mesh format that can be read: expected .glb, .gltf, .obj, .ply or .stl")]
    UnknownFormat,
    /// The content violates the rules of its format.
    #[error("malformed {format}: {reason}")]
    Malformed {
        /// The expected format.
        format: MeshFormat,
        /// The violated rule: what was expected and what was found.
        reason: String,
    },
    /// Reading or writing the file requires a feature that this crate does not support.
    #[error("unsupported {format}: {feature}")]
    Unsupported {
        /// The format of the file.
        format: MeshFormat,
        /// The unsupported feature.
        feature: String,
    },
    /// The mesh has no triangles.
    #[error("the mesh has no triangles")]
    NoFaces,
    /// A face refers to a vertex that does not exist.
    #[error("face {face} names vertex {index}, but there are {vertex_count} vertices")]
    IndexOutOfRange {
        /// The index of the face, from 0.
        face: usize,
        /// The vertex index that is out of range.
        index: u32,
        /// The number of vertices.
        vertex_count: usize,
    },
    /// The number of an attribute's values differs from the number of vertices.
    #[error("{attribute}: expected {expected}, one per vertex, found {found}")]
    AttributeLength {
        /// The name of the attribute.
        attribute: &'static str,
        /// The number of vertices.
        expected: usize,
        /// The number of values.
        found: usize,
    },
    /// A part does not start where the previous one ends, or ends before it starts.
    #[error("part {part}: expected a range of faces from {expected_start} on, found {range:?}")]
    PartRange {
        /// The index of the part, from 0.
        part: usize,
        /// The part's range of faces.
        range: std::ops::Range<usize>,
        /// The face at which the part must start.
        expected_start: usize,
    },
    /// The parts do not end at the mesh's last face.
    #[error("parts: expected {expected} faces, as many as the mesh has, found {found}")]
    PartsLength {
        /// The number of faces of the mesh.
        expected: usize,
        /// The end of the last part's range of faces.
        found: usize,
    },
    /// An attribute is NaN or infinite.
    #[error("{attribute} of vertex {vertex} is not finite")]
    NotFinite {
        /// The name of the attribute.
        attribute: &'static str,
        /// The index of the vertex, from 0.
        vertex: usize,
    },
    /// The mesh is a single point, or so small or large that the square of its size underflows or
    /// overflows in float32.
    #[error("bounding box of the mesh: expected a diagonal of 1e-15 to 1e15, found {extent:e}")]
    Extent {
        /// The length of the bounding box's diagonal.
        extent: f64,
    },
    /// All triangles are degenerate: their area is zero or negligible.
    #[error("every triangle of the mesh has zero or negligible area")]
    ZeroArea,
    /// The operation needs UVs and the mesh has none.
    #[error("the mesh has no UVs")]
    MissingUvs,
    /// A UV lies outside the texture.
    #[error("UV of vertex {vertex}: expected 0 to 1, found ({u}, {v})")]
    UvOutsideTexture {
        /// The index of the vertex, from 0.
        vertex: usize,
        /// The horizontal coordinate.
        u: f32,
        /// The vertical coordinate.
        v: f32,
    },
    /// The unwrapper failed.
    #[error("unwrapping failed")]
    Unwrap {
        /// The error of the unwrapper.
        source: uvunwrap::Error,
    },
    /// A texture cannot be encoded.
    #[error("the texture cannot be encoded")]
    Texture {
        /// The error of the encoder.
        source: image::ImageError,
    },
    /// A parameter lies outside its range.
    #[error("{parameter}: expected {expected}, found {found}")]
    Parameter {
        /// The name of the parameter.
        parameter: &'static str,
        /// The permitted values.
        expected: &'static str,
        /// The value found.
        found: String,
    },
    /// The progress callback asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A camera list is not JSON of the expected form.
    #[error("camera list: expected a JSON array of objects with azimuth, elevation and optional weight")]
    CameraJson {
        /// The error of the parser.
        source: serde_json::Error,
    },
    /// A camera list is empty or too long.
    #[error("camera list: expected 1 to {limit} cameras, found {found}")]
    CameraCount {
        /// The largest number allowed.
        limit: usize,
        /// The number found.
        found: usize,
    },
    /// A value of a camera is out of range.
    #[error("camera {camera}: {field}: expected {expected}, found {found}")]
    CameraField {
        /// The index of the camera, from 0.
        camera: usize,
        /// The name of the value.
        field: &'static str,
        /// The permitted values.
        expected: &'static str,
        /// The value found.
        found: f32,
    },
    /// Every camera of a list has weight 0, so no view would contribute to the texture.
    #[error("camera list: every weight is 0, expected at least one above 0")]
    CameraWeights,
}

impl MeshError {
    /// Wraps the error in [`MeshError::File`] with the path of the file that caused it.
    pub(crate) fn in_file(self, path: &std::path::Path) -> Self {
        Self::File { path: path.to_owned(), source: Box::new(self) }
    }
}
