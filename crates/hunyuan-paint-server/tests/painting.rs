//! The requests of the original's clients, answered by the pipeline with the small checkpoint.

mod common;

use std::{error::Error, path::PathBuf, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use hunyuan_paint::{
    ComputeDevice, GeometryDevice, PaintError, PaintOptions, PaintPipeline,
    imaging::read_image,
    mesh::{Mesh, MeshFormat, read_mesh, read_mesh_from_bytes},
    models::pipelines::MultiviewOptions,
};
use hunyuan_paint_server::{InputLimits, PipelinePainter, ServerOptions};
use serde_json::{Value, json};

use common::{TestResult, TestServer, bytes_of, refusal};

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn pipeline() -> Result<PaintPipeline, PaintError> {
    let model = repository("crates/hunyuan-paint-testkit/cases/model_tiny");
    let builder = PaintPipeline::builder().device(ComputeDevice::Cpu).geometry(GeometryDevice::Cpu);
    builder.from_pretrained(model)
}

fn options() -> PaintOptions {
    let mut multiview = MultiviewOptions::standard();
    multiview.denoise.num_inference_steps = 2;
    let mut options =
        PaintOptions { render_size: 96, texture_size: 128, multiview: Some(multiview), ..Default::default() };
    if let Some(delight) = &mut options.delight {
        delight.pipeline.denoise.num_inference_steps = 2;
    }
    options
}

fn server(limits: InputLimits) -> Result<TestServer, Box<dyn Error>> {
    let painter = PipelinePainter::new(pipeline()?, options(), limits)?;
    TestServer::new(vec![Arc::new(painter)], ServerOptions::default())
}

fn base64_file(path: &str) -> Result<String, std::io::Error> {
    Ok(BASE64_STANDARD.encode(std::fs::read(repository(path))?))
}

/// Creates a request of the add-on.
fn add_on() -> Result<Value, Box<dyn Error>> {
    Ok(json!({
        "mesh": base64_file("assets/robot.glb")?,
        "image": base64_file("assets/robot.png")?,
        "octree_resolution": 256,
        "num_inference_steps": 20,
        "guidance_scale": 5.5,
        "texture": true,
    }))
}

fn with(mut json: Value, field: &str, value: impl Into<Value>) -> Value {
    json[field] = value.into();
    json
}

fn read_glb(bytes: &[u8]) -> Result<Mesh, Box<dyn Error>> {
    let mesh = read_mesh_from_bytes(bytes, MeshFormat::Gltf)?;
    assert!(mesh.uvs.is_some());
    Ok(mesh)
}

#[test]
fn the_result_is_that_of_the_pipeline() -> TestResult {
    let server = server(InputLimits::default())?;
    let painted = bytes_of(server.post("/generate", &add_on()?)?)?;
    let mesh = read_mesh(repository("assets/robot.glb"))?;
    assert_eq!(read_glb(&painted)?.faces.len(), mesh.faces.len());

    let image = read_image(repository("assets/robot.png"))?;
    let expected = pipeline()?.paint(&mesh, &[image], &options())?.textured.glb_bytes()?;
    assert!(painted == expected, "the server's GLB differs");

    // Through /send, with another seed.
    let uid = server.send(&with(add_on()?, "seed", 1))?;
    let status = server.wait(&uid)?;
    assert_eq!(status["status"], "completed");
    let other = BASE64_STANDARD.decode(status["model_base64"].as_str().unwrap_or_default())?;
    assert_eq!(read_glb(&other)?.faces.len(), mesh.faces.len());
    assert!(other != painted, "the seed has no effect");
    Ok(())
}

#[test]
fn several_images_and_fewer_faces() -> TestResult {
    let server = server(InputLimits::default())?;
    let mesh = read_mesh(repository("assets/robot.glb"))?;
    let fewer = mesh.faces.len() / 2;
    let json = with(add_on()?, "face_count", fewer);
    let json = with(json, "image_back", base64_file("assets/robot.png")?);
    let painted = read_glb(&bytes_of(server.post("/generate", &json)?)?)?;
    assert!(painted.faces.len() < mesh.faces.len(), "{} of {}", painted.faces.len(), mesh.faces.len());
    Ok(())
}

#[test]
fn every_mesh_format_is_read() -> TestResult {
    let server = server(InputLimits::default())?;
    let obj = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n";
    let ply = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n\
               element face 4\nproperty list uchar int vertex_indices\nend_header\n\
               0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n";
    for (name, content) in [(Some("obj"), obj), (Some("ply"), ply), (None, ply)] {
        let mut json = with(add_on()?, "mesh", BASE64_STANDARD.encode(content));
        if let Some(name) = name {
            json["mesh_type"] = name.into();
        }
        let painted = read_glb(&bytes_of(server.post("/generate", &json)?)?)?;
        assert_eq!(painted.faces.len(), 4, "{name:?}");
    }
    Ok(())
}

#[test]
fn meshes_and_images_that_cannot_be_painted_are_refused() -> TestResult {
    let limits = InputLimits { max_faces: 3, max_image_side: 64, ..InputLimits::default() };
    let strict = server(limits)?;
    let server = server(InputLimits::default())?;
    let good = add_on()?;
    let transparent = png(&image::RgbaImage::new(8, 8))?;
    let opaque = png(&image::RgbaImage::from_pixel(65, 8, image::Rgba([9, 9, 9, 255])))?;
    let truncated_mesh = &base64_file("assets/robot.glb")?[..400];
    let truncated_image = &base64_file("assets/robot.png")?[..400];
    let triangle = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n";
    let small = with(good.clone(), "mesh", BASE64_STANDARD.encode(triangle));
    let small = with(small, "mesh_type", "obj");
    for (server, json, input, word) in [
        (&server, with(good.clone(), "mesh", truncated_mesh), "mesh", "glTF"),
        (&server, with(good.clone(), "mesh", "AAAA"), "mesh", "GLB"),
        (&server, with(with(good.clone(), "mesh", "AAAA"), "mesh_type", "obj"), "mesh", "no triangles"),
        (&strict, good.clone(), "mesh", "3 triangles"),
        (&server, with(good.clone(), "image", "AAAA"), "image", "PNG"),
        (&server, with(good.clone(), "image", ""), "image", "PNG"),
        (&server, with(good.clone(), "image", truncated_image), "image", ""),
        (&server, with(good.clone(), "image_left", transparent), "image", "transparent"),
        (&strict, with(small, "image", opaque), "image", "64 pixels"),
    ] {
        let response = server.post("/send", &json)?;
        assert_eq!(response.status(), 422, "{input} {word}");
        let answer = common::json_of(response)?;
        let text = answer["text"].as_str().unwrap_or_default();
        assert!(text.starts_with(input) && text.contains(word), "expected {input} and {word} in '{text}'");
    }
    Ok(())
}

#[test]
fn a_mesh_that_would_block_the_rasterizer_is_refused() -> TestResult {
    let limits = InputLimits { max_pixel_tests: 1_000_000, ..InputLimits::default() };
    let server = server(limits)?;
    let obj = |faces| format!("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n{}", "f 1 2 3\n".repeat(faces));
    let json = |faces| -> Result<Value, Box<dyn Error>> {
        let json = with(add_on()?, "mesh", BASE64_STANDARD.encode(obj(faces)));
        Ok(with(json, "mesh_type", "obj"))
    };
    // Equal triangles that fill much of a view of 96 x 96 pixels.
    assert_eq!(refusal(server.post("/send", &json(1000)?)?)?, (422, "too_complex".into()));
    assert_eq!(server.post("/send", &json(10)?)?.status(), 200);
    Ok(())
}

fn png(image: &image::RgbaImage) -> Result<String, image::ImageError> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png)?;
    Ok(BASE64_STANDARD.encode(bytes.get_ref()))
}

#[test]
fn a_real_painting_is_cancelled() -> TestResult {
    let mut slow = options();
    if let Some(multiview) = &mut slow.multiview {
        multiview.denoise.num_inference_steps = 1000;
    }
    let painter = PipelinePainter::new(pipeline()?, slow, InputLimits::default())?;
    let options = ServerOptions { shutdown_timeout: std::time::Duration::ZERO, ..Default::default() };
    let server = TestServer::new(vec![Arc::new(painter)], options)?;
    let uid = server.send(&add_on()?)?;
    let running = || Ok((common::json_of(server.get("/health")?)?["running"] == 1).then_some(()));
    common::wait_until(running)?;
    assert_eq!(server.delete(&format!("/jobs/{uid}"))?.status(), 200);
    let idle = || Ok((common::json_of(server.get("/health")?)?["running"] == 0).then_some(()));
    common::wait_until(idle)?;
    assert_eq!(refusal(server.get(&format!("/jobs/{uid}/result"))?)?, (410, "cancelled".into()));
    Ok(())
}

#[test]
fn invalid_options_are_rejected_when_a_painter_is_made() -> TestResult {
    let options = PaintOptions { texture_size: 0, ..options() };
    let refused = PipelinePainter::new(pipeline()?, options, InputLimits::default());
    assert!(matches!(refused, Err(PaintError::Option { option: "texture_size", .. })));
    Ok(())
}
