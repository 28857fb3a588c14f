//! Time of each stage of the GPU rasterizer for one view, in milliseconds.
//!
//! `cargo run --release --example stage_times -- [--mesh file.obj] [--small-pixels 64] [--medium-side 127]`

#![expect(clippy::print_stdout, reason = "the table is this program's output")]

use std::{error::Error, path::PathBuf, time::Duration};

use clap::Parser;
use hunyuan_paint_benches::raster_views;
use hunyuan_paint_raster::{
    Coverage, DepthKey, RasterOptions, Size, View,
    gpu::{BinningThresholds, GpuDevice, GpuDraw, GpuMesh, GpuRasterizer},
};
use pollster::block_on;

/// Number of runs; the tables show the median.
const REPETITIONS: usize = 21;

/// Measures the stages of the GPU rasterizer.
#[derive(Parser)]
struct Arguments {
    /// A mesh to draw as well.
    #[arg(long)]
    mesh: Option<PathBuf>,
    /// Largest bounding box, in pixels, of a triangle that one thread draws.
    #[arg(long, default_value_t = BinningThresholds::default().small_pixels)]
    small_pixels: u32,
    /// Longest bounding-box side, in pixels, of a triangle that 32 threads draw; at most 127.
    #[arg(long, default_value_t = BinningThresholds::default().medium_side)]
    medium_side: u32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { mesh, small_pixels, medium_side } = Arguments::parse();
    let views = raster_views(mesh.as_deref())?;
    let device = block_on(GpuDevice::request())?;
    println!("{}", device.description());
    for coverage in [Coverage::FixedPoint, Coverage::Reference] {
        for depth_key in [DepthKey::Packed64, DepthKey::TwoPass32] {
            if !device.supports(depth_key) {
                continue;
            }
            let options = RasterOptions { coverage, depth_key: Some(depth_key), ..Default::default() };
            let rasterizer = block_on(GpuRasterizer::new(&device, options))?;
            let mut rasterizer =
                rasterizer.with_binning_thresholds(BinningThresholds { small_pixels, medium_side });
            println!("\n{coverage:?} {depth_key:?}");
            for mesh in &views {
                let uploaded = block_on(GpuMesh::new(&device, &mesh.faces, mesh.clip_positions.len()))?;
                for side in [512, 2048, 4096] {
                    let draw = GpuDraw::new(View::new(&mesh.clip_positions, Size::square(side)));
                    let all = block_on(rasterizer.time(&uploaded, &draw, REPETITIONS as u32))?;
                    let mut runs = Vec::new();
                    for _ in 0..REPETITIONS {
                        runs.push(block_on(rasterizer.time_stages(&uploaded, &draw))?);
                    }
                    print!("{:10} {side:5} {:7.3} =", mesh.name, median(all));
                    for (index, (stage, _)) in runs[0].iter().enumerate() {
                        let times = runs.iter().map(|run| run[index].1).collect();
                        print!("  {} {:.3}", stage.name(), median(times));
                    }
                    println!();
                }
            }
        }
    }
    Ok(())
}

/// Returns the median in milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}
