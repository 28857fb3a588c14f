//! Every subcommand once, on small inputs.

use std::{
    collections::BTreeSet,
    error::Error,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use hunyuan_paint::mesh::read_mesh;
use serde_json::Value;
use tempfile::tempdir;

use crate::{
    common::{PROGRAM, TestResult, json, repository_file},
    run,
};

/// Runs the program with `--json`, and returns the object that it prints.
fn run_json(arguments: &[&str]) -> Result<Value, Box<dyn Error>> {
    let output = run(arguments.iter().chain(&["--json"]))?;
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    json(&output)
}

fn text(path: impl AsRef<Path>) -> Result<String, Box<dyn Error>> {
    Ok(path.as_ref().to_str().ok_or("not UTF-8")?.to_owned())
}

fn robot(extension: &str) -> Result<String, Box<dyn Error>> {
    text(repository_file(&format!("assets/robot.{extension}")))
}

/// Returns the files that a result names, which must exist.
fn files(result: &Value, field: &str) -> Vec<PathBuf> {
    let files: Vec<PathBuf> =
        result[field].as_array().into_iter().flatten().filter_map(Value::as_str).map(PathBuf::from).collect();
    assert!(files.iter().all(|file| file.is_file()), "{result}");
    files
}

#[test]
fn paint_writes_a_folder_a_glb_or_an_obj() -> TestResult {
    let folder = tempdir()?;
    let (mesh, image) = (robot("glb")?, robot("png")?);
    let model = text(repository_file("crates/hunyuan-paint-testkit/cases/model_tiny"))?;
    for (output, expected) in [
        ("painted", &["textured.glb", "texture.png", "preview.png"][..]),
        ("deeper/chair.glb", &["chair.glb"]),
        ("chair.obj", &["chair.obj", "chair.mtl", "chair.png"]),
    ] {
        let output = folder.path().join(output);
        let result = run_json(&[
            "paint",
            "--mesh",
            &mesh,
            "--image",
            &image,
            "--model",
            &model,
            "--device",
            "cpu",
            "--texture-size",
            "128",
            "--render-size",
            "128",
            "--steps",
            "2",
            "--no-delight",
            "--output",
            &text(&output)?,
        ])?;
        let files = files(&result, "files");
        let names: Vec<_> = files.iter().filter_map(|file| file.file_name()).collect();
        assert_eq!(names, expected, "{result}");
        let painted = read_mesh(&files[0])?;
        assert_eq!(result["faces"], painted.faces.len(), "{result}");
        assert_eq!((&result["texture_size"], &result["views"]), (&128.into(), &6.into()));
        assert!(result["coverage"].as_f64().is_some_and(|share| share > 0.1 && share <= 1.0), "{result}");
        for stage in ["load", "unwrap", "conditions", "delight", "views", "bake", "write"] {
            assert!(result["seconds"][stage].is_number(), "{stage}: {result}");
        }
    }
    Ok(())
}

#[test]
fn the_demo_needs_nothing_but_an_output() -> TestResult {
    let folder = tempdir()?;
    let output = folder.path().join("painted");
    let demo = text(repository_file("assets/demo"))?;
    let sizes = ["--texture-size", "128", "--render-size", "128", "--steps", "2", "--no-delight"];
    // The folder is found from within the checkout, or named.
    for demo in [&["--demo"][..], &["--demo", &demo]] {
        let output = text(&output)?;
        let arguments = [&["paint"], demo, &sizes, &["--device", "cpu", "--output", &output]].concat();
        let result =
            Command::new(PROGRAM).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output()?;
        let message = String::from_utf8_lossy(&result.stderr);
        assert!(result.status.success(), "{message}");
        assert!(String::from_utf8_lossy(&result.stdout).contains("total"));
    }
    for name in ["textured.glb", "texture.png", "preview.png"] {
        assert!(output.join(name).metadata()?.len() > 100, "{name}");
    }
    Ok(())
}

#[test]
fn bake_makes_a_texture_of_views() -> TestResult {
    let folder = tempdir()?;
    let mesh = robot("glb")?;
    let mut arguments: Vec<OsString> = ["bake", "--mesh", &mesh, "--json"].map(Into::into).to_vec();
    for i in 0..6 {
        arguments.push("--view".into());
        arguments.push(repository_file(&format!("assets/robot_views/view_{i}.png")).into());
    }
    arguments.extend(["--texture-size", "128", "--render-size", "128"].map(Into::into));
    arguments.extend(["--output".into(), folder.path().join("baked").into()]);
    let output = run(&arguments)?;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(files(&json(&output)?, "files").len(), 3);

    // Five images for six cameras.
    arguments.drain(4..6);
    let output = run(&arguments)?;
    let report = json(&output)?;
    assert_eq!(output.status.code(), Some(2), "{report}");
    assert!(report["error"]["message"].as_str().is_some_and(|text| text.contains("6 cameras, found 5")));
    Ok(())
}

#[test]
fn unwrap_reports_charts_coverage_and_stretch() -> TestResult {
    let folder = tempdir()?;
    let output = folder.path().join("unwrapped.glb");
    let mesh = robot("glb")?;
    let arguments = ["unwrap", &mesh, "--texture-size", "512", "--output", &text(&output)?];
    let result = run_json(&arguments)?;
    assert_eq!(result["uvs"]["source"], "new");
    assert!(result["uvs"]["charts"].as_u64().is_some_and(|charts| charts > 1), "{result}");
    assert!(result["uvs"]["coverage"].as_f64().is_some_and(|share| share > 0.3 && share <= 1.0), "{result}");
    assert!(result["stretch"].as_f64().is_some_and(|stretch| (0.99..2.0).contains(&stretch)), "{result}");
    assert!(read_mesh(&output)?.uvs.is_some());

    // UVs that are there are kept, and fewer faces are made where asked.
    let (again, simple) = (folder.path().join("again.obj"), folder.path().join("simple.glb"));
    let kept = run_json(&["unwrap", &text(&output)?, "--uv", "keep", "--output", &text(&again)?])?;
    assert_eq!(kept["uvs"]["source"], "own");
    assert_eq!(files(&kept, "files").len(), 3);
    let fewer = run_json(&["unwrap", &mesh, "--simplify-to", "1000", "--output", &text(&simple)?])?;
    assert!(fewer["faces"].as_u64() < fewer["faces_before"].as_u64(), "{fewer}");

    // A folder is not a mesh.
    assert_eq!(run(["unwrap", &mesh, "--output", &text(folder.path())?])?.status.code(), Some(2));
    Ok(())
}

#[test]
fn render_shows_a_mesh_from_all_sides() -> TestResult {
    let folder = tempdir()?;
    let output = folder.path().join("rendered");
    let (mesh, rendered) = (robot("glb")?, text(&output)?);
    let options = ["--count", "4", "--size", "64", "--cell", "32", "--maps", "normal,position"];
    let result = run_json(&[&["render", &mesh, "--output", &rendered], &options[..]].concat())?;
    for field in ["views", "normal_maps", "position_maps"] {
        let files = files(&result, field);
        assert_eq!(files.len(), 4, "{result}");
        let images = files.iter().map(image::open).collect::<Result<Vec<_>, _>>()?;
        assert!(images.iter().all(|image| (image.width(), image.height()) == (64, 64)));
        let colors: BTreeSet<_> = images[0].to_rgb8().pixels().map(|pixel| pixel.0).collect();
        assert!(colors.len() > 20, "{field} shows {} colors", colors.len());
    }
    assert_eq!(image::open(output.join("sheet.png"))?.width(), 4 * 40 + 8);

    // With a texture, its colors are shown: everything is of the one color that it has.
    let red = folder.path().join("red.png");
    image::RgbImage::from_pixel(4, 4, image::Rgb([200, 0, 0])).save(&red)?;
    let unwrapped = folder.path().join("unwrapped.glb");
    run_json(&["unwrap", &mesh, "--texture-size", "256", "--output", &text(&unwrapped)?])?;
    let (mesh, red) = (text(&unwrapped)?, text(&red)?);
    let result = run_json(&[
        "render",
        &mesh,
        "--texture",
        &red,
        "--count",
        "1",
        "--size",
        "64",
        "--output",
        &text(&output)?,
    ])?;
    let view = image::open(&files(&result, "views")[0])?.to_rgb8();
    let is_expected = |pixel: &image::Rgb<u8>| [[200, 0, 0], [255; 3]].contains(&pixel.0);
    assert!(view.pixels().all(is_expected) && view.pixels().any(|pixel| pixel.0 == [200, 0, 0]));
    Ok(())
}

#[test]
fn info_describes_a_mesh_and_what_is_wrong_with_it() -> TestResult {
    let result = run_json(&["info", &robot("glb")?])?;
    assert_eq!((&result["kind"], &result["usable"]), (&"mesh".into(), &true.into()));
    assert!(result["faces"].as_u64().is_some_and(|faces| faces > 1000), "{result}");
    assert_eq!(result["defects"]["open_edges"], 0, "{result}");

    let folder = tempdir()?;
    let path = folder.path().join("flawed.obj");
    fs::write(&path, "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 5 5 5\nf 1 2 3\nf 2 3 1\nf 1 1 2\n")?;
    let result = run_json(&["info", &text(&path)?])?;
    assert_eq!(result["usable"], true, "{result}");
    let defects = &result["defects"];
    assert_eq!(
        (&defects["degenerate_faces"], &defects["duplicate_faces"]),
        (&1.into(), &1.into()),
        "{result}"
    );

    for (path, reason) in [("missing.glb", "missing.glb"), (env!("CARGO_MANIFEST_PATH"), "Cargo.toml")] {
        let output = run(["info", path])?;
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{message}");
        assert!(message.contains(reason), "{message}");
    }
    Ok(())
}

#[test]
fn info_describes_a_model_folder_and_what_is_missing() -> TestResult {
    let demo = repository_file("assets/demo");
    let result = run_json(&["info", &text(&demo)?])?;
    assert_eq!((&result["kind"], &result["usable"]), (&"model".into(), &true.into()), "{result}");
    let files = result["models"][0]["files"].as_array().ok_or("no files")?;
    let has_weights =
        |file: &Value| file["weights"]["parameters"].as_object().is_some_and(|map| !map.is_empty());
    assert!(files.iter().any(has_weights), "{result}");

    // A weights file that was cut off, and one that is missing.
    let folder = tempdir()?;
    let paint = folder.path().join("hunyuan3d-paint-v2-0");
    fs::create_dir_all(paint.join("vae"))?;
    fs::write(paint.join("vae/config.json"), "{}")?;
    fs::write(paint.join("vae/diffusion_pytorch_model.safetensors"), [8, 0, 0, 0, 0, 0, 0, 0, b'{'])?;
    let output = run(["info", &text(folder.path())?, "--json"])?;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let result: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(result["usable"], false);
    let problems = result["problems"].to_string();
    for problem in ["unet/config.json", "header", "delight"] {
        assert!(problems.contains(problem), "{problems}");
    }
    Ok(())
}

#[test]
fn devices_lists_the_cpu_and_a_reason_for_every_absence() -> TestResult {
    let result = run_json(&["devices"])?;
    let devices = result["devices"].as_array().ok_or("no devices")?;
    assert!(devices.iter().any(|device| device["device"] == "cpu" && device["name"] == "CPU"), "{result}");
    for device in devices.iter().filter(|device| device["name"].is_null()) {
        assert!(device["error"].as_str().is_some_and(|error| !error.is_empty()), "{device}");
    }
    assert_eq!(devices.iter().filter(|device| device["automatic"] == true).count(), 1, "{result}");
    Ok(())
}

#[test]
fn fetch_uses_the_cache_only_when_offline() -> TestResult {
    let cache = tempdir()?;
    let cache = text(cache.path())?;
    let output = run(["fetch", "tencent/Hunyuan3D-2", "--offline", "--cache", &cache, "--json"])?;
    let report = json(&output)?;
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(report.to_string().contains("hunyuan3d-paint-v2-0"), "{report}");
    let output = run(["fetch", "no_repository"])?;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    Ok(())
}

#[test]
fn completions_exist_for_every_shell() -> TestResult {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(["completions", shell])?;
        assert_eq!(output.status.code(), Some(0), "{shell}");
        let script = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(script.contains("hunyuan-paint") && script.contains("unwrap"), "{shell}: {script}");
        assert_eq!(run_json(&["completions", shell])?["script"], script.trim_end());
    }
    Ok(())
}

#[test]
fn serve_refuses_bad_arguments_before_it_listens() -> TestResult {
    let output: Output = run(["serve", "--model", "missing_folder"])?;
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing_folder"), "{output:?}");
    let output = run(["serve", "--help"])?;
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("--port"));
    Ok(())
}

#[test]
fn quiet_prints_nothing() -> TestResult {
    let folder = tempdir()?;
    let output = text(folder.path())?;
    let result =
        run(["render", &robot("glb")?, "--count", "1", "--size", "16", "--quiet", "--output", &output])?;
    assert!(result.status.success() && result.stdout.is_empty() && result.stderr.is_empty(), "{result:?}");
    Ok(())
}
