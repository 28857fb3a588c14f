//! Paints a mesh from an image: `cargo run --release --example paint_mesh -- --mesh chair.glb --image chair.png`.
//!
//! Without arguments it paints the repository's own object with the repository's small demo checkpoint, which was
//! trained for minutes: it shows how everything works together, not how well the published weights paint.

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use hunyuan_paint::{
    ComputeDevice, GeometryDevice, LoadOptions, MemoryPlan, PaintError, PaintOptions, PaintPipeline,
    Painting, PrecisionChoice, Variant,
    bake::{AutomaticViews, BakeOptions},
    hub_repository,
    image::{DEFAULT_BORDER_RATIO, ReferenceImage, read_image},
    mesh::{UvMode, read_mesh},
    scheduler::{SchedulerKind, random::GeneratorKind},
};
use hunyuan_paint_examples::{
    contact_sheet::contact_sheet,
    download,
    inputs::{check_folder, four_sides, parse_uv_mode, read_views, repository_file, run_program, write_png},
    progress_bars::ProgressBars,
};
use image::RgbImage;

/// Paints a mesh from one or more images of the object.
#[derive(Parser)]
struct Arguments {
    /// The mesh: GLB, glTF, OBJ, PLY or STL.
    #[arg(long, default_value_os_t = repository_file("assets/robot.glb"))]
    mesh: PathBuf,
    /// An image of the object, best with a transparent background; may be repeated.
    #[arg(long, default_values_os_t = [repository_file("assets/robot.png")])]
    image: Vec<PathBuf>,
    /// A folder of weights in the published layout, or a repository of the Hugging Face hub that has one, as
    /// tencent/Hunyuan3D-2; if absent, the demo checkpoint with the settings that suit it (`PaintOptions::demo`).
    #[arg(long)]
    model: Option<PathBuf>,
    /// The license of a model that has to be downloaded is accepted; without this it is shown, and nothing is downloaded.
    #[arg(long)]
    accept_license: bool,
    /// standard or turbo.
    #[arg(long, default_value = "standard")]
    variant: Variant,
    /// ddim, euler_ancestral, lcm or unipc; the variant's own if absent.
    #[arg(long)]
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
    /// Where the networks run: auto, cpu, wgpu, vulkan or metal.
    #[arg(long, default_value = "auto")]
    device: ComputeDevice,
    /// In which precision the networks compute: auto (half on a GPU that can), f32 or f16.
    #[arg(long, default_value = "auto")]
    precision: PrecisionChoice,
    /// How long networks stay in memory: reload (each for its part) or keep (all, until the end).
    #[arg(long, default_value = "reload")]
    memory: MemoryPlan,
    /// Refuses what needs more MiB of the device's memory than this; the device's own size if absent.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..1 << 40))]
    memory_limit: Option<u64>,
    /// Takes random weights of the published size (sd21) instead of a model, to see how long that takes and how much
    /// memory. What it paints is noise.
    #[arg(long, value_parser = ["sd21"], conflicts_with = "model")]
    random_weights: Option<String>,
    /// A camera list: [{"azimuth": 0, "elevation": 0, "weight": 1}, ...].
    #[arg(long)]
    views: Option<PathBuf>,
    /// Add cameras for what these do not see.
    #[arg(long)]
    automatic_views: bool,
    /// Bake as the original does: for comparison.
    #[arg(long)]
    reference_bake: bool,
    /// Side of the texture in texels.
    #[arg(long, default_value_t = 2048)]
    texture_size: u32,
    /// Side of the condition maps and of the views when they are baked, in pixels.
    #[arg(long, default_value_t = 2048)]
    render_size: u32,
    /// Take the images as they are, with their light and shadow.
    #[arg(long)]
    no_delight: bool,
    /// Whose UVs: auto, keep or unwrap.
    #[arg(long, default_value = "auto", value_parser = parse_uv_mode)]
    uv: UvMode,
    /// Simplify the mesh to so many triangles before it gets new UVs.
    #[arg(long)]
    simplify_to: Option<usize>,
    /// Where maps are rendered and views are baked: auto, cpu or gpu; the result is the same.
    #[arg(long, default_value = "auto")]
    geometry: GeometryDevice,
    /// Folder of the results.
    #[arg(long, default_value = "target/paint")]
    output: PathBuf,
}

impl Arguments {
    fn options(&self) -> Result<PaintOptions, Box<dyn Error>> {
        let suited = if self.model.is_none() && self.random_weights.is_none() {
            PaintOptions::demo()
        } else {
            PaintOptions::default()
        };
        let mut options = PaintOptions {
            generator: self.generator,
            views: read_views(self.views.as_deref())?,
            render_size: self.render_size,
            texture_size: self.texture_size,
            uv: self.uv,
            simplify_to: self.simplify_to,
            automatic_views: self.automatic_views.then(AutomaticViews::default),
            bake: if self.reference_bake { BakeOptions::reference() } else { BakeOptions::default() },
            ..suited
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
        let multiview = options.multiview.get_or_insert_with(|| self.variant.multiview_options());
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

fn main() -> ExitCode {
    run_program(run)
}

fn run(arguments: &Arguments) -> Result<String, Box<dyn Error>> {
    // 1. everything that can be wrong with the input, before any work
    let options = arguments.options()?;
    let mut bars = ProgressBars::new();
    let suited = arguments.device.load_options(arguments.precision)?;
    let load_options = LoadOptions {
        memory: arguments.memory,
        budget: match arguments.memory_limit {
            Some(mib) => suited.budget.with_total(mib << 20),
            None => suited.budget,
        },
        on_load: Some(bars.on_load()),
        ..suited
    };
    let mesh = read_mesh(&arguments.mesh)?;
    let images = arguments.image.iter().map(read_image).collect::<Result<Vec<_>, _>>()?;

    check_folder(&arguments.output)?;

    // 2. paint
    let load = || {
        // The demo's one model serves both variants.
        let (model, variant) = match &arguments.model {
            Some(model) => (model.clone(), arguments.variant),
            None => (repository_file("assets/demo"), Variant::Standard),
        };
        let pipeline = match arguments.random_weights {
            Some(_) => PaintPipeline::random(arguments.variant, 0, load_options)?,
            None => match hub_repository(&model) {
                Some(repository) => {
                    let hub = download::hub_options(arguments.accept_license)?;
                    PaintPipeline::from_hub(&repository, variant, load_options, &hub)?
                }
                None => PaintPipeline::from_pretrained(model, variant, load_options)?,
            },
        };
        Ok::<_, PaintError>(pipeline.with_backend(arguments.geometry.init()?))
    };
    let pipeline = bars.time("load", load)?;
    let painting =
        pipeline.paint_with_progress(&mesh, &images, &options, &mut |progress| bars.update(progress))?;

    // 3. write
    let output = &arguments.output;
    bars.time("write", || write(&images, &painting, output))?;
    Ok(format!("{}\nwritten to {}", bars.table(), output.join("textured.glb").display()))
}

fn write(images: &[ReferenceImage], painting: &Painting, output: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(output).map_err(|error| format!("{}: {error}", output.display()))?;
    painting.textured.write_glb(output.join("textured.glb"))?;
    painting.textured.write_texture(output.join("texture.png"))?;
    write_png(&output.join("preview.png"), &preview(images, painting)?)
}

/// Images, references without light, and texture; normal maps; position maps; views; the result from four sides.
fn preview(images: &[ReferenceImage], painting: &Painting) -> Result<RgbImage, Box<dyn Error>> {
    let centered = |image: &ReferenceImage| Ok(image.clone().recenter(DEFAULT_BORDER_RATIO)?.on_white());
    let originals = images.iter().map(centered).collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let sides = four_sides(&painting.textured, 512)?;
    let mut inputs: Vec<&RgbImage> = originals.iter().chain(&painting.references).collect();
    inputs.push(&painting.textured.texture);
    let rows = [
        inputs,
        painting.conditions.normal_maps.iter().collect(),
        painting.conditions.position_maps.iter().collect(),
        painting.views.iter().collect(),
        sides.iter().collect(),
    ];
    Ok(contact_sheet(&rows, 256)?)
}
