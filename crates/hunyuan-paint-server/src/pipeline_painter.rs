use std::{error::Error, io::Cursor};

use hunyuan_paint::{
    PaintError, PaintOptions, PaintPipeline,
    bake::BakeError,
    imaging::{DEFAULT_BORDER_RATIO, ImageError, ReferenceImage, exif_orientation},
    mesh::{Mesh, MeshError, MeshFormat, UvMode, read_mesh_from_bytes},
};
use image::{DynamicImage, ImageReader, Limits};

use crate::{
    PaintProgress, PaintRequest, Painter, ProgressSink, ServerError,
    cost::{texture_pixel_tests, view_pixel_tests},
    serve::with_sources,
};

/// Limits for meshes and images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputLimits {
    /// The most triangles of a mesh, before it is simplified.
    pub max_faces: usize,
    /// The longest side of an image in pixels.
    pub max_image_side: u32,
    /// The most pixels that may be tested when the mesh is rasterized into all views, as estimated
    /// from the triangles' bounding rectangles.
    pub max_pixel_tests: u64,
}

impl Default for InputLimits {
    fn default() -> Self {
        Self { max_faces: 1_000_000, max_image_side: 4096, max_pixel_tests: 20_000_000_000 }
    }
}

/// A [`Painter`] that paints with a [`PaintPipeline`].
#[derive(Debug)]
pub struct PipelinePainter {
    pipeline: PaintPipeline,
    options: PaintOptions,
    limits: InputLimits,
}

impl PipelinePainter {
    /// Creates a painter with the same options for all requests. Each request replaces `seed` and
    /// `simplify_to`.
    ///
    /// # Errors
    /// If an option is out of range, or needs the delight model and that is missing.
    pub fn new(
        pipeline: PaintPipeline,
        options: PaintOptions,
        limits: InputLimits,
    ) -> Result<Self, PaintError> {
        pipeline.check(&options)?;
        Ok(Self { pipeline, options, limits })
    }

    fn read(&self, request: &PaintRequest) -> Result<(Mesh, Vec<ReferenceImage>), ServerError> {
        let mesh = self.read_mesh(&request.mesh, request.mesh_format)?;
        let images = request.images.iter().map(|bytes| self.read_image(bytes)).collect::<Result<_, _>>()?;
        Ok((mesh, images))
    }

    fn read_mesh(&self, bytes: &[u8], format: MeshFormat) -> Result<Mesh, ServerError> {
        let mut mesh =
            read_mesh_from_bytes(bytes, format).map_err(|error| unusable("mesh", with_sources(&error)))?;
        let (found, max) = (mesh.faces.len(), self.limits.max_faces);
        if found > max {
            return Err(unusable("mesh", format!("expected at most {max} triangles, found {found}")));
        }
        let max = self.limits.max_pixel_tests;
        let found = view_pixel_tests(&mesh, self.options.render_size, self.max_view_count());
        if found > max {
            return Err(ServerError::TooComplex { found, max });
        }
        let found = texture_pixel_tests(&mesh, self.options.texture_size);
        if found > max {
            // So many texels are tested only where UVs overlap, and overlapping UVs are replaced
            // anyway.
            if self.options.uv == UvMode::Keep {
                return Err(ServerError::TooComplex { found, max });
            }
            mesh.uvs = None;
        }
        Ok(mesh)
    }

    fn max_view_count(&self) -> usize {
        let automatic = self.options.automatic_views.as_ref().map_or(0, |automatic| automatic.count_max);
        self.options.views.len().max(automatic)
    }

    fn read_image(&self, bytes: &[u8]) -> Result<ReferenceImage, ServerError> {
        let max_side = self.limits.max_image_side;
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|error| unusable("image", error.to_string()))?;
        if reader.format().is_none_or(|format| !format.reading_enabled()) {
            return Err(unusable("image", "expected PNG, JPEG or WebP, found something else".into()));
        }
        let mut limits = Limits::default();
        limits.max_image_width = Some(max_side);
        limits.max_image_height = Some(max_side);
        // RGBA with 16 bits per channel takes half of this; the decoder needs the rest.
        limits.max_alloc = Some(16 * u64::from(max_side) * u64::from(max_side));
        reader.limits(limits);
        let mut image: DynamicImage = reader.decode().map_err(|error| match error {
            image::ImageError::Limits(_) => {
                unusable("image", format!("expected sides of at most {max_side} pixels, found more"))
            }
            error => unusable("image", with_sources(&error)),
        })?;
        image.apply_orientation(exif_orientation(Cursor::new(bytes)));
        Ok(ReferenceImage::from(image))
    }
}

impl Painter for PipelinePainter {
    fn check(&self, request: &PaintRequest) -> Result<(), ServerError> {
        let (_, images) = self.read(request)?;
        // Otherwise an image without an object would be found only after the mesh is unwrapped.
        for image in images {
            image.recenter(DEFAULT_BORDER_RATIO).map_err(|error| unusable("image", with_sources(&error)))?;
        }
        Ok(())
    }

    fn works(&self) -> bool {
        self.pipeline.is_device_alive()
    }

    /// Decodes the request anew: the decoded mesh and images may be many times larger, and would
    /// fill the memory while the job waits.
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
                        tracing::warn!(error = with_sources(&error), "cannot make a preview");
                        Vec::new()
                    })
                },
            })
        });
        Ok(painting.and_then(|painting| painting.textured.glb_bytes())?)
    }
}

fn unusable(input: &'static str, reason: String) -> ServerError {
    ServerError::Unusable { input, reason }
}

/// Blames the client only for errors in its mesh and images. Everything else is an error of the
/// server: options, models, files, devices.
impl From<PaintError> for ServerError {
    fn from(error: PaintError) -> Self {
        match error {
            PaintError::Cancelled => Self::Cancelled,
            PaintError::Mesh(error) if is_about_the_mesh(&error) => unusable("mesh", with_sources(&error)),
            PaintError::Image(error @ ImageError::FullyTransparent { .. }) => {
                unusable("image", with_sources(&error))
            }
            PaintError::Bake(
                error @ (BakeError::NoFaces
                | BakeError::UvCount { .. }
                | BakeError::VertexOutOfRange { .. }
                | BakeError::NotFinite { .. }
                | BakeError::NothingPainted { .. }),
            ) => unusable("mesh", with_sources(&error)),
            error => painting(&error),
        }
    }
}

fn painting(error: &dyn Error) -> ServerError {
    ServerError::Painting { reason: with_sources(error) }
}

fn is_about_the_mesh(error: &MeshError) -> bool {
    matches!(
        error,
        MeshError::UnknownFormat
            | MeshError::Malformed { .. }
            | MeshError::Unsupported { .. }
            | MeshError::NoFaces
            | MeshError::IndexOutOfRange { .. }
            | MeshError::AttributeLength { .. }
            | MeshError::PartRange { .. }
            | MeshError::PartsLength { .. }
            | MeshError::NotFinite { .. }
            | MeshError::Extent { .. }
            | MeshError::ZeroArea
            | MeshError::MissingUvs
            | MeshError::UvOutsideTexture { .. }
            | MeshError::Unwrap { .. }
    )
}

#[cfg(test)]
mod tests {
    use hunyuan_paint::models::ModelError;

    use super::*;

    #[test]
    fn errors_in_the_clients_files_are_4xx() {
        for error in [
            PaintError::Mesh(MeshError::ZeroArea),
            PaintError::Mesh(MeshError::NoFaces),
            PaintError::Image(ImageError::FullyTransparent { width: 1, height: 1 }),
            PaintError::Bake(BakeError::NothingPainted { view_count: 6 }),
            PaintError::Bake(BakeError::NoFaces),
        ] {
            assert_eq!(ServerError::from(error).status(), 422);
        }
    }

    #[test]
    fn errors_in_the_servers_options_and_files_are_5xx_and_not_told() {
        let parameter = || "/secret/found".to_owned();
        let io = || std::io::Error::other("/secret/io");
        for error in [
            PaintError::Mesh(MeshError::Parameter {
                parameter: "texture_size",
                expected: "x",
                found: parameter(),
            }),
            PaintError::Mesh(MeshError::CameraWeights),
            PaintError::Mesh(MeshError::Io(io())),
            PaintError::Image(ImageError::Io { path: "/secret/image".into(), source: io() }),
            PaintError::Image(ImageError::BorderRatio { found: -1.0 }),
            PaintError::Bake(BakeError::NoViews),
            PaintError::Bake(BakeError::Option { option: "x", expected: "y", found: 0.0 }),
            PaintError::Model(ModelError::Io { path: "/secret/model".into(), source: io() }),
        ] {
            let error = ServerError::from(error);
            assert_eq!((error.status().as_u16(), error.name()), (500, "painting"));
            assert!(!error.to_json().to_string().contains("secret"), "{error}");
        }
    }
}
