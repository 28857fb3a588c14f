//! The experiment's results as Markdown.

use std::fmt::Write as _;

use crate::experiment::{Correlation, Divergence};

/// Returns which of the steps 1, 2, 5, 10, 20, 50 and the last one are shown.
fn shown_steps(count: usize) -> Vec<usize> {
    let mut steps: Vec<usize> = [1, 2, 5, 10, 20, 50].into_iter().filter(|&step| step < count).collect();
    steps.push(count);
    steps
}

fn row(cells: impl IntoIterator<Item = String>) -> String {
    let mut row = "|".to_owned();
    for cell in cells {
        // Writing to a string cannot fail.
        let _ = write!(row, " {cell} |");
    }
    row + "\n"
}

fn rule(columns: usize) -> String {
    format!("|{}\n", "---|".repeat(columns))
}

pub(crate) fn per_step(divergences: &[Divergence]) -> String {
    let count = divergences.iter().map(|d| d.per_step.len()).max().unwrap_or(0);
    let steps = shown_steps(count);
    let header = ["scheduler", "random numbers"].map(str::to_owned);
    let mut table = row(header.into_iter().chain(steps.iter().map(|step| format!("step {step}"))));
    table += &rule(2 + steps.len());
    for divergence in divergences {
        let names = [divergence.run.scheduler.name(), divergence.randomness.name()].map(str::to_owned);
        let after =
            |&step: &usize| divergence.per_step.get(step - 1).map_or(String::new(), |d| format!("{d:.1e}"));
        table += &row(names.into_iter().chain(steps.iter().map(after)));
    }
    table
}

pub(crate) fn pictures(divergences: &[Divergence]) -> String {
    let header =
        ["scheduler", "random numbers", "max", "mean", "off by > 1", "edge strength, first", "second"];
    let mut table = row(header.map(str::to_owned)) + &rule(header.len());
    for Divergence { run, randomness, differences, edge_strength, .. } in divergences {
        table += &row([
            run.scheduler.name().to_owned(),
            randomness.to_string(),
            differences.max.to_string(),
            format!("{:.3}", differences.mean),
            format!("{:.2}%", 100.0 * differences.beyond_one),
            format!("{:.1}", edge_strength[0]),
            format!("{:.1}", edge_strength[1]),
        ]);
    }
    table
}

pub(crate) fn correlations(correlations: &[Correlation]) -> String {
    let header =
        ["scheduler", "on", "random numbers", "step 1", "step 2", "step 3", "deviation after step 1"];
    let mut table = row(header.map(str::to_owned)) + &rule(header.len());
    for Correlation { run, randomness, place, per_step, deviation_after_first } in correlations {
        let at = |i: usize| per_step.get(i).map_or(String::new(), |value| format!("{value:.3}"));
        table += &row([
            run.scheduler.name().to_owned(),
            place.clone(),
            randomness.to_string(),
            at(0),
            at(1),
            at(2),
            format!("{deviation_after_first:.2}"),
        ]);
    }
    table
}
