//! Nonsense input: exit codes, messages, and that nothing is left on disk.

use std::{error::Error, path::Path};

use tempfile::tempdir;

use crate::{
    common::{TestResult, json, repository_file},
    run,
};

/// Arguments of a painting that would succeed; later ones of the same name replace them.
fn painting<'a>(output: &'a Path, changes: &[&'a str]) -> Vec<String> {
    let path = |path: &str| repository_file(path).to_string_lossy().into_owned();
    let defaults = [
        ("--mesh", path("assets/robot.glb")),
        ("--image", path("assets/robot.png")),
        ("--model", path("crates/hunyuan-paint-testkit/cases/model_tiny")),
        ("--device", "cpu".into()),
        ("--texture-size", "64".into()),
        ("--render-size", "64".into()),
    ];
    let is_changed = |name: &str| changes.contains(&name);
    let mut arguments = vec!["paint".to_owned()];
    for (name, value) in defaults.into_iter().filter(|(name, _)| !is_changed(name)) {
        arguments.extend([name.to_owned(), value]);
    }
    arguments.extend(changes.iter().map(ToString::to_string));
    arguments.extend(["--output".to_owned(), output.to_string_lossy().into_owned()]);
    arguments
}

#[test]
fn bad_input_ends_with_its_code_a_reason_and_no_files() -> TestResult {
    let folder = tempdir()?;
    let file = |name: &str, content: &[u8]| -> Result<String, Box<dyn Error>> {
        let path = folder.path().join(name);
        std::fs::write(&path, content)?;
        Ok(path.to_string_lossy().into_owned())
    };
    let no_mesh = file("no_mesh.glb", b"this is no mesh")?;
    let no_image = file("no_image.png", b"this is no image")?;
    let no_faces = file("no_faces.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\n")?;
    let out_of_range = file("range.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n")?;
    let not_finite = file("nan.obj", b"v 0 0 0\nv nan 0 0\nv 0 1 0\nf 1 2 3\n")?;
    let no_area = file("area.obj", b"v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n")?;
    let no_views = file("views.json", b"[]")?;
    let bad_field = file("field.json", b"[{\"azimut\": 0, \"elevation\": 0, \"weight\": 1}]")?;
    let empty = folder.path().join("empty");
    std::fs::create_dir_all(&empty)?;
    let empty = empty.to_string_lossy().into_owned();

    let output = folder.path().join("output");
    for (arguments, code, reason) in [
        (["--mesh", &no_mesh], 3, "no_mesh.glb"),
        (["--mesh", "missing.glb"], 3, "missing.glb"),
        (["--mesh", &no_faces], 3, "no_faces.obj"),
        (["--mesh", &out_of_range], 3, "line 4"),
        (["--mesh", &not_finite], 3, "position"),
        (["--mesh", &no_area], 3, "area"),
        (["--image", &no_image], 3, "no_image.png"),
        (["--image", "missing.png"], 3, "missing.png"),
        (["--model", "missing_folder"], 3, "missing_folder"),
        (["--model", &empty], 3, "hunyuan3d-paint-v2-0"),
        (["--views", "missing.json"], 3, "missing.json"),
        (["--views", &no_views], 3, "views.json"),
        (["--views", &bad_field], 3, "azimut"),
        (["--scheduler", "heun"], 2, "heun"),
        (["--variant", "fast"], 2, "fast"),
        (["--device", "abacus"], 2, "abacus"),
        (["--uv", "none"], 2, "none"),
        (["--memory", "sieve"], 2, "sieve"),
        (["--texture-size", "0"], 2, "texture_size"),
        (["--texture-size", "16385"], 2, "16385"),
        (["--render-size", "0"], 2, "render_size"),
        (["--steps", "0"], 2, "num_inference_steps"),
        (["--steps", "1001"], 2, "num_inference_steps"),
        (["--random-weights", "sd21"], 2, "--model"),
    ] {
        let result = run(painting(&output, &arguments))?;
        let message = String::from_utf8_lossy(&result.stderr);
        assert_eq!(result.status.code(), Some(code), "{arguments:?}: {message}");
        assert!(message.contains(reason), "{arguments:?}: expected '{reason}' in '{message}'");
        assert!(!message.contains("panicked"), "{arguments:?}: {message}");
        assert!(result.stdout.is_empty(), "{arguments:?}");
        assert!(!output.exists(), "{arguments:?} left files");

        let result = run(painting(&output, &[&arguments[..], &["--json"]].concat()))?;
        let report = json(&result)?;
        assert_eq!(result.status.code(), Some(code), "{arguments:?}: {report}");
        assert_eq!(report["error"]["code"], code, "{report}");
        assert_eq!(report["error"]["kind"], if code == 2 { "usage" } else { "input" }, "{report}");
        assert!(report.to_string().contains(reason), "{arguments:?}: expected '{reason}' in '{report}'");
    }
    Ok(())
}

#[test]
fn sources_are_printed_once() -> TestResult {
    let folder = tempdir()?;
    let views = folder.path().join("views.json");
    std::fs::write(&views, "[{\"azimut\": 0}]")?;
    let output = folder.path().join("output");
    let result = run(painting(&output, &["--views", &views.to_string_lossy()]))?;
    let message = String::from_utf8_lossy(&result.stderr);
    assert_eq!(message.matches("azimut`").count(), 1, "{message}");
    assert_eq!(message.matches("views.json").count(), 1, "{message}");
    Ok(())
}

#[test]
fn without_a_model_the_error_says_where_to_get_one() -> TestResult {
    let folder = tempdir()?;
    let robot = |extension: &str| repository_file(&format!("assets/robot.{extension}"));
    let (mesh, image) = (robot("glb").into_os_string(), robot("png").into_os_string());
    let output = folder.path().join("output").into_os_string();
    let names = ["--mesh", "--image", "--output"];
    let mut arguments = vec!["paint".into()];
    for (name, value) in names.into_iter().zip([mesh, image, output]) {
        arguments.extend([name.into(), value]);
    }
    let result = run(&arguments)?;
    let message = String::from_utf8_lossy(&result.stderr);
    assert_eq!(result.status.code(), Some(2), "{message}");
    for hint in ["--model", "tencent/Hunyuan3D-2", "--accept-license", "--demo"] {
        assert!(message.contains(hint), "{message}");
    }
    Ok(())
}

#[test]
fn an_output_that_cannot_be_written_is_named() -> TestResult {
    let folder = tempdir()?;
    let file = folder.path().join("a_file");
    std::fs::write(&file, "in the way")?;
    for output in [file.clone(), file.join("below"), file.join("below.glb")] {
        let result = run(painting(&output, &["--texture-size", "64", "--render-size", "64"]))?;
        let message = String::from_utf8_lossy(&result.stderr).into_owned();
        assert_eq!(result.status.code(), Some(1), "{message}");
        assert!(message.contains("a_file"), "{message}");
        assert_eq!(std::fs::read(&file)?, b"in the way");
    }
    let result = run(painting(&folder.path().join("robot.fbx"), &[]))?;
    assert_eq!(result.status.code(), Some(2), "{}", String::from_utf8_lossy(&result.stderr));
    Ok(())
}

#[test]
fn usage_errors_are_json_too() -> TestResult {
    for arguments in [&["paint", "--json"][..], &["--json", "polish"], &["--json", "render", "--count", "0"]]
    {
        let result = run(arguments)?;
        assert_eq!(result.status.code(), Some(2), "{arguments:?}");
        let report = json(&result)?;
        assert_eq!((&report["error"]["code"], &report["error"]["kind"]), (&2.into(), &"usage".into()));
        assert!(report["error"]["message"].as_str().is_some_and(|message| message.len() > 10), "{report}");
    }
    Ok(())
}

#[test]
fn help_documents_the_exit_codes() -> TestResult {
    let result = run(["--help"])?;
    assert_eq!(result.status.code(), Some(0));
    let help = String::from_utf8_lossy(&result.stdout);
    for text in [
        "Exit codes",
        "130",
        "paint",
        "bake",
        "unwrap",
        "render",
        "info",
        "devices",
        "fetch",
        "completions",
        "serve",
    ] {
        assert!(help.contains(text), "{text} is not in {help}");
    }
    Ok(())
}
