//! Loading time of each network of a model folder, and the peak memory of the process:
//! `cargo run --release -p hunyuan-paint-benches --example load_weights -- weights/hunyuan3d-paint-v2-0`.

#![expect(clippy::print_stdout, reason = "the table is this program's output")]

use std::{error::Error, ops::ControlFlow, path::PathBuf, time::Instant};

use clap::Parser;
use hunyuan_paint::{
    ComputeDevice, MemoryPlan, PrecisionChoice,
    models::{LoadCallback, ModelError, pipelines::MultiviewPipeline},
};
use hunyuan_paint_benches::memory::peak_memory_mib;

/// Loads the networks of a paint model one after the other.
#[derive(Parser)]
struct Arguments {
    /// A folder in the layout of `hunyuan3d-paint-v2-0`.
    folder: PathBuf,
    /// auto, cpu, wgpu, vulkan or metal.
    #[arg(long, default_value = "auto")]
    device: ComputeDevice,
    /// auto, f32 or f16.
    #[arg(long, default_value = "auto")]
    precision: PrecisionChoice,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let device = arguments.device.init()?;
    let on_load = LoadCallback::new(|progress| {
        if progress.bytes == progress.total {
            println!("{}: {} bytes", progress.file.display(), progress.total);
        }
        ControlFlow::Continue(())
    });
    let options = arguments
        .device
        .load_options(arguments.precision)?
        .with_memory_plan(MemoryPlan::ReloadPerStage)
        .with_on_load(on_load);
    let precision = options.precision;
    let pipeline = MultiviewPipeline::from_pretrained(&arguments.folder, options)?;
    let time = |name: &str, load: &dyn Fn() -> Result<(), ModelError>| {
        let start = Instant::now();
        load()?;
        device.sync()?;
        let peak = peak_memory_mib().map_or_else(|| "–".to_owned(), |peak| format!("{peak:.0} MiB"));
        println!("| {name}, {precision} | {:.2} s | {peak} |", start.elapsed().as_secs_f64());
        Ok::<_, Box<dyn Error>>(())
    };
    time("unet", &|| pipeline.unet().map(drop))?;
    time("reference unet", &|| pipeline.reference_unet().map(drop))?;
    time("vae", &|| pipeline.vae().map(drop))
}
