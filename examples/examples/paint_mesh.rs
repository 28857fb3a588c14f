//! Paints a mesh from an image:
//! `cargo run --release --example paint_mesh -- --mesh chair.glb --image chair.png`.
//!
//! The example uses the repository's small demo checkpoint, which was trained for minutes. It shows
//! how the stages work together, not the quality of the published weights. The program
//! `hunyuan-paint` supports those, with many options.

#![expect(clippy::print_stdout, reason = "this is what the user sees")]

use std::{error::Error, ops::ControlFlow, path::PathBuf};

use clap::Parser;
use hunyuan_paint::{
    PaintOptions, PaintPipeline, Variant,
    imaging::read_image,
    mesh::read_mesh,
    preview::{painting_sheet, write_png},
};
use hunyuan_paint_examples::inputs::repository_file;

#[derive(Parser)]
struct Arguments {
    /// The mesh: GLB, glTF, OBJ, PLY or STL.
    #[arg(long, default_value_os_t = repository_file("assets/robot.glb"))]
    mesh: PathBuf,
    /// An image of the object, best with a transparent background.
    #[arg(long, default_value_os_t = repository_file("assets/robot.png"))]
    image: PathBuf,
    /// Folder of the results.
    #[arg(long, default_value = "target/paint")]
    output: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { mesh, image, output } = Arguments::parse();
    let (mesh, images) = (read_mesh(&mesh)?, [read_image(&image)?]);

    let pipeline = PaintPipeline::from_pretrained(repository_file("assets/demo"), Variant::Standard)?;
    let painting = pipeline.paint_with_progress(&mesh, &images, &PaintOptions::demo(), &mut |progress| {
        if progress.fraction == 0.0 {
            println!("{}", progress.stage.name());
        }
        ControlFlow::Continue(())
    })?;

    std::fs::create_dir_all(&output)?;
    painting.textured.write_glb(output.join("textured.glb"))?;
    painting.textured.write_texture(output.join("texture.png"))?;
    write_png(output.join("preview.png"), &painting_sheet(&images, &painting)?)?;
    println!("written to {}", output.join("textured.glb").display());
    Ok(())
}
