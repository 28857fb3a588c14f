//! The networks at their published size, with random weights: single operations, steps, and whole
//! denoising runs from images to images. `tools/unet_torch.py` times the same with PyTorch. A table
//! at the end shows criterion's estimates of this run.
//!
//! - `UNET_BENCH_DEVICE`: auto (the default), cpu, wgpu, vulkan, metal
//! - `UNET_BENCH_PRECISION`: auto (the default), f32, f16
//! - `UNET_BENCH_NETWORKS`: 1 times steps and runs on the CPU, too (takes hours); 0 never times them
//!
//! A filter selects benchmarks: `cargo bench --bench unet -- attention`.

#![expect(clippy::expect_used, reason = "the operations ran before they are timed")]
#![expect(clippy::print_stdout, reason = "the table is this bench's output")]

mod networks;
mod operations;

use std::{
    env,
    error::Error,
    time::{Duration, Instant, SystemTime},
};

use burn::tensor::Device;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, measurement::WallTime};
use hunyuan_paint::{ComputeDevice, PrecisionChoice};
use hunyuan_paint_benches::{criterion_results, machine};

type BenchResult = Result<(), Box<dyn Error>>;

/// Samples of a guided step of the paint model: six views in both branches of guidance.
const GUIDED_VIEWS: usize = 12;

/// Times computations on a device and records their names.
struct Stopwatch<'a> {
    group: BenchmarkGroup<'a, WallTime>,
    device: Device,
    /// Names, with the floating-point operations where they are known.
    timed: Vec<(String, Option<f64>)>,
}

impl Stopwatch<'_> {
    /// Times an operation. Calls are queued asynchronously; the clock stops when the device has
    /// finished all of them.
    fn time(&mut self, name: &str, flops: Option<f64>, run: &dyn Fn()) {
        let device = &self.device;
        device.sync().expect("a device that works");
        self.group.bench_function(name, |b| {
            b.iter_custom(|runs| {
                let start = Instant::now();
                (0..runs).for_each(|_| run());
                device.sync().expect("a device that works");
                start.elapsed()
            });
        });
        self.timed.push((name.to_owned(), flops));
    }
}

fn print_table(group: &str, timed: &[(String, Option<f64>)], started: SystemTime) {
    println!("\n| | mean ± deviation | TFLOP/s |\n|---|---|---|");
    for (name, flops) in timed {
        let Some(estimate) = criterion_results::measured_since(started, &[group, name]) else { continue };
        let time = if estimate.mean < 0.1 {
            format!("{:.3} ± {:.3} ms", 1e3 * estimate.mean, 1e3 * estimate.deviation)
        } else {
            estimate.to_string()
        };
        let rate =
            flops.map_or_else(|| "–".to_owned(), |flops| format!("{:.1}", 1e-12 * flops / estimate.mean));
        println!("| {name} | {time} | {rate} |");
    }
}

fn setting<T: std::str::FromStr<Err: Error + 'static>>(name: &str) -> Result<T, Box<dyn Error>> {
    Ok(env::var(name).unwrap_or_else(|_| "auto".to_owned()).parse()?)
}

fn main() -> BenchResult {
    let started = SystemTime::now();
    let mut criterion = Criterion::default().configure_from_args();
    let device = setting::<ComputeDevice>("UNET_BENCH_DEVICE")?.resolve();
    let precision = setting::<PrecisionChoice>("UNET_BENCH_PRECISION")?.resolve(device);
    let with_networks = env::var("UNET_BENCH_NETWORKS").map_or(device.is_gpu(), |value| value == "1");
    let options = device.load_options(PrecisionChoice::Exactly(precision))?;

    let group_name = format!("unet_{device}_{precision}");
    let batch = if device.is_gpu() { GUIDED_VIEWS } else { 1 };
    let timed = {
        let mut group = criterion.benchmark_group(&group_name);
        group
            .sample_size(10)
            .sampling_mode(SamplingMode::Flat)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1));
        let mut stopwatch = Stopwatch { group, device: options.device.clone(), timed: Vec::new() };
        operations::time(&mut stopwatch, precision.dtype(), batch);
        if with_networks {
            networks::time(&mut stopwatch, &options)?;
        }
        stopwatch.timed
    };
    criterion.final_summary();

    print_table(&group_name, &timed, started);
    println!("\n{device}: {}, {precision}; {}", device.info()?.name, machine::processor());
    println!("hunyuan-paint {}, burn {}", env!("CARGO_PKG_VERSION"), machine::locked_version("burn"));
    Ok(())
}
