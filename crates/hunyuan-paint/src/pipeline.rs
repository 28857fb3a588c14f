use std::{
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Mutex, TryLockError},
};

use hunyuan_paint_bake::{Backend, BakeError, BakeOptions, Cpu, visible_share};
use hunyuan_paint_image::{DEFAULT_BORDER_RATIO, DelightInput, ReferenceImage, resize_bicubic_rgb};
use hunyuan_paint_mesh::{Camera, CameraView, Mesh, view_index};
use hunyuan_paint_models::{
    LoadOptions, ModelError,
    folders::DELIGHT_FOLDER,
    pipelines::{
        InstructPix2PixPipeline, MultiviewInputs, MultiviewOptions, MultiviewPipeline, StepProgress,
        is_device_alive,
    },
};
use hunyuan_paint_scheduler::random::GeneratorKind;
use image::RgbImage;

use crate::{
    PaintError, PaintOptions, PaintPipelineBuilder, PaintStage, PaintWarning, Painting, Progress,
    ProgressCallback, Variant,
    progress::{ignore_progress, report},
    stages::{
        BakeStageOptions, ConditionView, Conditions, GeneratedView, Surface, bake_views, prepare_surface,
        render_conditions,
    },
};

/// Separates the autoencoder's noise from the latents' where both come from one seed.
const POSTERIOR_STREAM: u64 = 0x9e37_79b9_7f4a_7c15;

/// Paints meshes: image and mesh in, textured mesh out. Threads can share it.
#[derive(Debug)]
pub struct PaintPipeline {
    delight: Option<InstructPix2PixPipeline>,
    delight_folder: PathBuf,
    multiview: MultiviewPipeline,
    variant: Variant,
    backend: Mutex<Box<dyn Backend>>,
}

impl PaintPipeline {
    /// Opens the models of a local folder in the published layout on the best device, with the automatic choices of
    /// [`builder`](Self::builder).
    ///
    /// # Errors
    /// See [`PaintPipelineBuilder::from_pretrained`].
    pub fn from_pretrained(folder: impl AsRef<Path>, variant: Variant) -> Result<Self, PaintError> {
        Self::builder().variant(variant).from_pretrained(folder)
    }

    /// Opens the models of a Hugging Face repository on the best device, and downloads what the hub's cache lacks.
    ///
    /// # Errors
    /// See [`PaintPipelineBuilder::from_hub`].
    #[cfg(feature = "hub")]
    #[cfg_attr(docsrs, doc(cfg(feature = "hub")))]
    pub fn from_hub(
        repository: &hunyuan_paint_hub::RepoId,
        variant: Variant,
        options: &hunyuan_paint_hub::HubOptions,
    ) -> Result<Self, PaintError> {
        Self::builder().variant(variant).from_hub(repository, options)
    }

    /// Chooses device, precision, memory and geometry before the models are opened.
    pub fn builder() -> PaintPipelineBuilder {
        PaintPipelineBuilder::default()
    }

    pub(crate) fn from_folder(
        folder: &Path,
        variant: Variant,
        options: LoadOptions,
        backend: Box<dyn Backend>,
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
                folder.join(variant.folder_name()),
                options.clone(),
            )?,
            variant,
            backend: Mutex::new(backend),
        })
    }

    #[cfg(feature = "random-weights")]
    pub(crate) fn with_random_weights(
        variant: Variant,
        seed: u64,
        options: LoadOptions,
        backend: Box<dyn Backend>,
    ) -> Result<Self, PaintError> {
        Ok(Self {
            delight: Some(InstructPix2PixPipeline::random(seed, options.clone())?),
            delight_folder: PathBuf::from(DELIGHT_FOLDER),
            multiview: MultiviewPipeline::random(seed, options)?,
            variant,
            backend: Mutex::new(backend),
        })
    }

    /// Runs a stage on the backend. While another painting uses it, the stage runs on the CPU, with the same bits: so
    /// paintings do not wait for each other, and a callback may paint.
    fn on_backend<T>(&self, stage: impl FnOnce(&mut dyn Backend) -> T) -> T {
        match self.backend.try_lock() {
            Ok(mut backend) => stage(backend.as_mut()),
            // A painting that panicked leaves nothing behind that the next one needs.
            Err(TryLockError::Poisoned(backend)) => stage(backend.into_inner().as_mut()),
            Err(TryLockError::WouldBlock) => stage(&mut Cpu),
        }
    }

    /// Returns whether the networks' device still computes. A lost device cannot be opened again in this process, and no
    /// painting will succeed. (A lost device for the geometry is replaced by the CPU.)
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
        if images.is_empty() {
            return Err(PaintError::option("images", "at least one", 0));
        }
        self.check_for(images.len(), options)?;
        let view_size = options.view_size.unwrap_or(self.native_view_size());
        let PaintOptions { render_size, texture_size, .. } = *options;

        let surface = prepare_surface(mesh, options.uv, &options.unwrap_options(), on_progress)?;
        let views = options.choose_views(&surface)?;
        check_visible(&surface, &views, &options.bake)?;
        let conditions = self.on_backend(|backend| {
            render_conditions(backend, &surface, &views, render_size, view_size, on_progress)
        })?;
        let references = self.prepare_references(images, options, on_progress)?;
        let painted = self.paint_views(&references, &conditions, options, on_progress)?;
        let views: Vec<GeneratedView<'_>> = (conditions.views.iter().zip(&painted))
            .map(|(condition, image)| GeneratedView {
                view: condition.view,
                image,
                depth: condition.depth.as_ref(),
            })
            .collect();
        let bake = BakeStageOptions { render_size, texture_size, bake: options.bake };
        let textured =
            self.on_backend(|backend| bake_views(backend, &surface, &views, &bake, on_progress))?;
        let mut warnings = surface.warnings();
        for (image, reference) in images.iter().enumerate() {
            let of_image = |warning| PaintWarning::Image { image, warning };
            warnings.extend(reference.warnings().into_iter().map(of_image));
        }
        Ok(Painting { textured, warnings, references, conditions, views: painted })
    }

    /// Finds everything that can be wrong with the options before any work is done: ranges, sizes that the networks
    /// cannot take, a missing delight model, and memory that cannot be enough for one image.
    ///
    /// # Errors
    /// If an option cannot be used with this pipeline.
    pub fn check(&self, options: &PaintOptions) -> Result<(), PaintError> {
        self.check_for(1, options)
    }

    /// Checks the options for a number of images. Views that are added automatically are not counted yet.
    fn check_for(&self, images: usize, options: &PaintOptions) -> Result<(), PaintError> {
        options.validate()?;
        let multiview = self.multiview_options(options);
        self.multiview.check_options(&multiview)?;
        let view_size = options.view_size.unwrap_or(self.native_view_size());
        let factor = self.multiview.spatial_factor();
        if !view_size.is_multiple_of(factor) {
            return Err(PaintError::option("view_size", format!("a multiple of {factor}"), view_size));
        }
        if let Some(delight) = &options.delight {
            let pipeline = self.delight_pipeline()?;
            pipeline.check_options(&delight.pipeline)?;
            let size = pipeline.native_size();
            pipeline.check_memory((size, size), &delight.pipeline)?;
        }
        let size = (view_size, view_size);
        Ok(self.multiview.check_memory(images, options.views.len(), size, &multiview)?)
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
        let maps = |map: fn(&ConditionView) -> &RgbImage| -> Vec<RgbImage> {
            conditions.views.iter().map(|view| map(view).clone()).collect()
        };
        let (normal_maps, position_maps) = (maps(|view| &view.normal), maps(|view| &view.position));
        let view_size = normal_maps.first().map_or(self.native_view_size(), RgbImage::width);
        let references: Vec<RgbImage> = references
            .iter()
            .map(|image| resize_bicubic_rgb(image, view_size, view_size))
            .collect::<Result<_, _>>()?;
        let inputs = MultiviewInputs {
            references: &references,
            normal_maps: &normal_maps,
            position_maps: &position_maps,
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

/// Checks that a camera sees any of the surface, before the networks run for views of nothing.
fn check_visible(surface: &Surface, views: &[CameraView], bake: &BakeOptions) -> Result<(), PaintError> {
    let cameras: Vec<Camera> = views.iter().map(|view| view.camera).collect();
    match visible_share(&surface.canonical_mesh, &cameras, bake)? {
        Some(0.0) => Err(BakeError::NothingPainted { view_count: views.len() }.into()),
        _ => Ok(()),
    }
}

/// Returns the trained view that is nearest to each camera.
fn view_indices(views: &[ConditionView]) -> Vec<u32> {
    let index = |ConditionView { view, .. }: &ConditionView| {
        view_index(view.camera.azimuth_degrees, view.camera.elevation_degrees)
    };
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
