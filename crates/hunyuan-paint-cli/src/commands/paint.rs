//! `hunyuan-paint paint`: a texture from images of the object.

use std::path::{Path, PathBuf};

use hunyuan_paint::{
    ComputeDevice, GeometryDevice, PaintOptions, PaintPipeline, PaintPipelineBuilder, PrecisionChoice,
    Variant,
    bake::{AutomaticViews, BakeOptions},
    hub_repository,
    mesh::{UvMode, read_mesh},
    preview::painting_sheet,
    scheduler::{SchedulerKind, random::GeneratorKind},
};

use crate::{
    commands::bake::Painted,
    console::Console,
    error::CliError,
    hub::hub_options,
    inputs::{MemoryChoice, demo_folder, parse_memory, parse_uv_mode, read_images, read_views},
    output::MeshOutput,
    progress::ProgressBars,
};

#[derive(Debug, clap::Args)]
pub(crate) struct PaintArguments {
    /// The mesh: GLB, glTF, OBJ, PLY or STL.
    #[arg(long, required_unless_present = "demo")]
    mesh: Option<PathBuf>,
    /// An image of the object, best with a transparent background; may be repeated.
    #[arg(long, required_unless_present = "demo")]
    image: Vec<PathBuf>,
    /// The result: a .glb file, an .obj file, or a folder for textured.glb, texture.png and preview.png.
    #[arg(long, short, value_parser = MeshOutput::parse)]
    output: MeshOutput,
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    painting: PaintingArguments,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Model and device")]
struct ModelArguments {
    /// A folder of weights in the published layout, or a repository of the Hugging Face hub that has one, such as
    /// tencent/Hunyuan3D-2.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Accept the license of a model that has to be downloaded. Without this, the license is shown and nothing is
    /// downloaded.
    #[arg(long)]
    accept_license: bool,
    /// Use the small demonstration model with the options that suit it: from this folder, or from assets/demo of the
    /// repository's checkout. Without --mesh and --image, paint the repository's robot.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, conflicts_with = "model")]
    demo: Option<Option<PathBuf>>,
    /// Use random weights of the published size (sd21), to measure time and memory. The result is noise.
    #[arg(long, value_parser = ["sd21"], conflicts_with_all = ["model", "demo"])]
    random_weights: Option<String>,
    /// Which paint model: standard or turbo.
    #[arg(long, default_value = "standard")]
    variant: Variant,
    /// Where the networks run: auto, cpu, wgpu, vulkan or metal.
    #[arg(long, default_value = "auto")]
    device: ComputeDevice,
    /// In which precision the networks compute: auto (half on a GPU that can), f32 or f16.
    #[arg(long, default_value = "auto")]
    precision: PrecisionChoice,
    /// How long networks stay in memory: auto (as the device's memory allows), reload (each for its stage) or keep
    /// (all, until the end).
    #[arg(long, default_value = "auto", value_parser = parse_memory)]
    memory: MemoryChoice,
    /// Refuse what needs more MiB of the device's memory than this; the device's own size if absent.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..1 << 40))]
    memory_limit: Option<u64>,
    /// Where maps are rendered and views are baked: auto, cpu or gpu; the result is the same.
    #[arg(long, default_value = "auto")]
    geometry: GeometryDevice,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Painting")]
struct PaintingArguments {
    /// The scheduler of the multiview diffusion; the variant's own if absent.
    #[arg(long, value_name = "ddim|euler_ancestral|lcm|unipc")]
    scheduler: Option<SchedulerKind>,
    /// Steps of the multiview diffusion; the variant's own if absent.
    #[arg(long)]
    steps: Option<usize>,
    /// Seed of all random numbers; the original's (42 for delight, 0 for the views) if absent.
    #[arg(long)]
    seed: Option<u64>,
    /// Where random numbers come from: philox, or torch-cpu or torch-cuda to repeat a run made in Python.
    #[arg(long, default_value = "philox")]
    generator: GeneratorKind,
    /// A camera list: [{"azimuth": 0, "elevation": 0, "weight": 1}, ...]; six cameras around the mesh if absent.
    #[arg(long)]
    views: Option<PathBuf>,
    /// Add cameras for what these do not see.
    #[arg(long)]
    automatic_views: bool,
    /// Bake as the original does, for comparison.
    #[arg(long)]
    reference_bake: bool,
    /// Side of the texture in texels.
    #[arg(long, default_value_t = 2048)]
    texture_size: u32,
    /// Side of the condition maps and of the views when they are baked, in pixels.
    #[arg(long, default_value_t = 2048)]
    render_size: u32,
    /// Side of the painted views in pixels; what the model was trained with if absent.
    #[arg(long)]
    view_size: Option<u32>,
    /// Take the images as they are, with their light and shadow.
    #[arg(long)]
    no_delight: bool,
    /// Whose UVs: auto, keep or unwrap.
    #[arg(long, default_value = "auto", value_parser = parse_uv_mode)]
    uv: UvMode,
    /// Simplify the mesh to about this many triangles before it gets new UVs.
    #[arg(long)]
    simplify_to: Option<usize>,
}

const NO_MODEL: &str = "no model: give a folder of weights (--model weights), download the published ones \
    (--model tencent/Hunyuan3D-2 --accept-license; `hunyuan-paint fetch tencent/Hunyuan3D-2` shows the license), or \
    use the small demonstration model of the repository (--demo)";

/// Where the weights come from.
enum Source {
    Local(PathBuf),
    Hub(hunyuan_paint::hub::RepoId),
    Demo(PathBuf),
    Random,
}

impl ModelArguments {
    fn source(&self) -> Result<Source, CliError> {
        if let Some(folder) = &self.demo {
            return Ok(Source::Demo(folder.clone().map_or_else(demo_folder, Ok)?));
        }
        if self.random_weights.is_some() {
            return Ok(Source::Random);
        }
        let Some(model) = &self.model else { return Err(CliError::Usage(NO_MODEL.into())) };
        match hub_repository(model) {
            Some(repository) => Ok(Source::Hub(repository)),
            None if !model.is_dir() => Err(CliError::input(
                model,
                "expected a folder of weights, or a repository of the hub: owner/name",
            )),
            None => Ok(Source::Local(model.clone())),
        }
    }

    fn builder(&self, bars: &ProgressBars) -> PaintPipelineBuilder {
        let mut builder = PaintPipeline::builder()
            .variant(self.variant)
            .device(self.device)
            .precision(self.precision)
            .geometry(self.geometry)
            .on_load(bars.on_load());
        if let MemoryChoice(Some(plan)) = self.memory {
            builder = builder.memory_plan(plan);
        }
        if let Some(mib) = self.memory_limit {
            builder = builder.memory_limit(mib << 20);
        }
        builder
    }

    fn open(
        &self,
        source: &Source,
        bars: &ProgressBars,
        console: Console,
    ) -> Result<PaintPipeline, CliError> {
        let builder = self.builder(bars);
        Ok(match source {
            Source::Local(folder) => builder.from_pretrained(folder)?,
            // One model serves both variants.
            Source::Demo(folder) => builder.variant(Variant::Standard).from_pretrained(folder)?,
            Source::Hub(repository) => {
                builder.from_hub(repository, &hub_options(self.accept_license, console)?)?
            }
            Source::Random => builder.random(0)?,
        })
    }
}

impl PaintingArguments {
    fn options(&self, model: &ModelArguments) -> Result<PaintOptions, CliError> {
        let defaults = if model.demo.is_some() { PaintOptions::demo() } else { PaintOptions::default() };
        let mut options = PaintOptions {
            generator: self.generator,
            views: read_views(self.views.as_deref())?,
            view_size: self.view_size,
            render_size: self.render_size,
            texture_size: self.texture_size,
            uv: self.uv,
            simplify_to: self.simplify_to,
            automatic_views: self.automatic_views.then(AutomaticViews::default),
            bake: if self.reference_bake { BakeOptions::reference() } else { BakeOptions::default() },
            ..defaults
        };
        if self.no_delight {
            options.delight = None;
        }
        if let Some(seed) = self.seed {
            options.seed = seed;
            if let Some(delight) = &mut options.delight {
                delight.seed = seed;
            }
        }
        let multiview = options.multiview.get_or_insert_with(|| model.variant.multiview_options());
        if let Some(scheduler) = self.scheduler {
            multiview.denoise.scheduler = scheduler;
        }
        if let Some(steps) = self.steps {
            multiview.denoise.num_inference_steps = steps;
        }
        options.validate()?;
        Ok(options)
    }
}

pub(crate) fn run(arguments: &PaintArguments, console: Console) -> Result<(), CliError> {
    // 1. Everything that can be wrong with the input, before any work.
    let options = arguments.painting.options(&arguments.model)?;
    let source = arguments.model.source()?;
    arguments.output.check()?;
    let (mesh, images) = arguments.inputs(&source);
    let (mesh, images) = (read_mesh(&mesh)?, read_images(&images)?);

    // 2. Paint.
    let mut bars = ProgressBars::new(console);
    let start = std::time::Instant::now();
    let pipeline = arguments.model.open(&source, &bars, console)?;
    bars.add_time("load", start.elapsed());
    pipeline.check(&options)?;
    let painting =
        pipeline.paint_with_progress(&mesh, &images, &options, &mut |progress| bars.update(progress))?;

    // 3. Write.
    let sheet = || Ok(painting_sheet(&images, &painting)?);
    let files = bars.time("write", || arguments.output.write(&painting.textured, sheet))?;
    console.warn(&painting.warnings);
    let (textured, views) = (&painting.textured, painting.views.len());
    console.print(&Painted::new(files, textured, views, &painting.warnings, bars.into_times()))
}

impl PaintArguments {
    /// The mesh and the images; with the demo, the robot beside its folder stands in for what is absent.
    fn inputs(&self, source: &Source) -> (PathBuf, Vec<PathBuf>) {
        let assets = match source {
            Source::Demo(folder) => folder.parent().unwrap_or(Path::new("")),
            _ => Path::new(""),
        };
        let mesh = self.mesh.clone().unwrap_or_else(|| assets.join("robot.glb"));
        let images = if self.image.is_empty() { vec![assets.join("robot.png")] } else { self.image.clone() };
        (mesh, images)
    }
}
