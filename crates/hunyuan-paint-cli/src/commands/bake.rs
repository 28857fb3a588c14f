//! `hunyuan-paint bake`: a texture from images that are there already.

use std::{fmt, path::PathBuf};

use hunyuan_paint::{
    GeometryDevice, PaintWarning, TexturedMesh,
    bake::BakeOptions,
    mesh::{UnwrapOptions, UvMode, read_mesh},
    preview::{contact_sheet, four_sides},
    stages::{BakeStageOptions, GeneratedView, bake_views, prepare_surface},
};
use image::RgbImage;
use serde::Serialize;

use crate::{
    console::Console,
    error::CliError,
    inputs::{parse_uv_mode, read_rgb, read_views},
    output::MeshOutput,
    progress::{ProgressBars, StageTimes},
};

#[derive(Debug, clap::Args)]
pub(crate) struct BakeArguments {
    /// The mesh: GLB, glTF, OBJ, PLY or STL.
    #[arg(long)]
    mesh: PathBuf,
    /// An image of the mesh for each camera, in their order; repeated.
    #[arg(long = "view", required = true)]
    images: Vec<PathBuf>,
    /// A camera list: [{"azimuth": 0, "elevation": 0, "weight": 1}, ...]; six cameras around the mesh if absent.
    #[arg(long)]
    views: Option<PathBuf>,
    /// The result: a .glb file, an .obj file, or a folder for textured.glb, texture.png and preview.png.
    #[arg(long, short, value_parser = MeshOutput::parse)]
    output: MeshOutput,
    /// Side of the texture in texels.
    #[arg(long, default_value_t = 2048)]
    texture_size: u32,
    /// Side of the depth maps that tell what an image shows, in pixels.
    #[arg(long, default_value_t = 2048)]
    render_size: u32,
    /// Whose UVs: auto, keep or unwrap.
    #[arg(long, default_value = "auto", value_parser = parse_uv_mode)]
    uv: UvMode,
    /// Simplify the mesh to about this many triangles before it gets new UVs.
    #[arg(long)]
    simplify_to: Option<usize>,
    /// Where views are baked: auto, cpu or gpu; the result is the same.
    #[arg(long, default_value = "auto")]
    geometry: GeometryDevice,
    /// Bake as the original does, for comparison.
    #[arg(long)]
    reference_bake: bool,
}

/// What `bake` and `paint` have to tell.
#[derive(Serialize)]
pub(crate) struct Painted {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) faces: usize,
    pub(crate) vertices: usize,
    pub(crate) texture_size: u32,
    pub(crate) views: usize,
    /// The share of the texture that a view has colored; the rest is filled in, or unused.
    pub(crate) coverage: f64,
    /// What the user should know about the inputs, one sentence each.
    pub(crate) warnings: Vec<String>,
    pub(crate) seconds: StageTimes,
}

impl Painted {
    pub(crate) fn new(
        files: Vec<PathBuf>,
        textured: &TexturedMesh,
        views: usize,
        warnings: &[PaintWarning],
        seconds: StageTimes,
    ) -> Self {
        let coverage = textured.coverage.as_raw();
        Self {
            files,
            faces: textured.mesh.faces.len(),
            vertices: textured.mesh.positions.len(),
            texture_size: textured.texture.width(),
            views,
            coverage: coverage.iter().filter(|value| **value > 0).count() as f64
                / coverage.len().max(1) as f64,
            warnings: warnings.iter().map(ToString::to_string).collect(),
            seconds,
        }
    }
}

impl fmt::Display for Painted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.seconds)?;
        let files: Vec<_> = self.files.iter().map(|file| file.display().to_string()).collect();
        write!(f, "written to {}", files.join(", "))
    }
}

pub(crate) fn run(arguments: &BakeArguments, console: Console) -> Result<(), CliError> {
    let mut unwrap = UnwrapOptions::new(arguments.texture_size);
    unwrap.simplify_to = arguments.simplify_to;
    unwrap.validate()?;
    let views = read_views(arguments.views.as_deref())?;
    if views.len() != arguments.images.len() {
        let (cameras, images) = (views.len(), arguments.images.len());
        return Err(CliError::Usage(format!(
            "--view: expected one image for each of {cameras} cameras, found {images}"
        )));
    }
    arguments.output.check()?;
    let mut backend = arguments.geometry.init()?;
    let mesh = read_mesh(&arguments.mesh)?;
    let images = arguments.images.iter().map(|path| read_rgb(path)).collect::<Result<Vec<_>, _>>()?;

    let mut bars = ProgressBars::new(console);
    let mut update = |progress: &hunyuan_paint::Progress<'_>| bars.update(progress);
    let surface = prepare_surface(&mesh, arguments.uv, &unwrap, &mut update)?;
    let bake = if arguments.reference_bake { BakeOptions::reference() } else { BakeOptions::default() };
    let to_bake: Vec<GeneratedView<'_>> = views
        .iter()
        .zip(&images)
        .map(|(view, image)| GeneratedView { view: *view, image, depth: None })
        .collect();
    let options =
        BakeStageOptions { render_size: arguments.render_size, texture_size: arguments.texture_size, bake };
    let textured = bake_views(backend.as_mut(), &surface, &to_bake, &options, &mut update)?;

    let sheet = || {
        let sides = four_sides(&textured, 512)?;
        let mut inputs: Vec<&RgbImage> = images.iter().collect();
        inputs.push(&textured.texture);
        Ok(contact_sheet(&[inputs, sides.iter().collect()], 256)?)
    };
    let files = bars.time("write", || arguments.output.write(&textured, sheet))?;
    let warnings = surface.warnings();
    console.warn(&warnings);
    console.print(&Painted::new(files, &textured, views.len(), &warnings, bars.into_times()))
}
