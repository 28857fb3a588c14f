//! What the examples share: arguments that are parsed alike, progress bars, contact sheets.

pub mod contact_sheet;
pub mod experiment;
pub mod inputs;
pub mod progress_bars;
