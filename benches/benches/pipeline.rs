//! A whole diffusion run by device, scheduler and steps: the delight pipeline repaints one image of
//! 256² without guidance, from image to image in memory. A table at the end shows criterion's
//! estimates of this run.
//!
//! `HUNYUAN_PAINT_MODEL=folder` replaces the untrained toy model by another one (with `unet`,
//! `vae`, `text_encoder`, `tokenizer` and `scheduler`); `PIPELINE_BENCH_GPU=1` includes a software
//! GPU, which is slow. A filter selects benchmarks: `cargo bench --bench pipeline -- cpu/ddim`.

#![expect(clippy::expect_used, reason = "the pipeline ran before it is timed")]
#![expect(clippy::print_stdout, reason = "the table is this bench's output")]

use std::{
    env,
    error::Error,
    hint::black_box,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use criterion::{BenchmarkId, Criterion, SamplingMode};
use hunyuan_paint::{
    ComputeDevice,
    models::{
        ModelError,
        pipelines::{DenoiseOptions, InstructPix2PixOptions, InstructPix2PixPipeline},
    },
    scheduler::{SchedulerKind, random::Philox},
};
use hunyuan_paint_benches::{criterion_results, machine};
use image::{Rgb, RgbImage};

type BenchResult<T = ()> = Result<T, Box<dyn Error>>;

/// Side of the image.
const SIDE: u32 = 256;

/// LCM supports at most 50 steps.
const STEPS: [usize; 3] = [10, 20, 50];

/// The post's experiment had the true-size network; this is what it found.
const POST: &str = "\
The post that this table comes from measured other hardware and another network: an Apple M4 Max and Hunyuan3D's \
delight network at its true size. There, 20 steps took 9.0 s on the CPU and 2.45 s on the GPU through MPS, 3.7 times \
as fast. Nothing here can be set against those times.";

fn untrained_model() -> PathBuf {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/hunyuan-paint-testkit/cases");
    cases.join("model_tiny/hunyuan3d-delight-v2-0")
}

fn image() -> RgbImage {
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        Rgb([x as u8, y as u8, if (x / 32 + y / 32) % 2 == 0 { 60 } else { 200 }])
    })
}

/// Returns the available devices of this build with their descriptions, and prints which are left
/// out and why.
fn devices() -> Vec<(ComputeDevice, String)> {
    let mut present = Vec::new();
    for device in ComputeDevice::ALL.iter().copied().filter(|device| *device != ComputeDevice::Auto) {
        match describe(device) {
            Ok(description) => present.push((device, description)),
            Err(reason) => println!("left out: {device}: {reason}"),
        }
    }
    present
}

fn describe(device: ComputeDevice) -> Result<String, String> {
    let info = device.info().map_err(|error| error.to_string())?;
    if device == ComputeDevice::Cpu {
        return Ok(machine::processor());
    }
    if info.is_software && env::var_os("PIPELINE_BENCH_GPU").is_none() {
        return Err(format!("{} is only software; PIPELINE_BENCH_GPU=1 takes it", info.name));
    }
    Ok(info.name)
}

fn repaint(
    pipeline: &InstructPix2PixPipeline,
    image: &RgbImage,
    scheduler: SchedulerKind,
    num_inference_steps: usize,
) -> Result<RgbImage, ModelError> {
    let denoise = DenoiseOptions { scheduler, num_inference_steps, guidance_scale: 1.0, eta: 0.0 };
    let options = InstructPix2PixOptions { denoise, ..InstructPix2PixOptions::default() };
    pipeline.run(image, &options, &mut Philox::new(0), &mut |_| ControlFlow::Continue(()))
}

fn group_name(device: ComputeDevice) -> String {
    format!("pipeline_{device}")
}

fn time(criterion: &mut Criterion, device: ComputeDevice, model: &Path) -> BenchResult {
    let pipeline = InstructPix2PixPipeline::from_pretrained(model, &device.init()?)?;
    let image = image();
    // Compiles the kernels of a GPU, and fails here rather than in a timed run.
    for &scheduler in SchedulerKind::ALL {
        repaint(&pipeline, &image, scheduler, 2)?;
    }
    let mut group = criterion.benchmark_group(group_name(device));
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5));
    for &scheduler in SchedulerKind::ALL {
        for steps in STEPS {
            group.bench_function(BenchmarkId::new(scheduler.name(), steps), |b| {
                b.iter(|| black_box(repaint(&pipeline, &image, scheduler, steps).expect("it ran before")));
            });
        }
    }
    group.finish();
    Ok(())
}

fn print_table(devices: &[(ComputeDevice, String)], started: SystemTime) {
    println!("\n| device | scheduler | steps | mean ± deviation | speed-up against the CPU |");
    println!("|---|---|---|---|---|");
    for (device, _) in devices {
        for &scheduler in SchedulerKind::ALL {
            for steps in STEPS {
                let measured = |device| {
                    criterion_results::measured_since(
                        started,
                        &[&group_name(device), scheduler.name(), &steps.to_string()],
                    )
                };
                let Some(estimate) = measured(*device) else { continue };
                let speed_up = match measured(ComputeDevice::Cpu) {
                    Some(cpu) => format!("{:.2}", cpu.mean / estimate.mean),
                    None => "–".to_owned(),
                };
                println!("| {device} | {} | {steps} | {estimate} | {speed_up} |", scheduler.name());
            }
        }
    }
}

fn main() -> BenchResult {
    let started = SystemTime::now();
    let mut criterion = Criterion::default().configure_from_args();
    let model = env::var_os("HUNYUAN_PAINT_MODEL").map(PathBuf::from);
    let devices = devices();
    for (device, _) in &devices {
        time(&mut criterion, *device, model.as_deref().unwrap_or(&untrained_model()))?;
    }
    criterion.final_summary();

    print_table(&devices, started);
    println!();
    for (device, description) in &devices {
        println!("{device}: {description}");
    }
    match model {
        Some(folder) => println!("model: {}", folder.display()),
        None => println!("model: untrained, of toy size (UNet of 16 to 32 channels, autoencoder of 16)"),
    }
    println!(
        "one image of {SIDE}², guidance off, float32; hunyuan-paint {}, burn {}",
        env!("CARGO_PKG_VERSION"),
        machine::locked_version("burn")
    );
    println!("{POST}");
    Ok(())
}
