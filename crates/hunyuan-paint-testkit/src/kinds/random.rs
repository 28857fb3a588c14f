//! `torch_cpu_randn` and `torch_cuda_randn`: PyTorch's generators, number for number.

use hunyuan_paint_scheduler::random::{NormalGenerator, TorchCpu, TorchCuda};
use serde::Deserialize;

use crate::{
    case::{Array, Case, CaseError},
    report::Report,
};

#[derive(Deserialize)]
struct Parameters {
    /// Seed of the generator from which all `out.sequence_*` are drawn, in alphabetical order.
    #[serde(default = "default_sequence_seed")]
    sequence_seed: u64,
}

fn default_sequence_seed() -> u64 {
    42
}

/// Checks `TorchCpu`.
///
/// # Errors
/// If the case is malformed.
pub fn check_torch_cpu_randn(case: &Case, report: &mut Report) -> Result<(), CaseError> {
    check(case, report, TorchCpu::new)
}

/// Checks `TorchCuda`.
///
/// # Errors
/// If the case is malformed.
pub fn check_torch_cuda_randn(case: &Case, report: &mut Report) -> Result<(), CaseError> {
    check(case, report, TorchCuda::new)
}

fn check<G: NormalGenerator>(
    case: &Case,
    report: &mut Report,
    generator: fn(u64) -> G,
) -> Result<(), CaseError> {
    let Parameters { sequence_seed } = case.parameters()?;
    let mut sequence = generator(sequence_seed);
    for output in case.names("out.") {
        let shape = &case.array(&output)?.shape;
        let count = shape.iter().product();
        let values = if output.starts_with("out.sequence_") {
            sequence.randn(count)
        } else if let Some(seed) = seed_of(&output) {
            generator(seed).randn(count)
        } else {
            report.push_error(&output, "neither out.seed<seed>_n<count> nor out.sequence_<name>");
            continue;
        };
        report.compare(case, &output, &Array::f32(shape, values))?;
    }
    Ok(())
}

/// Parses the seed in `out.seed<seed>_n<count>`.
fn seed_of(output: &str) -> Option<u64> {
    output.strip_prefix("out.seed")?.split_once("_n")?.0.parse().ok()
}
