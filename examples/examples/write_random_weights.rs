//! Writes a model folder of the published size and layout with random weights, to measure loading, speed and memory
//! without the published ones: `cargo run --release --example write_random_weights -- --output weights`.

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};
use hunyuan_paint::{
    Device, Precision,
    models::{WeightsFormat, write_random_weights},
};
use hunyuan_paint_examples::inputs::run_program;

/// Writes a model folder of the published size with random weights.
#[derive(Parser)]
struct Arguments {
    /// The folder; it takes 12.8 GB in single precision.
    #[arg(long)]
    output: PathBuf,
    /// The format of the weights files.
    #[arg(long, value_enum, default_value = "safetensors")]
    format: Format,
    /// f32 or f16.
    #[arg(long, default_value = "f32")]
    precision: Precision,
    /// The seed of all random numbers.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Safetensors,
    Bin,
}

fn main() -> ExitCode {
    run_program(run)
}

fn run(arguments: &Arguments) -> Result<String, Box<dyn Error>> {
    let format = match arguments.format {
        Format::Safetensors => WeightsFormat::Safetensors,
        Format::Bin => WeightsFormat::Bin,
    };
    let mut written = Vec::new();
    let Arguments { output, precision, seed, .. } = arguments;
    write_random_weights(output, format, *precision, *seed, &Device::flex(), &mut |file| {
        written.push(file.display().to_string());
    })?;
    Ok(written.join("\n"))
}
