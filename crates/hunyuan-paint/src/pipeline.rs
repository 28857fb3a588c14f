use std::{
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use ::image::RgbImage;
use hunyuan_paint_bake::{Backend, Cpu};
use hunyuan_paint_image::{DEFAULT_BORDER_RATIO, DelightInput, ReferenceImage, resize_bicubic_rgb};
use hunyuan_paint_mesh::{CameraView, Mesh, view_index};
use hunyuan_paint_models::{
    LoadOptions, ModelError,
    pipelines::{
        InstructPix2PixPipeline, MultiviewInputs, MultiviewOptions, MultiviewPipeline, StepProgress,
        is_device_alive,
    },
};
use hunyuan_paint_scheduler::random::GeneratorKind;

use crate::{
    PaintError, PaintOptions, Painting, Progress, ProgressCallback, PaintStage, Variant,
    progress::{ignore_progress, report},
    stages::{Conditions, PaintedViews, bake_views, prepare_surface, render_conditions},
};

/// The folder of the delight model in the published layout.
pub(crate) const DELIGHT_FOLDER: &str = "hunyuan3d-delight-v2-0";

/// What sets the autoencoder's noise apart from the latents' where both come from one seed.
const POSTERIOR_STREAM: u64 = 0x9e37_79b9_7f4a_7c15;

/// Image and mesh in, textured mesh out.
#[derive(Debug)]
pub struct PaintPipeline {
    delight: Option<InstructPix2PixPipeline>,
    delight_folder: PathBuf,
    multiview: MultiviewPipeline,
    variant: Variant,
    backend: Mutex<Box<dyn Backend>>,
}

impl PaintPipeline {
    /// Opens a paint model in a folder in the published layout (`hunyuan3d-paint-v2-0` or `…-turbo`), and
    /// the delight model (`hunyuan3d-delight-v2-0`) if it stands beside it: without it, only painting with
    /// `delight: None` works.
    ///
    /// With the feature `hub` it may also be a repository of the Hugging Face hub, as `tencent/Hunyuan3D-2`, where no folder has
    /// that name: see `from_hub`, which is called with what the environment says. The weights' license then
    /// goes to the log; whoever wants to be asked calls `from_hub`.
    ///
    /// The options are a device, which means single precision and that all networks are loaded at once and stay, or
    /// [`LoadOptions`].
    ///
    /// # Errors
    /// If a folder or file is missing or malformed, or weights do not fit their configuration; of weights that are loaded
    /// in their turn, when they are. If a download fails.
    pub fn from_pretrained(
        folder: impl AsRef<Path>,
        variant: Variant,
        options: impl Into<LoadOptions>,
    ) -> Result<Self, PaintError> {
        let (folder, options) = (folder.as_ref(), options.into());
        #[cfg(feature = "hub")]
        if let Some(repository) = crate::hub_repository(folder) {
            let from_env = hunyuan_paint_hub::HubOptions::from_env()?;
            return Self::from_hub(&repository, variant, options, &from_env).map_err(|error| match error {
                PaintError::Hub(error) => {
                    PaintError::NoSuchModel { path: folder.to_owned(), source: Box::new(error) }
                }
                other => other,
            });
        }
        Self::from_folder(folder, variant, options)
    }

    pub(crate) fn from_folder(
        folder: &Path,
        variant: Variant,
        options: LoadOptions,
    ) -> Result<Self, PaintError> {
        if let Err(source) = std::fs::read_dir(folder) {
            return Err(ModelError::Io { path: folder.to_owned(), source }.into());
        }
        let delight_folder = folder.join(DELIGHT_FOLDER);
        let load_delight = || InstructPix2PixPipeline::from_pretrained(&delight_folder, options.clone());
        Ok(Self {
            delight: delight_folder.is_dir().then(load_delight).transpose()?,
            delight_folder,
            multiview: MultiviewPipeline::from_pretrained(
                &folder.join(variant.folder_name()),
                options.clone(),
            )?,
            variant,
            backend: Mutex::new(Box::new(Cpu)),
        })
    }

    /// Both models at the published size with random weights, which depend on the seed alone: for measuring speed and
    /// memory without the published ones. What they paint is noise.
    ///
    /// # Errors
    /// If the device does not compute in the precision.
    pub fn random(variant: Variant, seed: u64, options: impl Into<LoadOptions>) -> Result<Self, PaintError> {
        let options = options.into();
        Ok(Self {
            delight: Some(InstructPix2PixPipeline::random(seed, options.clone())?),
            delight_folder: PathBuf::from(DELIGHT_FOLDER),
            multiview: MultiviewPipeline::random(seed, options)?,
            variant,
            backend: Mutex::new(Box::new(Cpu)),
        })
    }

    /// Renders the condition maps and bakes elsewhere than on the CPU; see [`GeometryDevice`](crate::GeometryDevice). The
    /// painting stays the same, to the bit.
    #[must_use]
    pub fn with_backend(self, backend: Box<dyn Backend>) -> Self {
        Self { backend: Mutex::new(backend), ..self }
    }

    /// Where condition maps are rendered and views are baked. One painting at a time can have it.
    fn backend(&self) -> MutexGuard<'_, Box<dyn Backend>> {
        // Whatever a painting left behind when it panicked, the next one starts anew.
        self.backend.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the networks' device still computes. After an error it may have been lost: then no painting will succeed, and
    /// this process cannot open it again.
    pub fn is_device_alive(&self) -> bool {
        // burn may panic over a device that is gone.
        let probe = AssertUnwindSafe(|| is_device_alive(self.multiview.device()));
        catch_unwind(probe).unwrap_or(false)
    }

    /// The paint model that was loaded.
    pub fn variant(&self) -> Variant {
        self.variant
    }

    /// Side of the views that the paint model was trained with.
    pub fn native_view_size(&self) -> u32 {
        self.multiview.native_size()
    }

    /// Paints a mesh from one or more images of the object.
    ///
    /// # Errors
    /// If the mesh, an image or an option cannot be used.
    pub fn paint(
        &self,
        mesh: &Mesh,
        images: &[ReferenceImage],
        options: &PaintOptions,
    ) -> Result<Painting, PaintError> {
        self.paint_with_progress(mesh, images, options, &mut ignore_progress)
    }

    /// [`paint`](Self::paint) with a callback, which can show previews and cancel.
    ///
    /// To replace the result of a stage by your own, call the stages one by one: this function does no more.
    ///
    /// # Errors
    /// If the mesh, an image or an option cannot be used, the device has not enough memory, or the callback cancels.
    pub fn paint_with_progress(
        &self,
        mesh: &Mesh,
        images: &[ReferenceImage],
        options: &PaintOptions,
        on_progress: &mut ProgressCallback<'_>,
    ) -> Result<Painting, PaintError> {
        options.validate()?;
        if images.is_empty() {
            return Err(PaintError::option("images", "at least one", 0));
        }
        let PaintOptions { render_size, texture_size, .. } = options;
        let view_size = options.view_size.unwrap_or(self.native_view_size());
        self.check_memory(images.len(), view_size, options)?;

        let surface = prepare_surface(mesh, options.uv, &options.unwrap_options(), on_progress)?;
        let views = options.choose_views(&surface)?;
        let mut backend = self.backend();
        let conditions =
            render_conditions(backend.as_mut(), &surface, &views, *render_size, view_size, on_progress)?;
        drop(backend);
        let references = self.prepare_references(images, options, on_progress)?;
        let painted = self.paint_views(&references, &conditions, options, on_progress)?;
        let to_bake = PaintedViews { views: &views, images: &painted, depths: &conditions.depths };
        let textured = bake_views(
            self.backend().as_mut(),
            &surface,
            &to_bake,
            *render_size,
            *texture_size,
            &options.bake,
            on_progress,
        )?;
        Ok(Painting { textured, references, conditions, views: painted })
    }

    /// Refuses what cannot fit on the device before any work is done; further views that are chosen by then are counted when
    /// they are there.
    fn check_memory(&self, images: usize, view_size: u32, options: &PaintOptions) -> Result<(), PaintError> {
        if let Some(delight) = &options.delight {
            let pipeline = self.delight_pipeline()?;
            let size = pipeline.native_size();
            pipeline.check_memory((size, size), &delight.pipeline)?;
        }
        let size = (view_size, view_size);
        Ok(self.multiview.check_memory(
            images,
            options.views.len(),
            size,
            &self.multiview_options(options),
        )?)
    }

    fn multiview_options(&self, options: &PaintOptions) -> MultiviewOptions {
        options.multiview.clone().unwrap_or_else(|| self.variant.multiview_options())
    }

    /// Recenters the reference images and, unless the options say otherwise, removes light and shadow.
    ///
    /// # Errors
    /// If an image is transparent everywhere, an option cannot be used, or the callback cancels.
    pub fn prepare_references(
        &self,
        images: &[ReferenceImage],
        options: &PaintOptions,
        on_progress: &mut ProgressCallback<'_>,
    ) -> Result<Vec<RgbImage>, PaintError> {
        report(on_progress, &Progress::new(PaintStage::Delight, 0.0))?;
        let mut references = Vec::new();
        for (i, image) in images.iter().enumerate() {
            let centered = image.clone().recenter(DEFAULT_BORDER_RATIO)?;
            references.push(match &options.delight {
                None => {
                    let input = DelightInput::new(&centered, self.native_view_size())?;
                    input.finish(&input.rgb)?
                }
                Some(delight) => {
                    let pipeline = self.delight_pipeline()?;
                    let input = DelightInput::new(&centered, pipeline.native_size())?;
                    let mut on_step = |step: &StepProgress<'_>| {
                        let done = step.step as f32 / step.num_steps as f32;
                        let fraction = (i as f32 + done) / images.len() as f32;
                        step_report(PaintStage::Delight, fraction, step, on_progress)
                    };
                    let mut generator = options.generator.init(delight.seed);
                    let output =
                        pipeline.run(&input.rgb, &delight.pipeline, generator.as_mut(), &mut on_step)?;
                    if delight.correct_colors {
                        input.finish(&output)?
                    } else {
                        input.finish_uncorrected(&output)?
                    }
                }
            });
        }
        let preview = || Ok(references.clone());
        report(on_progress, &Progress::new(PaintStage::Delight, 1.0).with_preview(&preview))?;
        Ok(references)
    }

    fn delight_pipeline(&self) -> Result<&InstructPix2PixPipeline, PaintError> {
        let missing = || {
            let source = std::io::Error::new(std::io::ErrorKind::NotFound, "the delight model is missing");
            ModelError::Io { path: self.delight_folder.clone(), source }
        };
        Ok(self.delight.as_ref().ok_or_else(missing)?)
    }

    /// Paints one view for each camera of the conditions, of the size of the maps. The model knows 44 places for a
    /// camera; each camera is given the nearest of them (see [`view_index`]).
    ///
    /// # Errors
    /// If a number, a size or an option does not fit, or the callback cancels.
    pub fn paint_views(
        &self,
        references: &[RgbImage],
        conditions: &Conditions,
        options: &PaintOptions,
        on_progress: &mut ProgressCallback<'_>,
    ) -> Result<Vec<RgbImage>, PaintError> {
        report(on_progress, &Progress::new(PaintStage::Views, 0.0))?;
        let view_size = conditions.normal_maps.first().map_or(self.native_view_size(), RgbImage::width);
        let references: Vec<RgbImage> = references
            .iter()
            .map(|image| resize_bicubic_rgb(image, view_size, view_size))
            .collect::<Result<_, _>>()?;
        let inputs = MultiviewInputs {
            references: &references,
            normal_maps: &conditions.normal_maps,
            position_maps: &conditions.position_maps,
            view_indices: &view_indices(&conditions.views),
        };
        let denoise = self.multiview_options(options);
        let (mut posterior_generator, mut generator) = generators(options.generator, options.seed);
        let views = self.multiview.run(
            &inputs,
            &denoise,
            posterior_generator.as_mut(),
            generator.as_mut(),
            &mut |step| {
                step_report(PaintStage::Views, step.step as f32 / step.num_steps as f32, step, on_progress)
            },
        )?;
        let preview = || Ok(views.clone());
        report(on_progress, &Progress::new(PaintStage::Views, 1.0).with_preview(&preview))?;
        Ok(views)
    }
}

/// The trained views that the cameras come closest to.
fn view_indices(views: &[CameraView]) -> Vec<u32> {
    let index = |view: &CameraView| view_index(view.camera.azimuth_degrees, view.camera.elevation_degrees);
    views.iter().map(|view| index(view) as u32).collect()
}

/// The generators of the autoencoder's noise and of the latents. PyTorch's are seeded alike, as in the
/// original, where both start with the same numbers; ours are not.
fn generators(kind: GeneratorKind, seed: u64) -> (BoxedGenerator, BoxedGenerator) {
    let posterior_seed = if kind == GeneratorKind::Philox { seed ^ POSTERIOR_STREAM } else { seed };
    (kind.init(posterior_seed), kind.init(seed))
}

type BoxedGenerator = Box<dyn hunyuan_paint_scheduler::random::NormalGenerator>;

/// Passes a denoising step on as progress.
fn step_report(
    stage: PaintStage,
    fraction: f32,
    step: &StepProgress<'_>,
    on_progress: &mut ProgressCallback<'_>,
) -> ControlFlow<()> {
    // 1 is for the end of the stage, after the last image is decoded.
    let fraction = fraction.min(0.99);
    let preview = || Ok(step.preview()?);
    on_progress(&Progress::new(stage, fraction).with_preview(&preview))
}
