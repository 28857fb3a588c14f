//! Everything that can be wrong with a mesh, a camera list or a file.

use std::path::PathBuf;

use crate::read::MeshFormat;

/// Why a mesh or a list of cameras cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeshError {
    /// A file cannot be used; `source` says why.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<Self>,
    },
    /// The system refused to read or write.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Neither the file's name nor its content says what format it has.
    #[error("not a mesh format that can be read: expected .glb, .gltf, .obj, .ply or .stl")]
    UnknownFormat,
    /// The bytes are not what their format asks for.
    #[error("malformed {format}: {reason}")]
    Malformed {
        /// The format that was expected.
        format: MeshFormat,
        /// What was expected, and what was found.
        reason: String,
    },
    /// The file is well-formed, but uses something that this crate cannot read.
    #[error("unsupported {format}: {feature}")]
    Unsupported {
        /// The format of the file.
        format: MeshFormat,
        /// What it uses.
        feature: String,
    },
    /// There is not one triangle.
    #[error("the mesh has no triangles")]
    NoFaces,
    /// A face names a vertex that does not exist.
    #[error("face {face} names vertex {index}, but there are {vertex_count} vertices")]
    IndexOutOfRange {
        /// The face, counted from 0.
        face: usize,
        /// The vertex that it names.
        index: u32,
        /// How many vertices there are.
        vertex_count: usize,
    },
    /// An attribute has another number of values than the mesh has vertices.
    #[error("{attribute}: expected one for each of {expected} vertices, found {found}")]
    AttributeLength {
        /// Which attribute.
        attribute: &'static str,
        /// The number of vertices.
        expected: usize,
        /// The number of values.
        found: usize,
    },
    /// A part does not start where the one before it ends, or ends before it starts.
    #[error("part {part} has the faces {range:?}; expected a range that starts at {expected_start}")]
    PartRange {
        /// The part, counted from 0.
        part: usize,
        /// Its faces.
        range: std::ops::Range<usize>,
        /// Where it should start.
        expected_start: usize,
    },
    /// The parts have another number of faces than the mesh.
    #[error("the parts end at face {found}, the mesh at face {expected}")]
    PartsLength {
        /// The number of faces.
        expected: usize,
        /// Where the last part ends.
        found: usize,
    },
    /// An attribute is NaN or infinite.
    #[error("{attribute} of vertex {vertex} is not finite")]
    NotFinite {
        /// Which attribute.
        attribute: &'static str,
        /// The vertex, counted from 0.
        vertex: usize,
    },
    /// The mesh is a point, or so small or large that squares of its size leave the range of float32.
    #[error("the mesh's bounding box has a diagonal of {extent:e}; expected 1e-15 to 1e15")]
    Extent {
        /// The diagonal of the bounding box.
        extent: f64,
    },
    /// All triangles are slivers without area.
    #[error("no triangle of the mesh has an area")]
    ZeroArea,
    /// The mesh has no UVs where they are needed.
    #[error("the mesh has no UVs")]
    MissingUvs,
    /// A UV lies outside the texture.
    #[error("the UV of vertex {vertex} is ({u}, {v}); expected 0 to 1")]
    UvOutsideTexture {
        /// The vertex, counted from 0.
        vertex: usize,
        /// Its u.
        u: f32,
        /// Its v.
        v: f32,
    },
    /// The unwrapper failed.
    #[error("unwrapping failed: {source}")]
    Unwrap {
        /// What it said.
        source: uvunwrap::Error,
    },
    /// A texture cannot be encoded.
    #[error("texture: {source}")]
    Texture {
        /// What the encoder said.
        source: image::ImageError,
    },
    /// A parameter lies outside its range.
    #[error("{parameter}: expected {expected}, found {found}")]
    Parameter {
        /// Which parameter.
        parameter: &'static str,
        /// The values it may take.
        expected: &'static str,
        /// The value it has.
        found: String,
    },
    /// The progress callback asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A list of cameras is not JSON of the expected form.
    #[error("camera list: {source}")]
    CameraJson {
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A list of cameras has none, or too many.
    #[error("camera list: expected 1 to {limit} cameras, found {found}")]
    CameraCount {
        /// The largest number allowed.
        limit: usize,
        /// The number found.
        found: usize,
    },
    /// A camera has a value out of range.
    #[error("camera {camera}: {field} is {found}; expected {expected}")]
    CameraField {
        /// The camera, counted from 0.
        camera: usize,
        /// Which value.
        field: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: f32,
    },
    /// Every camera of a list has weight 0, so that nothing would be painted.
    #[error("camera list: every weight is 0")]
    CameraWeights,
}

impl MeshError {
    /// Names the file that the error came from.
    pub(crate) fn in_file(self, path: &std::path::Path) -> Self {
        Self::File { path: path.to_owned(), source: Box::new(self) }
    }
}
