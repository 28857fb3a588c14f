use std::{fmt, ops::ControlFlow};

use hunyuan_paint::{PaintStage, mesh::MeshFormat};
use image::RgbImage;

use crate::ServerError;

/// A mesh and images to paint, as the client sent them.
#[derive(Clone, Debug, PartialEq)]
pub struct PaintRequest {
    /// The content of a mesh file.
    pub mesh: Vec<u8>,
    /// The format of the mesh file.
    pub mesh_format: MeshFormat,
    /// The contents of image files (PNG, JPEG, WebP), at least one. The first shows the front.
    pub images: Vec<Vec<u8>>,
    /// The seed of the generated views.
    pub seed: u64,
    /// A mesh with more triangles is simplified to about this many.
    pub face_count: usize,
}

/// The progress of a painting.
pub struct PaintProgress<'a> {
    /// The running stage.
    pub stage: PaintStage,
    /// The finished share of the stage, 0 to 1.
    pub fraction: f32,
    /// Renders previews, which may take a while. Empty if there are none.
    pub preview: &'a dyn Fn() -> Vec<RgbImage>,
}

impl fmt::Debug for PaintProgress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("PaintProgress");
        debug.field("stage", &self.stage).field("fraction", &self.fraction).finish_non_exhaustive()
    }
}

/// A callback for progress. `Break` asks the painter to stop.
pub type ProgressSink<'a> = dyn FnMut(&PaintProgress<'_>) -> ControlFlow<()> + Send + 'a;

/// Turns a mesh and images into a textured GLB. Each painter paints one request at a time, on its
/// own thread. [`PipelinePainter`](crate::PipelinePainter) is the one that uses the networks.
pub trait Painter: Send + Sync {
    /// Checks before a request is queued whether it can be painted.
    ///
    /// # Errors
    /// [`ServerError::Unusable`], [`ServerError::TooComplex`] or [`ServerError::Field`] if it cannot.
    fn check(&self, _request: &PaintRequest) -> Result<(), ServerError> {
        Ok(())
    }

    /// Returns whether the painter can paint further jobs. Called after a painting failed
    /// unexpectedly. A painter that cannot is retired.
    fn works(&self) -> bool {
        true
    }

    /// Paints, and returns the content of a GLB file.
    ///
    /// # Errors
    /// [`ServerError::Cancelled`] if `on_progress` returned `Break`, otherwise the reason of the
    /// failure. The reason in [`ServerError::Painting`] goes to the log only.
    fn paint(
        &self,
        request: &PaintRequest,
        on_progress: &mut ProgressSink<'_>,
    ) -> Result<Vec<u8>, ServerError>;
}
