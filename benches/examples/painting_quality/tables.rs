//! Tables of the figures.

use std::fmt::Write as _;

use hunyuan_paint_benches::quality::{SquaredError, ViewFigures};

/// Figures of one object, painted with one method from one reference.
pub(crate) struct Row {
    pub(crate) object: &'static str,
    pub(crate) reference: &'static str,
    pub(crate) method: &'static str,
    pub(crate) views: ViewFigures,
    /// Error from the 20 other cameras.
    pub(crate) pictures: SquaredError,
}

/// Error of a lit image of the front, relative to the unlit one, by method of removing the light.
pub(crate) struct DelightRow {
    pub(crate) none: SquaredError,
    pub(crate) correction_alone: SquaredError,
    pub(crate) model: SquaredError,
    pub(crate) model_corrected: SquaredError,
}

/// All figures.
#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) painting: Vec<Row>,
    pub(crate) delight: Vec<(&'static str, DelightRow)>,
}

impl Tables {
    /// Returns both tables in Markdown, with the means over all objects at their ends.
    pub(crate) fn markdown(&self) -> String {
        let mut table = String::from(
            "| Object | Reference | Method | Front | Five other views | SSIM | Color histogram | Baked, 20 other cameras |\n\
             |---|---|---|--:|--:|--:|--:|--:|\n",
        );
        let mut line = |object: &str, row: &Row, [front, others, ssim, histogram, pictures]: [f64; 5]| {
            // Writing to a string cannot fail.
            let _ = writeln!(
                table,
                "| {object} | {} | {} | {front:.1} | {others:.1} | {ssim:.3} | {histogram:.2} | {pictures:.1} |",
                row.reference, row.method
            );
        };
        let mut kinds: Vec<&Row> = Vec::new();
        for row in &self.painting {
            line(row.object, row, figures(row));
            if !kinds.iter().any(|kind| is_same_kind(kind, row)) {
                kinds.push(row);
            }
        }
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.reference));
        for kind in kinds {
            let rows = self.painting.iter().filter(|row| is_same_kind(row, kind));
            line("**mean**", kind, mean(rows.map(figures)));
        }

        table.push_str(
            "\n| Object | Lit picture as it is | Color correction alone | Delight | Delight, corrected |\n\
             |---|--:|--:|--:|--:|\n",
        );
        let mut line = |object: &str, psnr: [f64; 4]| {
            let psnr = psnr.map(|psnr| format!("{psnr:.1}")).join(" | ");
            let _ = writeln!(table, "| {object} | {psnr} |");
        };
        for (object, row) in &self.delight {
            line(object, delight_figures(row));
        }
        line("**mean**", mean(self.delight.iter().map(|(_, row)| delight_figures(row))));
        table
    }
}

fn is_same_kind(a: &Row, b: &Row) -> bool {
    (a.reference, a.method) == (b.reference, b.method)
}

fn figures(row: &Row) -> [f64; 5] {
    let ViewFigures { front, others, ssim, histogram_distance } = row.views;
    [psnr(front), psnr(others), ssim, histogram_distance, psnr(row.pictures)]
}

fn delight_figures(row: &DelightRow) -> [f64; 4] {
    [row.none, row.correction_alone, row.model, row.model_corrected].map(psnr)
}

fn psnr(error: SquaredError) -> f64 {
    error.psnr().unwrap_or(f64::NAN)
}

fn mean<const N: usize>(rows: impl Iterator<Item = [f64; N]> + Clone) -> [f64; N] {
    let count = rows.clone().count().max(1) as f64;
    std::array::from_fn(|i| rows.clone().map(|row| row[i]).sum::<f64>() / count)
}
