//! Why did one seed give two pictures? `cargo run --release --example scheduler_divergence`.
//!
//! Every scheduler on two devices, (a) with random numbers from the devices' own generators, as PyTorch draws them,
//! (b) with the same first latents, (c) with this workspace's generator: how far the latents are apart after every
//! step, and what becomes of the pictures. Then: what happens if one seed serves the latents and the noise.

mod experiment;
mod plot;
mod tables;

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::Parser;
use hunyuan_paint::{ComputeDevice, models::Precision, scheduler::SchedulerKind};
use hunyuan_paint_examples::{
    contact_sheet::contact_sheet,
    experiment::ExperimentArguments,
    inputs::{check_folder, run_program, write_png},
};
use hunyuan_paint_testkit::devices::{PipelineKind, Randomness, Run, Workbench};

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
    /// The GPU that is compared with the CPU: wgpu, vulkan or metal.
    #[arg(long, default_value = "wgpu")]
    device: ComputeDevice,
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
    let bench = |device| Workbench::new(&arguments.experiment.model, device, Precision::F32);
    let (cpu, gpu) = (bench(ComputeDevice::Cpu)?, bench(arguments.device)?);
    let scene = arguments.experiment.scene()?;
    let run_of = |scheduler| Run {
        pipeline: arguments.pipeline,
        scheduler,
        num_inference_steps: arguments.experiment.steps,
    };

    // 1. the same run on two devices
    let mut divergences = Vec::new();
    for &scheduler in SchedulerKind::ALL {
        for randomness in EXPERIMENTS {
            let run = run_of(scheduler);
            divergences.push(Divergence::measure(
                [&cpu, &gpu],
                &scene,
                run,
                randomness,
                arguments.experiment.seed,
            )?);
        }
    }

    // 2. one seed for latents and noise
    let mut correlations = Vec::new();
    for &scheduler in SchedulerKind::ALL {
        for bench in [&cpu, &gpu] {
            for randomness in [Randomness::DeviceOwn, Randomness::OneSeedTwice] {
                let run = run_of(scheduler);
                correlations.extend(Correlation::measure(
                    bench,
                    &scene,
                    run,
                    randomness,
                    arguments.experiment.seed,
                )?);
            }
        }
    }

    // 3. tables, plots, pictures
    std::fs::create_dir_all(output).map_err(|error| format!("{}: {error}", output.display()))?;
    let name = |device: ComputeDevice| Ok::<_, Box<dyn Error>>(format!("{device} ({})", device.info()?.name));
    let heading = format!(
        "{} against {}, {} at {}², seed {}",
        name(ComputeDevice::Cpu)?,
        name(arguments.device)?,
        arguments.pipeline,
        arguments.experiment.size,
        arguments.experiment.seed
    );
    write_plot(&output.join("divergence.svg"), "relative difference of the latents", &panels(&divergences))?;
    write_pictures(output, &divergences)?;
    Ok(format!(
        "{heading}\n\n{}\n{}\n{}\nplots and pictures in {}",
        tables::per_step(&divergences),
        tables::pictures(&divergences),
        tables::correlations(&correlations),
        output.display()
    ))
}

/// One panel for each scheduler, one line for each kind of randomness.
fn panels(divergences: &[Divergence]) -> Vec<Panel> {
    divergences
        .chunk_by(|a, b| a.run.scheduler == b.run.scheduler)
        .map(|group| Panel {
            title: group[0].run.scheduler.name().to_owned(),
            lines: group.iter().map(|d| (d.randomness.name().to_owned(), d.per_step.clone())).collect(),
        })
        .collect()
}

/// A row for each kind of randomness; for each scheduler the CPU's picture and the GPU's.
fn write_pictures(output: &std::path::Path, divergences: &[Divergence]) -> Result<(), Box<dyn Error>> {
    let row = |randomness: Randomness| {
        let of_it = divergences.iter().filter(move |d| d.randomness == randomness);
        of_it.flat_map(|d| d.images.iter().filter_map(|images| images.first())).collect()
    };
    let rows = EXPERIMENTS.map(row);
    write_png(&output.join("pictures.png"), &contact_sheet(&rows, 128)?)
}
