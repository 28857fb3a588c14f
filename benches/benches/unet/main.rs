//! The networks at their true size.

#![expect(clippy::expect_used, reason = "what ran before its bench runs in it")]
#![expect(clippy::print_stdout, reason = "the table is what this bench is for")]

mod networks;
mod operations;

use std::{
    env,
    error::Error,
    time::{Duration, Instant, SystemTime},
};

use burn::tensor::{DType, Device};
use criterion::{Criterion, SamplingMode};
use hunyuan_paint::{
    ComputeDevice,
    models::{LoadOptions, Precision},
};
use hunyuan_paint_benches::{estimates, machine};

fn time_operations(
    criterion: &mut Criterion,
    device: &Device,
    dtype: DType,
    group_name: &str,
    started: SystemTime,
) {
    let mut table = Vec::new();
    {
        let mut group = criterion.benchmark_group(group_name);
        group
            .sample_size(10)
            .sampling_mode(SamplingMode::Flat)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_millis(700));
        let batch = if group_name.contains("cpu") { 1 } else { 12 };
        for subject in operations::subjects(device, dtype, batch) {
            device.sync().expect("a device that works");
            group.bench_function(&subject.name, |b| {
                b.iter_custom(|runs| {
                    let start = Instant::now();
                    for _ in 0..runs {
                        (subject.run)();
                    }
                    device.sync().expect("it ran before");
                    start.elapsed()
                });
            });
            table.push((subject.name, subject.flops));
        }
        group.finish();
    }
    for (name, flops) in table {
        if let Some(estimate) = estimates::measured_since(started, &[group_name, &name]) {
            let teraflops =
                if flops > 0.0 { format!("{:.1}", flops / estimate.mean * 1e-12) } else { "–".to_owned() };
            println!("| {name} | {:.3} ms | {teraflops} |", 1e3 * estimate.mean);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let started = SystemTime::now();
    let mut criterion = Criterion::default().configure_from_args();
    let name = env::var("UNET_BENCH_DEVICE").unwrap_or_else(|_| "auto".to_owned());
    let device = name.parse::<ComputeDevice>()?.resolve();
    let precision = env::var("UNET_BENCH_PRECISION")
        .unwrap_or_else(|_| if device.is_gpu() { "f16".to_owned() } else { "f32".to_owned() });
    let precision: Precision = precision.parse()?;
    println!("{device}: {}, {precision}; {}", device.info()?.name, machine::processor());
    let opened = device.init()?;
    if env::var_os("UNET_BENCH_NETWORKS").is_some() {
        let options = LoadOptions { device: opened.clone(), precision };
        return networks::time(&mut criterion, &options, &format!("unet_networks_{device}_{precision}"));
    }
    time_operations(
        &mut criterion,
        &opened,
        precision.dtype(),
        &format!("unet_operations_{device}_{precision}"),
        started,
    );
    Ok(())
}
