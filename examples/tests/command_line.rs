//! The examples as a user meets them: exit codes, messages, and what is left on disk.

mod programs;

use std::{
    error::Error,
    path::Path,
    process::{Command, Output},
};

use self::programs::{example, folder};

type TestResult = Result<(), Box<dyn Error>>;

fn run(name: &str, arguments: &[&str], output: &Path) -> Result<Output, Box<dyn Error>> {
    let mut command = Command::new(example(name)?);
    Ok(command.args(arguments).arg("--output").arg(output).output()?)
}

#[test]
fn bad_input_ends_with_code_1_a_reason_and_no_files() -> TestResult {
    let folder = folder("bad-input")?;
    let file = |name: &str, content: &[u8]| -> Result<String, Box<dyn Error>> {
        let path = folder.join(name);
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
    let empty = folder.join("empty");
    std::fs::create_dir_all(&empty)?;
    let empty = empty.to_string_lossy().into_owned();

    let output = folder.join("output");
    for (arguments, reason) in [
        (["--mesh", &no_mesh], "no_mesh.glb"),
        (["--mesh", "missing.glb"], "missing.glb"),
        (["--mesh", &no_faces], "no_faces.obj"),
        (["--mesh", &out_of_range], "line 4"),
        (["--mesh", &not_finite], "position"),
        (["--mesh", &no_area], "area"),
        (["--image", &no_image], "no_image.png"),
        (["--image", "missing.png"], "missing.png"),
        (["--model", "missing_folder"], "missing_folder"),
        (["--model", &empty], "hunyuan3d-paint-v2-0"),
        (["--views", &no_views], "views.json"),
        (["--views", &bad_field], "azimut"),
        (["--scheduler", "heun"], "heun"),
        (["--variant", "fast"], "fast"),
        (["--device", "abacus"], "abacus"),
        (["--uv", "none"], "none"),
        (["--texture-size", "0"], "texture_size"),
        (["--texture-size", "16385"], "16385"),
        (["--render-size", "0"], "render_size"),
        (["--steps", "0"], "num_inference_steps"),
    ] {
        let result = run("paint_mesh", &arguments, &output)?;
        let message = String::from_utf8_lossy(&result.stderr);
        assert_eq!(result.status.code(), Some(1), "{arguments:?}: {message}");
        assert!(message.contains(reason), "{arguments:?}: expected '{reason}' in '{message}'");
        assert!(!message.contains("panicked"), "{arguments:?}: {message}");
        assert!(!output.exists(), "{arguments:?} left files");
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

#[test]
fn an_output_that_cannot_be_written_is_named() -> TestResult {
    let folder = folder("no-output")?;
    let output = folder.join("a_file");
    std::fs::write(&output, "in the way")?;
    let sizes = ["--texture-size", "64", "--render-size", "64"];
    let result = run("bake_views", &sizes, &output)?;
    let message = String::from_utf8_lossy(&result.stderr).into_owned();
    let content = std::fs::read(&output)?;
    std::fs::remove_dir_all(&folder)?;
    assert_eq!(result.status.code(), Some(1), "{message}");
    assert!(message.contains("a_file"), "{message}");
    assert_eq!(content, b"in the way");
    Ok(())
}

#[test]
fn both_examples_write_what_they_promise() -> TestResult {
    let folder = folder("results")?;
    for (name, arguments) in [
        ("paint_mesh", &["--texture-size", "128", "--render-size", "128", "--steps", "2"][..]),
        ("bake_views", &["--texture-size", "128", "--render-size", "128"][..]),
    ] {
        let output = folder.join(name);
        let result = run(name, arguments, &output)?;
        let message = String::from_utf8_lossy(&result.stderr).into_owned();
        assert!(result.status.success(), "{name}: {message}");
        for file in ["textured.glb", "texture.png", "preview.png"] {
            assert!(output.join(file).metadata()?.len() > 100, "{name}: {file}");
        }
        assert!(String::from_utf8_lossy(&result.stdout).contains("total"));
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
