//! Time and memory of baking by the size of mesh and texture.
//!
//! `cargo run --release -p hunyuan-paint-benches --example bake_scaling -- [--faces 62000 ...] [--texture-size 1024 ...]`
//!
//! The mesh is a bumpy torus whose UVs are its two angles, so that no unwrap is needed; views are
//! 2048². Each size runs in its own process, and the peak memory is that of this process (Linux
//! only, 0 elsewhere). At the end the program prints the least-squares fit time = a + b · faces + c
//! · texels. It is meaningful only on an otherwise idle machine.

#![expect(clippy::print_stdout, reason = "the table is this program's output")]

use std::{error::Error, f32::consts::TAU, ops::ControlFlow, process::Command, time::Instant};

use clap::Parser;
use glam::{Vec2, Vec3};
use hunyuan_paint_bake::{BakeOptions, BakeRequest, BakeView, bake};
use hunyuan_paint_benches::{
    fit::{Fit, linear_fit},
    memory::peak_memory_mib,
    quality::{
        color::patchwork,
        modes,
        render::{Frame, Picture, Place},
    },
};
use hunyuan_paint_mesh::{CanonicalMesh, DEFAULT_VIEWS, Mesh, UnwrapOptions, UvMode, prepare_uvs};

/// Pixels per side of the views.
const VIEW_SIZE: u32 = 2048;

/// Measures time and memory of baking.
#[derive(Parser)]
struct Arguments {
    /// Approximate numbers of faces.
    #[arg(long, num_args = 1.., default_values_t = [62_500, 125_000, 250_000, 500_000, 1_000_000])]
    faces: Vec<u32>,
    /// Sides of the texture in texels.
    #[arg(long, num_args = 1.., default_values_t = [1024, 2048, 4096, 8192])]
    texture_size: Vec<u32>,
    /// Ways of baking; all if absent.
    #[arg(long, num_args = 1..)]
    mode: Vec<String>,
    /// Number of runs of each; the shortest time counts.
    #[arg(long, default_value_t = 3)]
    repetitions: u32,
    /// Bake in this process, and print faces, seconds and MiB. Used by the processes that this
    /// program starts.
    #[arg(long, hide = true)]
    once: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let modes: Vec<(&str, BakeOptions)> = modes()
        .into_iter()
        .filter(|(mode, _)| arguments.mode.is_empty() || arguments.mode.iter().any(|name| name == mode))
        .collect();
    if arguments.once {
        for &faces in &arguments.faces {
            for &texture_size in &arguments.texture_size {
                for (_, options) in &modes {
                    bake_here(faces, texture_size, options, arguments.repetitions)?;
                }
            }
        }
        return Ok(());
    }
    for (mode, _) in modes {
        println!("{mode}\n\n| Faces | Texture | s | MiB |\n|--:|--:|--:|--:|");
        let mut runs = Vec::new();
        for &faces in &arguments.faces {
            for &texture_size in &arguments.texture_size {
                let [faces, seconds, memory] =
                    in_a_process(mode, faces, texture_size, arguments.repetitions)?;
                println!("| {faces} | {texture_size} | {seconds:.2} | {memory:.0} |");
                runs.push(([faces, f64::from(texture_size).powi(2)], seconds));
            }
        }
        if let Some(Fit { coefficients: [a, b, c], r_squared }) = linear_fit(&runs) {
            println!(
                "\ntime = {a:.2} s + {:.2} s per million faces + {:.3} s per million texels, R² = {r_squared:.3}\n",
                b * 1e6,
                c * 1e6
            );
        }
    }
    Ok(())
}

/// Bakes in a process of its own, and returns faces, seconds and MiB.
fn in_a_process(
    mode: &str,
    faces: u32,
    texture_size: u32,
    repetitions: u32,
) -> Result<[f64; 3], Box<dyn Error>> {
    let [faces, texture_size, repetitions] =
        [faces, texture_size, repetitions].map(|number| number.to_string());
    let output = Command::new(std::env::current_exe()?)
        .args(["--once", "--mode", mode, "--faces", &faces, "--texture-size", &texture_size])
        .args(["--repetitions", &repetitions])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let line = String::from_utf8(output.stdout)?;
    let numbers = line.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    numbers.try_into().map_err(|_| format!("expected three numbers, found {line:?}").into())
}

fn bake_here(
    faces: u32,
    texture_size: u32,
    options: &BakeOptions,
    repetitions: u32,
) -> Result<(), Box<dyn Error>> {
    let go_on = |_| ControlFlow::Continue(());
    let prepared = prepare_uvs(&torus(faces), UvMode::Keep, &UnwrapOptions::new(texture_size), go_on)?;
    let mesh = CanonicalMesh::new(&prepared.mesh)?;
    let frame = Frame::view(VIEW_SIZE, VIEW_SIZE, 1);
    let color_at = |place: Place| patchwork(place.position);
    let images = (DEFAULT_VIEWS.iter())
        .map(|view| Ok(Picture::new(&mesh, &view.camera, &frame, color_at)?.on_white()))
        .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let views: Vec<BakeView<'_>> = (DEFAULT_VIEWS.iter().zip(&images))
        .map(|(view, image)| BakeView::new(view.camera, view.weight, image))
        .collect();
    // Resets the peak memory, so that it is that of baking. Without /proc it remains that of the
    // whole process.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let mut seconds = f64::INFINITY;
    for _ in 0..repetitions {
        let start = Instant::now();
        bake(&BakeRequest { mesh: &mesh, views: &views, texture_size, options }, &mut |_| {
            ControlFlow::Continue(())
        })?;
        seconds = seconds.min(start.elapsed().as_secs_f64());
    }
    println!("{} {seconds} {}", mesh.faces.len(), peak_memory_mib().unwrap_or(0.0));
    Ok(())
}

/// Returns a bumpy torus, with twice as many quads around as through, whose UVs fill the texture.
fn torus(face_count: u32) -> Mesh {
    let rings = (face_count as f32 / 4.0).sqrt().round().max(3.0) as u32;
    let around = 2 * rings;
    let point = |uv: Vec2| {
        let [turn, through] = (uv * TAU).to_array();
        let radius = 0.4 * (1.0 + 0.12 * (9.0 * turn).sin() * (6.0 * through).sin());
        let from_axis = 1.0 + radius * through.cos();
        Vec3::new(from_axis * turn.cos(), radius * through.sin(), from_axis * turn.sin())
    };
    let uvs: Vec<Vec2> = (0..=around)
        .flat_map(|i| (0..=rings).map(move |j| Vec2::new(i as f32 / around as f32, j as f32 / rings as f32)))
        .collect();
    let faces = (0..around).flat_map(|i| {
        (0..rings).flat_map(move |j| {
            let (a, b) = (i * (rings + 1) + j, (i + 1) * (rings + 1) + j);
            [[a, a + 1, b], [a + 1, b + 1, b]]
        })
    });
    Mesh {
        positions: uvs.iter().map(|uv| point(*uv)).collect(),
        faces: faces.collect(),
        uvs: Some(uvs),
        ..Mesh::default()
    }
}
