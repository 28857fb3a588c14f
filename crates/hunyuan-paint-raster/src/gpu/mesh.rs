//! The faces and vertex attributes of a mesh on the GPU, cut into chunks that the device can bind.

use std::{borrow::Cow, sync::Arc};

use glam::Vec4;

use super::device::GpuDevice;
use crate::{RasterError, cpu::check_vertices};

/// The size of a vertex in clip space or on the image, and of four attributes, in bytes.
const VERTEX_BYTES: u64 = 16;
/// The size of a face, in bytes.
const FACE_BYTES: u64 = 12;
/// The number of attribute channels that one dispatch interpolates.
pub(super) const GROUP_CHANNELS: usize = 4;

/// The faces of a mesh on the GPU, for any number of views.
#[derive(Debug)]
pub struct GpuMesh {
    pub(super) chunks: Vec<Chunk>,
    /// The numbers of queued medium and large faces of each chunk.
    pub(super) counters: wgpu::Buffer,
    vertex_count: usize,
    face_count: usize,
    device: GpuDevice,
    /// The address identifies the mesh.
    identity: Arc<()>,
}

/// A range of the faces of a mesh, with their vertices.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) first_face: u32,
    pub(super) face_count: u32,
    pub(super) vertex_count: u32,
    /// The indices of the chunk's vertices in the mesh; `None` if the chunk has all of them.
    gather: Option<Vec<u32>>,
    /// The vertex indices, three per face.
    pub(super) faces: wgpu::Buffer,
    /// The vertices on the image, for the view that is being drawn.
    pub(super) vertices: wgpu::Buffer,
    /// The queued faces: those that are too large for one thread.
    pub(super) queue: wgpu::Buffer,
}

impl GpuMesh {
    /// Uploads the faces of a mesh that has `vertex_count` vertices.
    ///
    /// # Errors
    /// Fails if a face refers to a vertex that does not exist, there are more faces than
    /// [`DepthKey::FACE_LIMIT`](crate::DepthKey::FACE_LIMIT), or the device is lost or out of
    /// memory.
    pub async fn new(
        device: &GpuDevice,
        faces: &[[u32; 3]],
        vertex_count: usize,
    ) -> Result<Self, RasterError> {
        check_vertices(faces, vertex_count)?;
        crate::DepthKey::check(faces.len())?;
        device
            .with_error_scopes("uploading a mesh", || {
                let limit = device.binding_limit();
                let chunks: Vec<Chunk> = if vertex_count as u64 * VERTEX_BYTES <= limit {
                    let faces_per_chunk = (limit / FACE_BYTES).max(1) as usize;
                    split(faces, faces_per_chunk)
                        .map(|(first, faces)| Chunk::new(device, first, faces, vertex_count, None))
                        .collect()
                } else {
                    // Each corner of a face becomes a vertex of its own, so that a chunk holds only
                    // its vertices.
                    let faces_per_chunk = (limit / (3 * VERTEX_BYTES)).max(1) as usize;
                    split(faces, faces_per_chunk)
                        .map(|(first, faces)| {
                            let corners: Vec<[u32; 3]> =
                                (0..faces.len() as u32).map(|face| [0, 1, 2].map(|i| 3 * face + i)).collect();
                            let gather = faces.as_flattened().to_vec();
                            Chunk::new(device, first, &corners, gather.len(), Some(gather))
                        })
                        .collect()
                };
                let counters = device.storage("counters", chunks.len() as u64 * 8);
                let (face_count, device) = (faces.len(), device.clone());
                Ok(Self { chunks, counters, vertex_count, face_count, device, identity: Arc::default() })
            })
            .await
    }

    /// Returns the number of vertices that a view must have.
    pub fn vertex_count(&self) -> usize {
        self.vertex_count
    }

    /// Returns the number of faces.
    pub fn face_count(&self) -> usize {
        self.face_count
    }

    pub(super) fn check_device(&self, device: &GpuDevice) -> Result<(), RasterError> {
        match self.device.ptr_eq(device) {
            true => Ok(()),
            false => Err(RasterError::Foreign { resource: "faces", owner: "device" }),
        }
    }

    pub(super) fn check_vertex_values(&self, buffer: &'static str, found: usize) -> Result<(), RasterError> {
        match self.vertex_count {
            expected if expected != found => Err(RasterError::BufferLength { buffer, expected, found }),
            _ => Ok(()),
        }
    }
}

/// Splits the faces into pieces of at most `length`, each with the index of its first face. Without
/// faces, returns one empty piece.
fn split(faces: &[[u32; 3]], length: usize) -> impl Iterator<Item = (u32, &[[u32; 3]])> {
    let none: &[[u32; 3]] = &[];
    let pieces = faces.chunks(length).zip(0_usize..).map(move |(piece, i)| ((i * length) as u32, piece));
    pieces.chain(faces.is_empty().then_some((0, none)))
}

impl Chunk {
    fn new(
        device: &GpuDevice,
        first_face: u32,
        faces: &[[u32; 3]],
        vertex_count: usize,
        gather: Option<Vec<u32>>,
    ) -> Self {
        Self {
            first_face,
            face_count: faces.len() as u32,
            vertex_count: vertex_count as u32,
            gather,
            faces: device.upload("faces", bytemuck::cast_slice(faces), wgpu::BufferUsages::STORAGE),
            vertices: device.storage("vertices on the image", vertex_count as u64 * VERTEX_BYTES),
            queue: device.storage("queue", faces.len() as u64 * 4),
        }
    }

    /// Selects the values of the chunk's vertices from those of all vertices of the mesh.
    fn gather<'a, T: Copy>(&self, values: &'a [T]) -> Cow<'a, [T]> {
        match &self.gather {
            None => Cow::Borrowed(values),
            Some(gather) => gather.iter().map(|&vertex| values[vertex as usize]).collect(),
        }
    }

    /// Uploads the clip-space positions of the chunk's vertices.
    pub(super) fn upload_positions(&self, device: &GpuDevice, clip_positions: &[Vec4]) -> wgpu::Buffer {
        let positions = self.gather(clip_positions);
        device.upload("clip positions", bytemuck::cast_slice(&positions), wgpu::BufferUsages::STORAGE)
    }
}

/// Vertex attributes of one mesh on the GPU.
#[derive(Debug)]
pub struct GpuAttributes {
    channel_count: usize,
    mesh: Arc<()>,
    /// For each chunk, its groups of up to [`GROUP_CHANNELS`] channels.
    pub(super) chunks: Vec<Vec<AttributeGroup>>,
}

#[derive(Debug)]
pub(super) struct AttributeGroup {
    pub(super) first_channel: u32,
    pub(super) channel_count: u32,
    pub(super) values: wgpu::Buffer,
}

impl GpuAttributes {
    /// Uploads `N` values for each vertex of a mesh.
    ///
    /// # Errors
    /// Fails if the length of `attributes` is not the number of vertices, the mesh is on another
    /// device, or the device is lost or out of memory.
    pub async fn new<const N: usize>(
        device: &GpuDevice,
        mesh: &GpuMesh,
        attributes: &[[f32; N]],
    ) -> Result<Self, RasterError> {
        mesh.check_device(device)?;
        mesh.check_vertex_values("attributes", attributes.len())?;
        device
            .with_error_scopes("uploading attributes", || {
                let group = |chunk: &Chunk, first: usize| {
                    let channels = first..N.min(first + GROUP_CHANNELS);
                    let values: Vec<f32> =
                        chunk.gather(attributes).iter().flat_map(|v| &v[channels.clone()]).copied().collect();
                    let bytes = bytemuck::cast_slice(&values);
                    AttributeGroup {
                        first_channel: first as u32,
                        channel_count: channels.len() as u32,
                        values: device.upload("attributes", bytes, wgpu::BufferUsages::STORAGE),
                    }
                };
                let groups =
                    |chunk| (0..N).step_by(GROUP_CHANNELS).map(|first| group(chunk, first)).collect();
                let chunks = mesh.chunks.iter().map(groups).collect();
                Ok(Self { channel_count: N, mesh: Arc::clone(&mesh.identity), chunks })
            })
            .await
    }

    /// Returns the number of values per vertex.
    pub fn channel_count(&self) -> usize {
        self.channel_count
    }

    pub(super) fn check(&self, mesh: &GpuMesh) -> Result<(), RasterError> {
        match Arc::ptr_eq(&self.mesh, &mesh.identity) {
            true => Ok(()),
            false => Err(RasterError::Foreign { resource: "attributes", owner: "mesh" }),
        }
    }
}
