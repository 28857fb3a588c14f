//! How well a checkpoint paints, in dB: tables, and pictures.
//!
//! `cargo run --release -p hunyuan-paint-benches --example painting_quality -- [--model folder] [--output folder]`
//!
//! Objects that are in no training data, whose color is known at every point, are painted from one picture of their
//! front: once without light in it, once with light and shadow. What comes out is compared with the truth, in the six
//! views and, baked, from 20 other cameras. Beside it stand what takes no network: the picture's mean color everywhere;
//! and the picture itself, projected from the front, its colors spread over the rest of the surface.
//!
//! Without `--model` it is the demo checkpoint, with `PaintOptions::demo`.

#![expect(clippy::print_stdout, reason = "the tables are this program's output")]
#![expect(clippy::print_stderr, reason = "it takes a while")]

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

/// How well a checkpoint paints.
#[derive(Parser)]
struct Arguments {
    /// A folder of weights in the published layout, delight model included; the demo checkpoint if absent.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Where the networks run: auto, cpu, wgpu, vulkan or metal.
    #[arg(long, default_value = "auto")]
    device: ComputeDevice,
    /// Paint only the objects of these names; may be given several times.
    #[arg(long)]
    only: Vec<String>,
    /// Where to put `painting.md`, and for each object and reference a picture.
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
