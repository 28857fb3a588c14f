use std::{fmt, ops::ControlFlow};

use image::RgbImage;

use crate::PaintError;

/// A stage of painting, in the order in which they run.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display, strum::IntoStaticStr, strum::VariantArray,
)]
#[strum(serialize_all = "lowercase")]
#[non_exhaustive]
pub enum PaintStage {
    /// The mesh gets UVs.
    Unwrap,
    /// Normal and position maps are rendered.
    Conditions,
    /// Light and shadow are removed from the reference images.
    Delight,
    /// The views are painted.
    Views,
    /// The views become a texture.
    Bake,
}

impl PaintStage {
    /// All stages, in the order in which they run.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Returns its name, for people.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// How far painting has come. Every stage reports 0 when it starts and 1 when it is done.
pub struct Progress<'a> {
    /// The stage that is running.
    pub stage: PaintStage,
    /// Its share that is done, 0 to 1.
    pub fraction: f32,
    preview: Option<&'a dyn Fn() -> Result<Vec<RgbImage>, PaintError>>,
}

impl fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, fraction, .. } = self;
        f.debug_struct("Progress").field("stage", stage).field("fraction", fraction).finish_non_exhaustive()
    }
}

impl<'a> Progress<'a> {
    /// Progress without a preview.
    pub(crate) fn new(stage: PaintStage, fraction: f32) -> Self {
        Self { stage, fraction, preview: None }
    }

    pub(crate) fn with_preview(self, preview: &'a dyn Fn() -> Result<Vec<RgbImage>, PaintError>) -> Self {
        Self { preview: Some(preview), ..self }
    }

    /// What the stage has made so far: the normal maps, the reference image or the views as the model
    /// imagines them now. Empty where there is nothing to see. While denoising, this runs the decoder.
    ///
    /// # Errors
    /// If the decoder fails.
    pub fn preview(&self) -> Result<Vec<RgbImage>, PaintError> {
        self.preview.map_or_else(|| Ok(Vec::new()), |preview| preview())
    }
}

/// Called with every progress; `Break` cancels the painting. It may paint with the same pipeline.
pub type ProgressCallback<'a> = dyn FnMut(&Progress<'_>) -> ControlFlow<()> + Send + 'a;

/// A callback that does nothing.
pub fn ignore_progress(_: &Progress<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Reports progress, and turns a `Break` into an error.
pub(crate) fn report(
    on_progress: &mut ProgressCallback<'_>,
    progress: &Progress<'_>,
) -> Result<(), PaintError> {
    match on_progress(progress) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(PaintError::Cancelled),
    }
}
