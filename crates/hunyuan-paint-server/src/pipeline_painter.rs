use std::io::Cursor;

use hunyuan_paint::{
    PaintError, PaintOptions, PaintPipeline, ignore_progress,
    image::{DEFAULT_BORDER_RATIO, ReferenceImage},
    mesh::{Mesh, MeshFormat, read_mesh_from_bytes},
};
use image::{DynamicImage, ImageReader, Limits};

use crate::{PaintProgress, PaintRequest, Painter, ProgressSink, ServerError};

/// How large a mesh and an image may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputLimits {
    /// Most triangles of a mesh, before it is simplified.
    pub faces_max: usize,
    /// Longest side of an image in pixels.
    pub image_side_max: u32,
}

impl Default for InputLimits {
    fn default() -> Self {
        Self { faces_max: 2_000_000, image_side_max: 4096 }
    }
}

/// The painter that paints: [`PaintPipeline`] behind the server.
#[derive(Debug)]
pub struct PipelinePainter {
    pipeline: PaintPipeline,
    options: PaintOptions,
    limits: InputLimits,
}

impl PipelinePainter {
    /// A painter with options that hold for every request; of these, a request sets `seed` and `simplify_to`.
    ///
    /// # Errors
    /// If an option is out of range, or asks for the delight model and that is not there.
    pub fn new(
        pipeline: PaintPipeline,
        options: PaintOptions,
        limits: InputLimits,
    ) -> Result<Self, PaintError> {
        // Everything but the images is right if painting without images complains about just these.
        match pipeline.paint_with_progress(&Mesh::default(), &[], &options, &mut ignore_progress) {
            Err(PaintError::Option { option: "images", .. }) => Ok(Self { pipeline, options, limits }),
            Err(error) => Err(error),
            Ok(_) => Ok(Self { pipeline, options, limits }),
        }
    }

    fn read(&self, request: &PaintRequest) -> Result<(Mesh, Vec<ReferenceImage>), ServerError> {
        let mesh = self.read_mesh(&request.mesh, request.mesh_format)?;
        let images = request.images.iter().map(|bytes| self.read_image(bytes)).collect::<Result<_, _>>()?;
        Ok((mesh, images))
    }

    fn read_mesh(&self, bytes: &[u8], format: MeshFormat) -> Result<Mesh, ServerError> {
        let unusable = |reason: String| ServerError::Unusable { input: "mesh", reason };
        let mesh = read_mesh_from_bytes(bytes, format).map_err(|error| unusable(error.to_string()))?;
        let (found, max) = (mesh.faces.len(), self.limits.faces_max);
        if found > max {
            return Err(unusable(format!("expected at most {max} triangles, found {found}")));
        }
        Ok(mesh)
    }

    fn read_image(&self, bytes: &[u8]) -> Result<ReferenceImage, ServerError> {
        let unusable = |reason: String| ServerError::Unusable { input: "image", reason };
        let side_max = self.limits.image_side_max;
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|error| unusable(error.to_string()))?;
        if reader.format().is_none_or(|format| !format.reading_enabled()) {
            return Err(unusable("expected PNG, JPEG or WebP, found something else".into()));
        }
        let mut limits = Limits::default();
        limits.max_image_width = Some(side_max);
        limits.max_image_height = Some(side_max);
        // RGBA at 16 bits a channel, and what the decoder needs besides.
        limits.max_alloc = Some(16 * u64::from(side_max) * u64::from(side_max));
        reader.limits(limits);
        let image: DynamicImage = reader.decode().map_err(|error| match error {
            image::ImageError::Limits(_) => {
                unusable(format!("expected sides of at most {side_max} pixels, found more"))
            }
            error => unusable(error.to_string()),
        })?;
        Ok(ReferenceImage::from(image))
    }
}

impl Painter for PipelinePainter {
    fn check(&self, request: &PaintRequest) -> Result<(), ServerError> {
        let (_, images) = self.read(request)?;
        // An image without an object in it would otherwise come to light only after the mesh has its UVs.
        for image in images {
            image.recenter(DEFAULT_BORDER_RATIO).map_err(PaintError::from)?;
        }
        Ok(())
    }

    fn works(&self) -> bool {
        self.pipeline.is_device_alive()
    }

    fn paint(
        &self,
        request: &PaintRequest,
        on_progress: &mut ProgressSink<'_>,
    ) -> Result<Vec<u8>, ServerError> {
        let (mesh, images) = self.read(request)?;
        let face_count = request.face_count;
        let options = PaintOptions {
            seed: request.seed,
            simplify_to: (mesh.faces.len() > face_count).then_some(face_count),
            ..self.options.clone()
        };
        let painting = self.pipeline.paint_with_progress(&mesh, &images, &options, &mut |progress| {
            on_progress(&PaintProgress {
                stage: progress.stage,
                fraction: progress.fraction,
                preview: &|| {
                    progress.preview().unwrap_or_else(|error| {
                        tracing::warn!(%error, "no preview");
                        Vec::new()
                    })
                },
            })
        });
        Ok(painting.and_then(|painting| painting.textured.glb_bytes())?)
    }
}

impl From<PaintError> for ServerError {
    fn from(error: PaintError) -> Self {
        let reason = error.to_string();
        match error {
            PaintError::Cancelled => Self::Cancelled,
            PaintError::Mesh(_) => Self::Unusable { input: "mesh", reason },
            PaintError::Image(_) => Self::Unusable { input: "image", reason },
            _ => Self::Painting { reason },
        }
    }
}
