//! Makes a texture of view images, with no network involved:
//! `cargo run --release --example bake_views -- --mesh chair.glb --view front.png --view right.png …`.
//!
//! Without arguments it bakes the repository's own object from its six view images.

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::Parser;
use hunyuan_paint::{
    GeometryDevice,
    bake::BakeOptions,
    image::read_image,
    mesh::{UnwrapOptions, UvMode, read_mesh},
    stages::{PaintedViews, bake_views, prepare_surface},
};
use hunyuan_paint_examples::{
    contact_sheet::contact_sheet,
    inputs::{check_folder, four_sides, parse_uv_mode, read_views, repository_file, run_program, write_png},
    progress_bars::ProgressBars,
};
use image::RgbImage;

/// Makes a texture of images of a mesh.
#[derive(Parser)]
struct Arguments {
    /// The mesh: GLB, glTF, OBJ, PLY or STL.
    #[arg(long, default_value_os_t = repository_file("assets/robot.glb"))]
    mesh: PathBuf,
    /// An image of the mesh from each camera, in their order.
    #[arg(long = "view", default_values_os_t = default_images())]
    images: Vec<PathBuf>,
    /// A camera list: [{"azimuth": 0, "elevation": 0, "weight": 1}, ...]; six cameras around the mesh if absent.
    #[arg(long)]
    views: Option<PathBuf>,
    /// Side of the texture in texels.
    #[arg(long, default_value_t = 2048)]
    texture_size: u32,
    /// Side of the depth maps that tell what an image shows, in pixels.
    #[arg(long, default_value_t = 2048)]
    render_size: u32,
    /// Whose UVs: auto, keep or unwrap.
    #[arg(long, default_value = "auto", value_parser = parse_uv_mode)]
    uv: UvMode,
    /// Where views are baked: auto, cpu or gpu; the result is the same.
    #[arg(long, default_value = "auto")]
    geometry: GeometryDevice,
    /// Bake as the original does: for comparison.
    #[arg(long)]
    reference_bake: bool,
    /// Folder of the results.
    #[arg(long, default_value = "target/bake")]
    output: PathBuf,
}

fn default_images() -> Vec<PathBuf> {
    (0..6).map(|i| repository_file(&format!("assets/robot_views/view_{i}.png"))).collect()
}

fn main() -> ExitCode {
    run_program(run)
}

fn run(arguments: &Arguments) -> Result<String, Box<dyn Error>> {
    let Arguments { texture_size, render_size, uv, output, geometry, reference_bake, .. } = arguments;
    let views = read_views(arguments.views.as_deref())?;
    let mesh = read_mesh(&arguments.mesh)?;
    let images = arguments.images.iter().map(|path| Ok(read_image(path)?.on_white()));
    let images: Vec<RgbImage> = images.collect::<Result<_, Box<dyn Error>>>()?;

    check_folder(output)?;

    let mut bars = ProgressBars::new();
    let mut update = |progress: &hunyuan_paint::Progress<'_>| bars.update(progress);
    let surface = prepare_surface(&mesh, *uv, &UnwrapOptions::new(*texture_size), &mut update)?;
    let options = if *reference_bake { BakeOptions::reference() } else { BakeOptions::default() };
    let painted = PaintedViews { views: &views, images: &images, depths: &[] };
    let textured = bake_views(
        geometry.init()?.as_mut(),
        &surface,
        &painted,
        *render_size,
        *texture_size,
        &options,
        &mut update,
    )?;

    std::fs::create_dir_all(output).map_err(|error| format!("{}: {error}", output.display()))?;
    textured.write_glb(output.join("textured.glb"))?;
    textured.write_texture(output.join("texture.png"))?;
    let sides = four_sides(&textured, 512)?;
    let mut inputs: Vec<&RgbImage> = images.iter().collect();
    inputs.push(&textured.texture);
    let preview = contact_sheet(&[inputs, sides.iter().collect()], 256)?;
    write_png(&output.join("preview.png"), &preview)?;
    Ok(format!("{}\nwritten to {}", bars.table(), output.join("textured.glb").display()))
}
