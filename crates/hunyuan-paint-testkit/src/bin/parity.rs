//! `parity [--device cpu|wgpu|vulkan|metal|auto] CASE_DIR...`: checks parity cases; see the README.

#![expect(clippy::print_stdout, reason = "the report is this program's output")]

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use hunyuan_paint::ComputeDevice;
use hunyuan_paint_testkit::{
    case::CaseError,
    runner::{RunnerDevice, run_case},
};

/// Checks parity cases.
#[derive(Parser)]
struct Arguments {
    /// Where networks and the rasterizer run: cpu, wgpu, vulkan, metal or auto.
    #[arg(long, default_value = "cpu")]
    device: ComputeDevice,
    /// Case folders.
    #[arg(required = true)]
    cases: Vec<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the report and returns the number of failing lines.
fn run(arguments: &Arguments) -> Result<usize, CaseError> {
    let device = RunnerDevice::new(arguments.device)?;
    let (mut passed, mut failed) = (0, 0);
    for case in &arguments.cases {
        for line in run_case(case, &device) {
            println!("{line}");
            if line.passed() { passed += 1 } else { failed += 1 }
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(failed)
}
