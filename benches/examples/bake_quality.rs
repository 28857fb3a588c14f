//! Quality of baking in dB: a table and images.
//!
//! `cargo run --release -p hunyuan-paint-benches --example bake_quality -- [--output folder] [--mesh file.obj]`
//!
//! Objects whose color is known at every point are seen by the six default cameras and baked. The
//! texture is compared with the ground truth: at the texels that those cameras see and at the
//! others, along all seams and along the seams that the cameras see, and in images from 20 other
//! cameras. "Seam step" is the mean difference of the two sides of a seam, 0 to 255, on the texture
//! and on three smaller mipmap levels. "Truth" is the best texture of that size, an upper bound for
//! baking.

#![expect(clippy::print_stdout, reason = "the table is this program's output")]
#![expect(clippy::print_stderr, reason = "progress messages of a slow program")]

use std::{error::Error, ops::ControlFlow, path::PathBuf, time::Instant};

use clap::Parser;
use hunyuan_paint_benches::quality::{
    Figures, Sizes, TestObject, bake_views,
    color::patchwork,
    modes,
    report::{Row, contact_sheet, table},
    shapes,
};
use hunyuan_paint_mesh::{CanonicalMesh, Mesh, UnwrapOptions, UvMode, prepare_uvs, read_mesh};
use image::RgbImage;

/// Measures the quality of baking.
#[derive(Parser)]
struct Arguments {
    /// Pixels per side of the views, as the network paints them.
    #[arg(long, default_value_t = 512)]
    view_size: u32,
    /// Pixels per side of the views as they are projected.
    #[arg(long, default_value_t = 2048)]
    render_size: u32,
    /// Texels per side of the texture.
    #[arg(long, default_value_t = 2048)]
    texture_size: u32,
    /// Folder for `quality.md`, and for images of the ground truth and of the textures of each
    /// object.
    #[arg(long)]
    output: Option<PathBuf>,
    /// A mesh to bake as well; may be given several times.
    #[arg(long)]
    mesh: Vec<PathBuf>,
    /// Bake only the objects of these names; may be given several times.
    #[arg(long)]
    only: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let sizes = Sizes {
        view: arguments.view_size,
        render: arguments.render_size,
        texture: arguments.texture_size,
        picture: 512,
    };
    let mut objects: Vec<(String, Mesh)> =
        shapes::all().into_iter().map(|(name, mesh)| (name.to_owned(), mesh)).collect();
    for file in &arguments.mesh {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        objects.push((name, read_mesh(file)?));
    }
    objects.retain(|(name, _)| arguments.only.is_empty() || arguments.only.contains(name));
    if let Some(folder) = &arguments.output {
        std::fs::create_dir_all(folder)?;
    }

    let mut rows = Vec::new();
    for (name, mesh) in objects {
        let start = Instant::now();
        let face_count = mesh.faces.len();
        let subject = TestObject::new(unwrapped(&mesh, sizes.texture)?, patchwork, sizes)?;
        eprintln!("{name}: {face_count} faces, truth after {:.1} s", start.elapsed().as_secs_f64());

        let mut textures = vec![("Truth", subject.paint()?)];
        let views = subject.views()?;
        for (mode, options) in modes() {
            let start = Instant::now();
            textures.push((mode, bake_views(&subject.mesh, &views, &sizes, &options)?.image));
            eprintln!("{name}: {mode}, {:.1} s", start.elapsed().as_secs_f64());
        }
        for (mode, texture) in &textures {
            rows.push(Row {
                mesh: format!("{name} ({face_count})"),
                mode: (*mode).to_owned(),
                seen_share: subject.seen_share(),
                figures: Figures::new(&subject, texture)?,
            });
        }
        if let Some(folder) = &arguments.output {
            let baked: Vec<&RgbImage> = textures[1..].iter().map(|(_, texture)| texture).collect();
            contact_sheet(&subject, &baked)?.save(folder.join(format!("{name}.png")))?;
        }
    }
    let table = table(&rows);
    println!("{table}");
    if let Some(folder) = &arguments.output {
        std::fs::write(folder.join("quality.md"), table)?;
    }
    Ok(())
}

fn unwrapped(mesh: &Mesh, texture_size: u32) -> Result<CanonicalMesh, Box<dyn Error>> {
    let options = UnwrapOptions::new(texture_size);
    let prepared = prepare_uvs(mesh, UvMode::Unwrap, &options, |_| ControlFlow::Continue(()))?;
    Ok(CanonicalMesh::new(&prepared.mesh)?)
}
