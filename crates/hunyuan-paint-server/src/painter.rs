use std::ops::ControlFlow;

use hunyuan_paint::{PaintStage, mesh::MeshFormat};
use image::RgbImage;

use crate::ServerError;

/// What is to be painted, as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct PaintRequest {
    /// The content of a mesh file.
    pub mesh: Vec<u8>,
    /// Its format.
    pub mesh_format: MeshFormat,
    /// The contents of image files (PNG, JPEG, WebP), at least one; the first shows the front.
    pub images: Vec<Vec<u8>>,
    /// The seed of the views.
    pub seed: u64,
    /// A mesh with more triangles is simplified to about so many.
    pub face_count: usize,
}

/// How far a painting has come.
pub struct PaintProgress<'a> {
    /// The stage that is running.
    pub stage: PaintStage,
    /// Its share that is done, 0 to 1.
    pub fraction: f32,
    /// Makes what there is to see so far, which may take a while; empty if there is nothing.
    pub preview: &'a dyn Fn() -> Vec<RgbImage>,
}

/// Called with every progress; `Break` asks the painter to stop.
pub type ProgressSink<'a> = dyn FnMut(&PaintProgress<'_>) -> ControlFlow<()> + Send + 'a;

/// Whatever turns a mesh and an image into a textured GLB. Each painter works on one request at a time, on a
/// thread of its own; [`PipelinePainter`](crate::PipelinePainter) is the real one.
pub trait Painter: Send + Sync {
    /// Looks whether a request can be painted, before it is queued.
    ///
    /// # Errors
    /// [`ServerError::Unusable`] or [`ServerError::Field`] if it cannot.
    fn check(&self, _request: &PaintRequest) -> Result<(), ServerError> {
        Ok(())
    }

    /// Whether it can still paint; asked after a painting that failed unexpectedly. One that cannot is asked for nothing more.
    fn works(&self) -> bool {
        true
    }

    /// Paints; the result is the content of a GLB file.
    ///
    /// # Errors
    /// [`ServerError::Cancelled`] if `on_progress` says `Break`, otherwise whatever went wrong.
    fn paint(
        &self,
        request: &PaintRequest,
        on_progress: &mut ProgressSink<'_>,
    ) -> Result<Vec<u8>, ServerError>;
}
