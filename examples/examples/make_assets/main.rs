//! Makes the repository's example object: `cargo run --release --example make_assets`.
//!
//! The object is a toy robot, modeled as a signed distance field. The files are its mesh, a photograph of its front, and
//! the views of the six default cameras without any light. Every run makes the same files: no random numbers, clock or
//! platform-dependent functions are used (square roots are IEEE's).

mod distance;
mod glb;
mod photo;
mod robot;
mod surface_nets;
mod views;

use std::{
    error::Error,
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use clap::Parser;
use hunyuan_paint::mesh::{DEFAULT_VIEWS, vertex_normals, write_atomically};
use image::{
    DynamicImage,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};

/// Makes the example object: a mesh, a reference image and six views.
#[derive(Parser)]
struct Arguments {
    /// Folder of the results.
    #[arg(default_value = "assets")]
    output: PathBuf,
}

/// Side of the mesh's cells in object units; gives about 25,000 triangles.
const CELL: f32 = 0.0134;

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { output } = Arguments::parse();
    let views = output.join("robot_views");
    fs::create_dir_all(&views).map_err(|error| format!("{}: {error}", views.display()))?;

    let (positions, faces) = surface_nets::polygonize(robot::distance, robot::BOUNDS, CELL);
    surface_nets::check_closed(&faces)?;
    let normals = vertex_normals(&positions, &faces);
    write(&output.join("robot.glb"), &glb::glb_bytes(&positions, &normals, &faces))?;

    write(&output.join("robot.png"), &png_bytes(photo::photograph(768).into())?)?;

    let images = views::unlit_views(&positions, &faces, &DEFAULT_VIEWS.map(|view| view.camera), 512)?;
    for (i, image) in images.into_iter().enumerate() {
        write(&views.join(format!("view_{i}.png")), &png_bytes(image.into())?)?;
    }
    Ok(())
}

fn png_bytes(image: DynamicImage) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_with_encoder(PngEncoder::new_with_quality(
        &mut bytes,
        CompressionType::Best,
        FilterType::Adaptive,
    ))?;
    Ok(bytes.into_inner())
}

#[expect(clippy::print_stdout, reason = "this is what the user sees")]
fn write(path: &Path, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    write_atomically(path, bytes)?;
    println!("{} ({} kB)", path.display(), bytes.len().div_ceil(1000));
    Ok(())
}
