//! Files that come from the command line, and files that the repository brings along.

use std::{
    error::Error,
    io::Cursor,
    path::{Path, PathBuf},
    process::ExitCode,
};

use hunyuan_paint::{
    TexturedMesh,
    bake::render_textured,
    mesh::{Camera, CameraView, DEFAULT_VIEWS, CanonicalMesh, UvMode, parse_views, write_atomically},
};
use image::{ImageFormat, RgbImage};

/// A file of the repository.
pub fn repository_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A camera list from a JSON file (`[{"azimuth": 0, "elevation": 0, "weight": 1}, …]`), or the six default
/// cameras.
///
/// # Errors
/// If the file cannot be read, or is not such a list.
pub fn read_views(path: Option<&Path>) -> Result<Vec<CameraView>, Box<dyn Error>> {
    let Some(path) = path else { return Ok(DEFAULT_VIEWS.to_vec()) };
    let in_file = |error: &dyn Error| format!("{}: {error}", path.display());
    let json = std::fs::read_to_string(path).map_err(|error| in_file(&error))?;
    Ok(parse_views(&json).map_err(|error| in_file(&error))?)
}

/// The value of `--uv`.
///
/// # Errors
/// If it is none of the three.
pub fn parse_uv_mode(name: &str) -> Result<UvMode, String> {
    match name {
        "auto" => Ok(UvMode::Auto),
        "keep" => Ok(UvMode::Keep),
        "unwrap" => Ok(UvMode::Unwrap),
        other => Err(format!("expected auto, keep or unwrap, found {other}")),
    }
}

/// The textured mesh from four sides, slightly from above.
///
/// # Errors
/// If the mesh cannot be rendered.
pub fn four_sides(textured: &TexturedMesh, size: u32) -> Result<Vec<RgbImage>, Box<dyn Error>> {
    let mesh = CanonicalMesh::new(&textured.mesh)?;
    let side = |azimuth| {
        let camera = Camera::orthographic(azimuth, 15.0);
        Ok(render_textured(&mesh, &textured.texture, &camera, size)?)
    };
    [30.0, 120.0, 210.0, 300.0].into_iter().map(side).collect()
}

/// Refuses an output folder that is something else, before any work is done.
///
/// # Errors
/// If there is a file in the way.
pub fn check_folder(path: &Path) -> Result<(), Box<dyn Error>> {
    if path.exists() && !path.is_dir() {
        return Err(format!("{}: expected a folder, found a file", path.display()).into());
    }
    Ok(())
}

/// Writes a PNG, whole or not at all.
///
/// # Errors
/// If the file cannot be written.
pub fn write_png(path: &Path, image: &RgbImage) -> Result<(), Box<dyn Error>> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(write_atomically(path, bytes.get_ref())?)
}

/// Runs a program: parses its arguments, prints what it has to say, or the error. Whatever is wrong, the exit
/// code is 1.
pub fn run_program<A: clap::Parser>(run: impl FnOnce(&A) -> Result<String, Box<dyn Error>>) -> ExitCode {
    #![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is what the user sees")]
    let arguments = match A::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let failed = error.use_stderr();
            if failed {
                eprint!("{error}")
            } else {
                print!("{error}")
            }
            return if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match run(&arguments) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {}", with_sources(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// An error and what led to it, each said once.
fn with_sources(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let reason = error.to_string();
        if !message.contains(&reason) {
            message = format!("{message}: {reason}");
        }
        source = error.source();
    }
    message
}
