//! Projects outside this workspace that depend on its crates by path and run the code of the README.
//!
//! They compile every dependency (the first project also burn), so they are ignored by default:
//! `cargo test --release --workspace --test outside -- --ignored`.

use std::{
    error::Error,
    fs,
    path::Path,
    process::{Command, Output},
};

use hunyuan_paint::mesh::read_mesh;
use hunyuan_paint_examples::inputs::repository_file;
use tempfile::{TempDir, tempdir};

type TestResult = Result<(), Box<dyn Error>>;

/// Creates a project that depends on the crate `dependency` and on the `more` lines of its manifest.
fn project(dependency: &str, more: &str, main: &str) -> Result<TempDir, Box<dyn Error>> {
    let folder = tempdir()?;
    let path = fs::canonicalize(repository_file("crates").join(dependency))?;
    let manifest = format!(
        "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         {dependency} = {{ path = {:?} }}\n{more}\n[workspace]\n",
        path.to_string_lossy()
    );
    fs::write(folder.path().join("Cargo.toml"), manifest)?;
    // The lock file pins the versions that were tested.
    fs::copy(repository_file("Cargo.lock"), folder.path().join("Cargo.lock"))?;
    fs::create_dir_all(folder.path().join("src"))?;
    fs::write(folder.path().join("src/main.rs"), main)?;
    Ok(folder)
}

fn run(project: &Path) -> Result<Output, Box<dyn Error>> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // All projects share a target folder, which is kept for the next run.
    cargo.env("CARGO_TARGET_DIR", repository_file("target/outside"));
    cargo.args(["run", "--release", "--quiet"]).current_dir(project);
    let output = cargo.output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(output)
}

#[test]
#[ignore = "compiles burn once more"]
fn the_readme_code_paints_a_mesh() -> TestResult {
    let main = r#"
use hunyuan_paint::{PaintError, PaintOptions, PaintPipeline, Variant, imaging::read_image, mesh::read_mesh};

fn main() -> Result<(), PaintError> {
    let (mesh, image) = (read_mesh("ASSETS/robot.glb")?, read_image("ASSETS/robot.png")?);
    let pipeline = PaintPipeline::from_pretrained("ASSETS/demo", Variant::Standard)?;
    let painting = pipeline.paint(&mesh, &[image], &PaintOptions::demo())?;
    painting.textured.write_glb("painted.glb")
}
"#;
    let assets = fs::canonicalize(repository_file("assets"))?;
    let main = main.replace("ASSETS", &assets.to_string_lossy().replace('\\', "/"));
    let project = project("hunyuan-paint", "", &main)?;
    run(project.path())?;
    let (before, after) =
        (read_mesh(assets.join("robot.glb"))?, read_mesh(project.path().join("painted.glb"))?);
    assert_eq!(after.faces.len(), before.faces.len());
    assert!(after.uvs.is_some_and(|uvs| !uvs.is_empty()));
    Ok(())
}

#[test]
#[ignore = "compiles a crate once more"]
fn the_scheduler_is_usable_without_burn_and_wgpu() -> TestResult {
    let main = r###"
use hunyuan_paint_scheduler::{Schedule, Scheduler, SchedulerConfig, SchedulerError, SchedulerKind};

fn main() -> Result<(), SchedulerError> {
    let config = SchedulerConfig::from_json(r##"{"timestep_spacing": "trailing", "prediction_type": "v_prediction"}"##)?;
    let mut scheduler: Box<dyn Scheduler<Vec<f32>>> = SchedulerKind::Ddim.init(&config)?;
    scheduler.set_timesteps(4)?;
    let latents = scheduler.step(0, &vec![0.5; 4], &vec![1.0; 4], None)?.prev_sample;
    println!("{:?} {}", scheduler.timesteps(), latents.len());
    Ok(())
}
"###;
    let project = project("hunyuan-paint-scheduler", "", main)?;
    let output = run(project.path())?;
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "[999.0, 749.0, 499.0, 249.0] 4");
    let built = fs::read_to_string(project.path().join("Cargo.lock"))?;
    assert!(!built.contains("\"burn\"") && !built.contains("\"wgpu\""), "{built}");
    Ok(())
}

#[test]
#[ignore = "compiles a crate once more"]
fn the_rasterizer_is_usable_as_the_only_dependency() -> TestResult {
    let main = r#"
use glam::Vec4;
use hunyuan_paint_raster::{Coverage, NO_FACE, RasterError, RasterOptions, Size, View, rasterize};

fn main() -> Result<(), RasterError> {
    // Two triangles that cover the whole image.
    let corners = [(-2.0, -2.0), (2.0, -2.0), (2.0, 2.0), (-2.0, 2.0)].map(|(x, y)| Vec4::new(x, y, 0.0, 1.0));
    let options = RasterOptions { coverage: Coverage::FixedPoint, ..RasterOptions::default() };
    let visibility = rasterize(&View::new(&corners, Size::square(100)), &[[0, 1, 2], [0, 2, 3]], options)?;
    println!("{}", visibility.face_index.iter().filter(|face| **face != NO_FACE).count());
    Ok(())
}
"#;
    let project = project("hunyuan-paint-raster", "glam = \"0.34\"\n", main)?;
    let output = run(project.path())?;
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "10000");
    Ok(())
}
