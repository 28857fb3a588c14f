//! `hunyuan-paint unwrap`: a mesh with UVs.

use std::{fmt, path::PathBuf};

use hunyuan_paint::{
    TexturedMesh,
    mesh::{UnwrapOptions, UvMode, UvSource, read_mesh},
    stages::prepare_surface,
};
use image::{GrayImage, Rgb, RgbImage};
use serde::Serialize;

use crate::{
    commands::info::mesh::stretch,
    console::Console,
    error::CliError,
    inputs::parse_uv_mode,
    output::MeshOutput,
    progress::{ProgressBars, StageTimes},
};

#[derive(Debug, clap::Args)]
pub(crate) struct UnwrapArguments {
    /// The mesh: GLB, glTF, OBJ, PLY or STL.
    mesh: PathBuf,
    /// The result: a .glb or .obj file. Its texture is a checkerboard that shows how the UVs stretch.
    #[arg(long, short, value_parser = MeshOutput::parse_file)]
    output: MeshOutput,
    /// Whose UVs: auto (the mesh's own if they can be painted on), keep or unwrap.
    #[arg(long, default_value = "unwrap", value_parser = parse_uv_mode)]
    uv: UvMode,
    /// Side of the texture that the UVs are laid out for, in texels.
    #[arg(long, default_value_t = 2048)]
    texture_size: u32,
    /// Empty texels around each chart.
    #[arg(long)]
    padding: Option<u32>,
    /// Simplify the mesh to about this many triangles first.
    #[arg(long)]
    simplify_to: Option<usize>,
}

#[derive(Serialize)]
struct Unwrapped {
    files: Vec<PathBuf>,
    vertices: usize,
    faces: usize,
    faces_before: usize,
    uvs: Uvs,
    /// The root mean square stretch from texture to surface; 1 is none.
    stretch: Option<f64>,
    seconds: StageTimes,
}

#[derive(Serialize)]
#[serde(tag = "source", rename_all = "snake_case")]
enum Uvs {
    Own { overlap: f32, unmapped: f32 },
    New { charts: usize, coverage: f32 },
}

impl fmt::Display for Unwrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.seconds)?;
        writeln!(f, "faces     {} (before: {})", self.faces, self.faces_before)?;
        writeln!(f, "vertices  {}", self.vertices)?;
        match self.uvs {
            Uvs::Own { overlap, unmapped } => {
                writeln!(f, "UVs       the mesh's own")?;
                writeln!(f, "overlap   {:.2}%", 100.0 * overlap)?;
                writeln!(f, "unmapped  {:.2}% of the surface", 100.0 * unmapped)?;
            }
            Uvs::New { charts, coverage } => {
                writeln!(f, "UVs       new, {charts} charts")?;
                writeln!(f, "coverage  {:.1}% of the texture", 100.0 * coverage)?;
            }
        }
        if let Some(stretch) = self.stretch {
            writeln!(f, "stretch   {stretch:.3} (1 is none)")?;
        }
        let files: Vec<_> = self.files.iter().map(|file| file.display().to_string()).collect();
        write!(f, "written   {}", files.join(", "))
    }
}

pub(crate) fn run(arguments: &UnwrapArguments, console: Console) -> Result<(), CliError> {
    let mut options = UnwrapOptions::new(arguments.texture_size);
    options.simplify_to = arguments.simplify_to;
    options.padding = arguments.padding.unwrap_or(options.padding);
    options.validate()?;
    arguments.output.check()?;
    let mesh = read_mesh(&arguments.mesh)?;

    let mut bars = ProgressBars::new(console);
    let surface = prepare_surface(&mesh, arguments.uv, &options, &mut |progress| bars.update(progress))?;
    let uvs = match surface.uv_source {
        UvSource::Own(quality) => Uvs::Own { overlap: quality.overlap, unmapped: quality.unmapped },
        UvSource::Unwrapped { chart_count, utilization } => {
            Uvs::New { charts: chart_count, coverage: utilization }
        }
        _ => return Err(CliError::Usage("the UVs come from an unknown source".into())),
    };
    let (vertices, faces) = (surface.mesh.positions.len(), surface.mesh.faces.len());
    let stretch = stretch(&surface.mesh);
    let textured =
        TexturedMesh { mesh: surface.mesh, texture: checkerboard(), coverage: GrayImage::default() };
    let files = bars.time("write", || arguments.output.write(&textured, || Ok(RgbImage::default())))?;
    console.print(&Unwrapped {
        files,
        vertices,
        faces,
        faces_before: mesh.faces.len(),
        uvs,
        stretch,
        seconds: bars.into_times(),
    })
}

/// A checkerboard of 32 by 32 squares in colors that tell the texture's corners apart.
fn checkerboard() -> RgbImage {
    RgbImage::from_fn(512, 512, |x, y| {
        let light = if (x / 16 + y / 16) % 2 == 0 { 255 } else { 120 };
        let ramp = |position: u32| (light * (64 + position * 3 / 8) / 255) as u8;
        Rgb([ramp(x), ramp(y), (light * 3 / 4) as u8])
    })
}
