//! Time and peak memory of all stages without the networks, for mesh files.
//!
//! `cargo run --release -p hunyuan-paint-benches --example whole_stage -- --texture-size 2048 scan.ply`
//!
//! The mesh is unwrapped, six views of 2048² are rendered, images of 512² are baked and the texture
//! is filled, all on the CPU. The peak memory is that of the process, so run one file at a time to
//! compare.

#![expect(clippy::print_stdout, reason = "the table is this program's output")]

use std::{error::Error, ops::ControlFlow, path::PathBuf, time::Instant};

use clap::Parser;
use hunyuan_paint_bake::{Backend, BakeOptions, BakeRequest, BakeView, Cpu, RenderRequest, bake};
use hunyuan_paint_benches::memory::peak_memory_mib;
use hunyuan_paint_mesh::{CanonicalMesh, DEFAULT_VIEWS, UnwrapOptions, UvMode, prepare_uvs, read_mesh};

/// Pixels per side of the rendered views, and of the views as the network paints them.
const RENDER_SIZE: u32 = 2048;
const VIEW_SIZE: u32 = 512;

/// Measures all stages without the networks.
#[derive(Parser)]
struct Arguments {
    /// Side of the texture in texels.
    #[arg(long, default_value_t = 2048)]
    texture_size: u32,
    /// Simplify to this number of triangles first.
    #[arg(long)]
    simplify_to: Option<usize>,
    /// Mesh files.
    meshes: Vec<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { texture_size, simplify_to, meshes } = Arguments::parse();
    println!("| Mesh | Faces | Texture | Unwrap, s | Views, s | Bake and fill, s | Peak MiB |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for file in meshes {
        let mesh = read_mesh(&file)?;
        let start = Instant::now();
        let options = UnwrapOptions { simplify_to, ..UnwrapOptions::new(texture_size) };
        let prepared = prepare_uvs(&mesh, UvMode::Unwrap, &options, |_| ControlFlow::Continue(()))?;
        let unwrap = start.elapsed().as_secs_f64();

        let paint = CanonicalMesh::new(&prepared.mesh)?;
        let start = Instant::now();
        let cameras = DEFAULT_VIEWS.map(|view| view.camera);
        let go_on = &mut |_| ControlFlow::Continue(());
        let rendered = Cpu.render_views(
            &RenderRequest {
                mesh: &paint,
                cameras: &cameras,
                render_size: RENDER_SIZE,
                view_size: VIEW_SIZE,
            },
            go_on,
        )?;
        let render = start.elapsed().as_secs_f64();

        // The normal maps stand for painted views.
        let start = Instant::now();
        let views: Vec<BakeView<'_>> = (DEFAULT_VIEWS.iter().zip(&rendered))
            .map(|(view, rendered)| BakeView {
                depth: rendered.depth.as_ref(),
                ..BakeView::new(view.camera, view.weight, &rendered.maps.normal)
            })
            .collect();
        let baked = bake(
            &BakeRequest { mesh: &paint, views: &views, texture_size, options: &BakeOptions::default() },
            &mut |_| ControlFlow::Continue(()),
        )?;
        let bake = start.elapsed().as_secs_f64();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        println!(
            "| {name} | {} | {}² | {unwrap:.2} | {render:.2} | {bake:.2} | {:.0} |",
            prepared.mesh.faces.len(),
            baked.image.width(),
            peak_memory_mib().unwrap_or(0.0)
        );
    }
    Ok(())
}
