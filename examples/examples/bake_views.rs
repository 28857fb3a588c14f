//! Makes a texture from view images, without any network:
//! `cargo run --release --example bake_views -- --mesh chair.glb --view front.png --view right.png …`.
//!
//! Without arguments it bakes the repository's own object from its six view images. The program `hunyuan-paint bake`
//! does the same, with options.

#![expect(clippy::print_stdout, reason = "this is what the user sees")]

use std::{error::Error, path::PathBuf};

use clap::Parser;
use hunyuan_paint::{
    GeometryDevice,
    bake::BakeOptions,
    ignore_progress,
    imaging::read_image,
    mesh::{DEFAULT_VIEWS, UnwrapOptions, UvMode, read_mesh},
    preview::{contact_sheet, four_sides, write_png},
    stages::{BakeStageOptions, GeneratedView, bake_views, prepare_surface},
};
use hunyuan_paint_examples::inputs::repository_file;
use image::RgbImage;

#[derive(Parser)]
struct Arguments {
    /// The mesh: GLB, glTF, OBJ, PLY or STL.
    #[arg(long, default_value_os_t = repository_file("assets/robot.glb"))]
    mesh: PathBuf,
    /// An image of the mesh from each of the six default cameras, in their order.
    #[arg(long = "view", default_values_os_t = default_images())]
    images: Vec<PathBuf>,
    /// Side of the texture in texels, and of the depth maps in pixels.
    #[arg(long, default_value_t = 2048)]
    size: u32,
    /// Folder of the results.
    #[arg(long, default_value = "target/bake")]
    output: PathBuf,
}

fn default_images() -> Vec<PathBuf> {
    (0..6).map(|i| repository_file(&format!("assets/robot_views/view_{i}.png"))).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { mesh, images, size, output } = Arguments::parse();
    let mesh = read_mesh(&mesh)?;
    let images = images
        .iter()
        .map(|path| Ok(read_image(path)?.on_white()))
        .collect::<Result<Vec<_>, Box<dyn Error>>>()?;

    let surface = prepare_surface(&mesh, UvMode::Auto, &UnwrapOptions::new(size), &mut ignore_progress)?;
    let views = DEFAULT_VIEWS.iter().zip(&images);
    let views: Vec<_> =
        views.map(|(view, image)| GeneratedView { view: *view, image, depth: None }).collect();
    let options = BakeStageOptions { render_size: size, texture_size: size, bake: BakeOptions::default() };
    let mut backend = GeometryDevice::Auto.init()?;
    let textured = bake_views(backend.as_mut(), &surface, &views, &options, &mut ignore_progress)?;

    std::fs::create_dir_all(&output)?;
    textured.write_glb(output.join("textured.glb"))?;
    textured.write_texture(output.join("texture.png"))?;
    let sides = four_sides(&textured, 512)?;
    let inputs: Vec<&RgbImage> = images.iter().chain([&textured.texture]).collect();
    write_png(output.join("preview.png"), &contact_sheet(&[inputs, sides.iter().collect()], 256)?)?;
    println!("written to {}", output.join("textured.glb").display());
    Ok(())
}
