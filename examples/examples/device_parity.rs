//! Does every device compute the same? `cargo run --release --example device_parity`.
//!
//! Runs single operations, networks and whole paintings on each device of this build and machine, and compares them with
//! the CPU in single precision. All random numbers come from the host, so that only arithmetic differs. GPUs need a
//! build with `--features wgpu`.

use std::{
    error::Error,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use hunyuan_paint::{ComputeDevice, models::Precision, preview::write_png, scheduler::SchedulerKind};
use hunyuan_paint_examples::{experiment::ExperimentArguments, inputs::run_program};
use hunyuan_paint_testkit::{
    devices::{DeviceFixture, PipelineKind, Randomness, Run, Scene, components},
    image_metrics::{Differences, ImageDifferences, compare_images, compare_values, image_statistics},
};
use image::RgbImage;

/// Compares devices, operation by operation and run by run.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    experiment: ExperimentArguments,
    /// Only these devices and the CPU: wgpu, vulkan, metal; may be repeated. All available ones if absent.
    #[arg(long)]
    device: Vec<ComputeDevice>,
    /// Skip half precision.
    #[arg(long)]
    no_half: bool,
    /// Folder for the images of the whole runs; none are written if absent.
    #[arg(long)]
    output: Option<PathBuf>,
}

/// The largest difference of a byte in a whole run in single precision.
const BYTES_MAX: u8 = 1;

/// Why there may be no device to compare.
const ONLY_CPU: &str = if cfg!(feature = "wgpu") {
    "the CPU is the only device of this machine"
} else {
    "the CPU is the only device of this build; add --features wgpu"
};

fn main() -> ExitCode {
    run_program(run)
}

fn run(arguments: &Arguments) -> Result<String, Box<dyn Error>> {
    let benches = workbenches(arguments)?;
    let mut report = Report::default();
    report.devices(&benches)?;
    report.components(&benches)?;
    let scene = arguments.experiment.scene()?;
    report.runs(&benches, &scene, arguments)?;
    let Report { text, passed, failed } = report;
    let compared = if benches.len() > 1 {
        format!("{passed} comparisons in single precision within their limits, {failed} not")
    } else {
        format!("nothing was compared: {ONLY_CPU}")
    };
    let summary = format!("{text}\n{compared}");
    if failed == 0 { Ok(summary) } else { Err(summary.into()) }
}

/// Opens the devices; the first is the CPU in single precision, which all others are compared with.
fn workbenches(arguments: &Arguments) -> Result<Vec<DeviceFixture>, Box<dyn Error>> {
    let mut devices =
        if arguments.device.is_empty() { ComputeDevice::available() } else { arguments.device.clone() };
    devices.retain(|device| *device != ComputeDevice::Cpu);
    devices.insert(0, ComputeDevice::Cpu);
    let mut benches = Vec::new();
    for device in devices {
        benches.push(DeviceFixture::new(&arguments.experiment.model, device, Precision::F32)?);
        if !arguments.no_half && device.init()?.supports_dtype(Precision::F16.dtype()) {
            benches.push(DeviceFixture::new(&arguments.experiment.model, device, Precision::F16)?);
        }
    }
    Ok(benches)
}

/// Markdown tables, and the number of comparisons.
#[derive(Default)]
struct Report {
    text: String,
    passed: usize,
    failed: usize,
}

impl Report {
    fn devices(&mut self, benches: &[DeviceFixture]) -> Result<(), Box<dyn Error>> {
        writeln!(self.text, "| device | is |\n|---|---|")?;
        for device in benches.iter().filter(|bench| bench.precision == Precision::F32) {
            let info = device.compute_device.info()?;
            let software = if info.is_software { ", in software" } else { "" };
            writeln!(self.text, "| {} | {}{software} |", device.compute_device, info.name)?;
        }
        Ok(())
    }

    fn components(&mut self, benches: &[DeviceFixture]) -> Result<(), Box<dyn Error>> {
        let header =
            "| component | on | max | mean | relative | NaN/Inf | limit | status | from exact, max |";
        writeln!(self.text, "\n{header}\n|---|---|---|---|---|---|---|---|---|")?;
        for component in components() {
            let exact = component.exact();
            let mut expected = Vec::new();
            for (i, bench) in benches.iter().enumerate() {
                let found = component.run(bench)?;
                let from_exact = match &exact {
                    Some(exact) => format!("{:.1e}", compare_values(exact, &found)?.max),
                    None => String::new(),
                };
                let name = component.name;
                if i == 0 {
                    writeln!(self.text, "| {name} | {} | | | | | | | {from_exact} |", bench.name())?;
                    expected = found;
                    continue;
                }
                let Differences { max, mean, relative_rms, non_finite, .. } =
                    compare_values(&expected, &found)?;
                let within = max <= component.limit && non_finite == 0;
                let (limit, status) = self.judge(bench, &format!("{:.1e}", component.limit), within);
                writeln!(
                    self.text,
                    "| {name} | {} | {max:.1e} | {mean:.1e} | {relative_rms:.1e} | {non_finite} | {limit} | \
                     {status} | {from_exact} |",
                    bench.name()
                )?;
            }
        }
        Ok(())
    }

    fn runs(
        &mut self,
        benches: &[DeviceFixture],
        scene: &Scene,
        arguments: &Arguments,
    ) -> Result<(), Box<dyn Error>> {
        let header = "| run | on | mean | deviation | edge strength | PNG | max | off by > 1 | status |";
        writeln!(self.text, "\n{header}\n|---|---|---|---|---|---|---|---|---|")?;
        for pipeline in PipelineKind::ALL {
            for &scheduler in SchedulerKind::ALL {
                let run = Run { pipeline, scheduler, num_inference_steps: arguments.experiment.steps };
                let mut expected = Vec::new();
                for (i, bench) in benches.iter().enumerate() {
                    let images =
                        run.images(bench, scene, Randomness::Shared.init(bench, arguments.experiment.seed))?;
                    save(arguments.output.as_deref(), run, bench, &images)?;
                    let statistics = mean_statistics(&images)?;
                    let name = bench.name();
                    if i == 0 {
                        writeln!(self.text, "| {run} | {name} | {statistics} | | | |")?;
                        expected = images;
                        continue;
                    }
                    let ImageDifferences { max, beyond_one, .. } = compare_images(&expected, &images)?;
                    let (_, status) = self.judge(bench, "", max <= BYTES_MAX);
                    writeln!(
                        self.text,
                        "| {run} | {name} | {statistics} | {max} | {:.2}% | {status} |",
                        100.0 * beyond_one
                    )?;
                }
            }
        }
        Ok(())
    }

    /// Judges a comparison. Limits are for single precision; half precision is only measured.
    fn judge(&mut self, bench: &DeviceFixture, limit: &str, within: bool) -> (String, &'static str) {
        if bench.precision != Precision::F32 {
            return (String::new(), "measured");
        }
        if within {
            self.passed += 1;
            (limit.to_owned(), "pass")
        } else {
            self.failed += 1;
            (limit.to_owned(), "FAIL")
        }
    }
}

/// Mean, standard deviation, edge strength and bytes as a PNG, averaged over the images of a run.
fn mean_statistics(images: &[RgbImage]) -> Result<String, Box<dyn Error>> {
    let all = images.iter().map(image_statistics).collect::<Result<Vec<_>, _>>()?;
    let mean =
        |value: &dyn Fn(usize) -> f64| (0..all.len()).map(value).sum::<f64>() / all.len().max(1) as f64;
    Ok(format!(
        "{:.1} | {:.1} | {:.1} | {:.0}",
        mean(&|i| all[i].mean),
        mean(&|i| all[i].standard_deviation),
        mean(&|i| all[i].edge_strength),
        mean(&|i| all[i].png_size as f64)
    ))
}

fn save(
    folder: Option<&Path>,
    run: Run,
    bench: &DeviceFixture,
    images: &[RgbImage],
) -> Result<(), Box<dyn Error>> {
    let Some(folder) = folder else { return Ok(()) };
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for (i, image) in images.iter().enumerate() {
        let name = format!("{run} {} {i}.png", bench.name()).replace(' ', "_");
        write_png(folder.join(name), image)?;
    }
    Ok(())
}
