//! Why did one seed give two pictures? `cargo run --release --example scheduler_divergence`.
//!
//! Runs every scheduler on the CPU and on a GPU, (a) with random numbers from the devices' own generators, as PyTorch
//! draws them, (b) with the same first latents, (c) with this workspace's generator, and measures how far the latents
//! are apart after every step, and how the pictures differ. Then it measures what happens if one seed serves the
//! latents and the noise. In a build without `--features wgpu` only the latter runs, on the CPU.

mod experiment;
mod plot;
mod tables;

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::Parser;
use hunyuan_paint::{
    ComputeDevice,
    models::Precision,
    preview::{contact_sheet, write_png},
    scheduler::SchedulerKind,
};
use hunyuan_paint_examples::{
    experiment::ExperimentArguments,
    inputs::{check_folder, run_program},
};
use hunyuan_paint_testkit::devices::{DeviceFixture, PipelineKind, Randomness, Run};

use crate::{
    experiment::{Correlation, Divergence},
    plot::{Panel, write_plot},
};

/// Runs the schedulers on two devices, with three kinds of randomness.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    experiment: ExperimentArguments,
    /// delight (one image) or multiview (six).
    #[arg(long, default_value = "delight")]
    pipeline: PipelineKind,
    /// The GPU that is compared with the CPU: wgpu, vulkan or metal; wgpu if the build has it.
    #[arg(long)]
    device: Option<ComputeDevice>,
    /// Folder of the plots and the pictures.
    #[arg(long, default_value = "target/scheduler_divergence")]
    output: PathBuf,
}

/// (a), (b) and (c).
const EXPERIMENTS: [Randomness; 3] = [Randomness::DeviceOwn, Randomness::SharedLatents, Randomness::Shared];

fn main() -> ExitCode {
    run_program(run)
}

fn run(arguments: &Arguments) -> Result<String, Box<dyn Error>> {
    let output = &arguments.output;
    check_folder(output)?;
    let ExperimentArguments { model, size, steps, seed, .. } = &arguments.experiment;
    let cpu = DeviceFixture::new(model, ComputeDevice::Cpu, Precision::F32)?;
    let gpu_device = arguments.device.or(cfg!(feature = "wgpu").then_some(ComputeDevice::Wgpu));
    let gpu = gpu_device.map(|device| DeviceFixture::new(model, device, Precision::F32)).transpose()?;
    let scene = arguments.experiment.scene()?;
    let run_of = |scheduler| Run { pipeline: arguments.pipeline, scheduler, num_inference_steps: *steps };

    // 1. the same run on two devices
    let mut divergences = Vec::new();
    for &scheduler in SchedulerKind::ALL {
        for randomness in EXPERIMENTS {
            let Some(gpu) = &gpu else { continue };
            let (benches, run) = ([&cpu, gpu], run_of(scheduler));
            divergences.push(Divergence::measure(benches, &scene, run, randomness, *seed)?);
        }
    }

    // 2. one seed for latents and noise
    let mut correlations = Vec::new();
    for &scheduler in SchedulerKind::ALL {
        for bench in [&cpu].into_iter().chain(&gpu) {
            for randomness in [Randomness::DeviceOwn, Randomness::OneSeedTwice] {
                let run = run_of(scheduler);
                correlations.extend(Correlation::measure(bench, &scene, run, randomness, *seed)?);
            }
        }
    }

    // 3. tables, plots, pictures
    let name = |device: ComputeDevice| Ok::<_, Box<dyn Error>>(format!("{device} ({})", device.info()?.name));
    let of_run = format!("{} at {size}², seed {seed}", arguments.pipeline);
    let cpu_name = name(ComputeDevice::Cpu)?;
    let correlations = tables::correlations(&correlations);
    let Some(gpu_device) = gpu_device else {
        return Ok(format!(
            "{cpu_name}, {of_run}\n\n{correlations}\nno devices were compared: this build has the CPU only; add \
             --features wgpu"
        ));
    };
    std::fs::create_dir_all(output).map_err(|error| format!("{}: {error}", output.display()))?;
    write_plot(&output.join("divergence.svg"), "relative difference of the latents", &panels(&divergences))?;
    write_pictures(output, &divergences)?;
    Ok(format!(
        "{cpu_name} against {}, {of_run}\n\n{}\n{}\n{correlations}\nplots and pictures in {}",
        name(gpu_device)?,
        tables::per_step(&divergences),
        tables::pictures(&divergences),
        output.display()
    ))
}

/// Makes a panel for each scheduler, with a line for each kind of randomness.
fn panels(divergences: &[Divergence]) -> Vec<Panel> {
    divergences
        .chunk_by(|a, b| a.run.scheduler == b.run.scheduler)
        .map(|group| Panel {
            title: group[0].run.scheduler.name().to_owned(),
            lines: group.iter().map(|d| (d.randomness.name().to_owned(), d.per_step.clone())).collect(),
        })
        .collect()
}

/// Writes a sheet with a row for each kind of randomness: the CPU's and the GPU's picture for each scheduler.
fn write_pictures(output: &std::path::Path, divergences: &[Divergence]) -> Result<(), Box<dyn Error>> {
    let row = |randomness: Randomness| {
        let of_it = divergences.iter().filter(move |d| d.randomness == randomness);
        of_it.flat_map(|d| d.images.iter().filter_map(|images| images.first())).collect()
    };
    let rows = EXPERIMENTS.map(row);
    Ok(write_png(output.join("pictures.png"), &contact_sheet(&rows, 128)?)?)
}
