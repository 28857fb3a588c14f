//! Lines over steps, as SVG.

use std::{error::Error, path::Path};

use hunyuan_paint::mesh::write_atomically;
use plotters::prelude::{
    ChartBuilder, Color, IntoDrawingArea, IntoLogRange, LineSeries, PathElement, RGBColor, SVGBackend,
    SeriesLabelPosition, TRANSPARENT, WHITE,
};

/// A diagram.
pub(crate) struct Panel {
    pub(crate) title: String,
    /// Label, and a value for every step.
    pub(crate) lines: Vec<(String, Vec<f64>)>,
}

/// Size of a panel, in pixels.
const PANEL: (u32, u32) = (420, 300);

/// The lowest value of the logarithmic axis; smaller ones, such as 0, are drawn there.
const FLOOR: f64 = 1e-9;

/// Colors that can be told apart by everyone (Okabe and Ito), and widths that show a line below another.
const STYLES: [(RGBColor, u32); 3] =
    [(RGBColor(213, 94, 0), 2), (RGBColor(230, 159, 0), 6), (RGBColor(0, 114, 178), 2)];

/// Draws the panels side by side, two in a row.
pub(crate) fn write_plot(path: &Path, y: &str, panels: &[Panel]) -> Result<(), Box<dyn Error>> {
    let mut svg = String::new();
    draw(&mut svg, y, panels).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(write_atomically(path, svg.as_bytes())?)
}

fn draw(svg: &mut String, y: &str, panels: &[Panel]) -> Result<(), Box<dyn Error>> {
    let rows = panels.len().div_ceil(2);
    let root = SVGBackend::with_string(svg, (2 * PANEL.0, rows as u32 * PANEL.1)).into_drawing_area();
    root.fill(&WHITE).map_err(|error| error.to_string())?;
    for (area, panel) in root.split_evenly((rows, 2)).iter().zip(panels) {
        let steps = panel.lines.iter().map(|(_, values)| values.len()).max().unwrap_or(1);
        let mut chart = ChartBuilder::on(area)
            .caption(&panel.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(32)
            .y_label_area_size(64)
            .build_cartesian_2d(1.0..steps.max(2) as f64, (FLOOR..10.0).log_scale())
            .map_err(|error| error.to_string())?;
        chart
            .configure_mesh()
            .x_desc("step")
            .y_desc(y)
            .light_line_style(TRANSPARENT)
            .x_label_formatter(&|step| format!("{step:.0}"))
            .y_label_formatter(&|value| format!("{value:.0e}"))
            .draw()
            .map_err(|error| error.to_string())?;
        for ((label, values), (color, width)) in panel.lines.iter().zip(STYLES) {
            let points = (1..).zip(values).map(|(step, &value)| (f64::from(step), value.max(FLOOR)));
            chart
                .draw_series(LineSeries::new(points, color.stroke_width(width)))
                .map_err(|error| error.to_string())?
                .label(label)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(width)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE)
            .draw()
            .map_err(|error| error.to_string())?;
    }
    root.present().map_err(|error| error.to_string())?;
    Ok(())
}
