//! Quality of a checkpoint in dB: tables and images.
//!
//! `cargo run --release -p hunyuan-paint-benches --example painting_quality -- [--model folder] [--output folder]`
//!
//! Objects that are not in any training data, whose color is known at every point, are painted from
//! one image of their front: first from an unlit one, then from one with light and shadow. The
//! result is compared with the ground truth, in the six views and, baked, from 20 other cameras.
//! Two methods without a network are the baseline: the mean color of the image everywhere; and the
//! image projected from the front, its colors extended over the rest of the surface.
//!
//! Without `--model` the demo checkpoint paints, with `PaintOptions::demo`.

#![expect(clippy::print_stdout, reason = "the tables are this program's output")]
#![expect(clippy::print_stderr, reason = "progress messages of a slow program")]

mod evaluation;
mod tables;

use std::{
    error::Error,
    path::{Path, PathBuf},
    time::Instant,
};

use clap::Parser;
use hunyuan_paint::{ComputeDevice, PaintOptions};
use hunyuan_paint_benches::quality::colored_objects;

use crate::{evaluation::PaintingEvaluation, tables::Tables};

/// Measures the quality of a checkpoint.
#[derive(Parser)]
struct Arguments {
    /// A folder of weights in the published layout, with the delight model; the demo checkpoint if
    /// absent.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Where the networks run: auto, cpu, wgpu, vulkan or metal.
    #[arg(long, default_value = "auto")]
    device: ComputeDevice,
    /// Paint only the objects of these names; may be given several times.
    #[arg(long)]
    only: Vec<String>,
    /// Folder for `painting.md`, and for an image of each object and reference.
    #[arg(long)]
    output: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let device = arguments.device.init()?;
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/demo");
    let study = match &arguments.model {
        Some(folder) => PaintingEvaluation::new(folder, PaintOptions::default(), &device)?,
        None => PaintingEvaluation::new(&demo, PaintOptions::demo(), &device)?,
    };
    if let Some(folder) = &arguments.output {
        std::fs::create_dir_all(folder)?;
    }
    let mut tables = Tables::default();
    for object in colored_objects::all() {
        if arguments.only.is_empty() || arguments.only.iter().any(|name| name == object.name) {
            let start = Instant::now();
            for sheet in study.paint(&object, &mut tables)? {
                if let Some(folder) = &arguments.output {
                    sheet.image.save(folder.join(format!("{}_{}.png", object.name, sheet.reference)))?;
                }
            }
            eprintln!("{}: {:.0} s", object.name, start.elapsed().as_secs_f64());
        }
    }
    let tables = tables.markdown();
    println!("{tables}");
    if let Some(folder) = &arguments.output {
        std::fs::write(folder.join("painting.md"), tables)?;
    }
    Ok(())
}
