//! Whole paintings with the small checkpoint: what goes in comes out, the same every time, and can be stopped.

use std::{error::Error, ops::ControlFlow, path::PathBuf};

use glam::Vec3;
#[cfg(feature = "gpu-geometry")]
use hunyuan_paint::GeometryDevice;
use hunyuan_paint::{
    Device, LoadOptions, MemoryBudget, MemoryPlan, PaintError, PaintOptions, PaintPipeline, PaintStage,
    PaintWarning, Painting, Progress, TexturedMesh, Variant,
    bake::{AutomaticViews, BakeError, Cpu},
    ignore_progress,
    imaging::ReferenceImage,
    mesh::{CameraView, MAX_CAMERAS, Mesh, UnwrapOptions, UvMode, read_mesh, trained_cameras, view_index},
    models::{ModelError, UNet2DConditionConfig, UNet2p5DConditionConfig, pipelines::MultiviewOptions},
    stages::{BakeStageOptions, GeneratedView, bake_views, prepare_surface, render_conditions},
};
#[cfg(feature = "gpu-geometry")]
use hunyuan_paint_test_support::gpu_or_skip;
use image::{Rgba, RgbaImage};

type TestResult = Result<(), Box<dyn Error>>;

fn model() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../hunyuan-paint-testkit/cases/model_tiny")
}

fn pipeline(variant: Variant) -> Result<PaintPipeline, PaintError> {
    open(variant, LoadOptions::new(Device::flex()))
}

fn open(variant: Variant, load: LoadOptions) -> Result<PaintPipeline, PaintError> {
    PaintPipeline::builder().variant(variant).load_options(load).backend(Cpu).from_pretrained(model())
}

/// An octahedron away from the origin, in units of its own, subdivided once.
fn mesh() -> Mesh {
    let corners = [Vec3::X, Vec3::NEG_X, Vec3::Y, Vec3::NEG_Y, Vec3::Z, Vec3::NEG_Z];
    let faces = [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]];
    let mut positions = Vec::new();
    let mut indices = Vec::new();
    for [a, b, c] in faces.map(|face: [usize; 3]| face.map(|i| corners[i])) {
        let (ab, bc, ca) = ((a + b).normalize(), (b + c).normalize(), (c + a).normalize());
        for triangle in [[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]] {
            indices.push(triangle.map(|p| {
                let p = Vec3::new(100.0, -20.0, 3.0) + 7.0 * p;
                let known = positions.iter().position(|q| *q == p);
                known.unwrap_or_else(|| {
                    positions.push(p);
                    positions.len() - 1
                }) as u32
            }));
        }
    }
    Mesh { positions, faces: indices, ..Mesh::default() }
}

fn image() -> ReferenceImage {
    ReferenceImage::Cutout(RgbaImage::from_fn(48, 40, |x, y| {
        let inside = (x as i32 - 24).pow(2) + (y as i32 - 20).pow(2) < 15 * 15;
        Rgba([(5 * x) as u8, (6 * y) as u8, 90, if inside { 255 } else { 0 }])
    }))
}

fn options() -> PaintOptions {
    let mut multiview = MultiviewOptions::standard();
    multiview.denoise.num_inference_steps = 3;
    let mut options =
        PaintOptions { render_size: 96, texture_size: 128, multiview: Some(multiview), ..Default::default() };
    if let Some(delight) = &mut options.delight {
        delight.pipeline.denoise.num_inference_steps = 2;
    }
    options
}

fn paint(options: &PaintOptions) -> Result<Painting, PaintError> {
    pipeline(Variant::Standard)?.paint(&mesh(), &[image()], options)
}

#[test]
fn networks_that_come_in_their_turn_paint_the_same() -> TestResult {
    let load = LoadOptions::new(Device::flex()).with_memory_plan(MemoryPlan::ReloadPerStage);
    let pipeline = open(Variant::Standard, load)?;
    let in_turn = pipeline.paint(&mesh(), &[image()], &options())?;
    assert_eq!(in_turn.views, paint(&options())?.views);
    Ok(())
}

#[test]
fn what_cannot_fit_is_refused_before_any_work() -> TestResult {
    let with = |budget| {
        LoadOptions::new(Device::flex()).with_memory_plan(MemoryPlan::ReloadPerStage).with_budget(budget)
    };
    let refusal = |budget| -> Result<_, PaintError> {
        let pipeline = open(Variant::Standard, with(budget))?;
        let mut stages = Vec::new();
        let result = pipeline.paint_with_progress(&mesh(), &[image()], &options(), &mut |progress| {
            stages.push(progress.stage);
            ControlFlow::Continue(())
        });
        assert!(stages.is_empty(), "{stages:?}");
        Ok(result.map(drop))
    };
    let too_little = MemoryBudget::new(100_000);
    let refused = refusal(too_little.clone())?;
    let is_named = |error: &ModelError| matches!(error, ModelError::OutOfMemory { total: 100_000, .. });
    assert!(matches!(&refused, Err(PaintError::Model(error)) if is_named(error)), "{refused:?}");
    assert_eq!(too_little.taken(), 0);
    let refused = refusal(MemoryBudget::with_limits(u64::MAX, 1000))?;
    let is_named = |error: &ModelError| matches!(error, ModelError::AllocationTooLarge { limit: 1000, .. });
    assert!(matches!(&refused, Err(PaintError::Model(error)) if is_named(error)), "{refused:?}");

    // Networks that stay are refused when they are loaded.
    let keep = LoadOptions::new(Device::flex()).with_budget(too_little);
    assert!(open(Variant::Standard, keep).is_err());
    Ok(())
}

#[test]
fn networks_take_memory_while_they_are_there() -> TestResult {
    let budget = MemoryBudget::new(1 << 40);
    for (memory, stays) in [(MemoryPlan::ReloadPerStage, false), (MemoryPlan::Keep, true)] {
        let load = LoadOptions::new(Device::flex()).with_memory_plan(memory).with_budget(budget.clone());
        let pipeline = open(Variant::Standard, load)?;
        let mut most = 0;
        pipeline.paint_with_progress(&mesh(), &[image()], &options(), &mut |_| {
            most = most.max(budget.taken());
            ControlFlow::Continue(())
        })?;
        assert!(most > 0);
        assert_eq!(budget.taken() > 0, stays, "{memory}");
    }
    assert_eq!(budget.taken(), 0);
    Ok(())
}

#[test]
fn positions_and_faces_leave_as_they_came() -> TestResult {
    let mesh = mesh();
    let TexturedMesh { mesh: painted, texture, .. } = paint(&options())?.textured;
    assert_eq!(texture.dimensions(), (128, 128));
    assert_eq!(painted.faces.len(), mesh.faces.len());
    for (before, after) in mesh.faces.iter().zip(&painted.faces) {
        assert_eq!(before.map(|i| mesh.positions[i as usize]), after.map(|i| painted.positions[i as usize]));
    }
    Ok(())
}

#[test]
fn files_are_read_back_and_nothing_else_is_left() -> TestResult {
    let folder = std::env::temp_dir().join(format!("hunyuan-paint-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let textured = paint(&options())?.textured;
    textured.write_glb(folder.join("a.glb"))?;
    textured.write_obj(folder.join("b.obj"))?;
    textured.write_texture(folder.join("c.png"))?;
    let mut names: Vec<String> = std::fs::read_dir(&folder)?
        .map(|entry| entry.map(|e| e.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()?;
    names.sort();
    let read: Vec<Mesh> =
        ["a.glb", "b.obj"].iter().map(|name| read_mesh(folder.join(name))).collect::<Result<_, _>>()?;
    std::fs::remove_dir_all(&folder)?;
    assert_eq!(names, ["a.glb", "b.mtl", "b.obj", "b.png", "c.png"]);
    for mesh in read {
        assert_eq!(mesh.faces.len(), textured.mesh.faces.len());
        assert!(mesh.uvs.is_some());
    }
    Ok(())
}

#[test]
fn the_number_of_threads_does_not_matter() -> TestResult {
    let mut paintings = Vec::new();
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        paintings.push(pool.install(|| paint(&options()))?);
    }
    for other in &paintings[1..] {
        assert_eq!(other.views, paintings[0].views);
        assert_eq!(other.textured.texture, paintings[0].textured.texture);
        assert_eq!(other.textured.mesh, paintings[0].textured.mesh);
    }
    Ok(())
}

#[test]
fn the_seed_matters() -> TestResult {
    let other = PaintOptions { seed: 1, ..options() };
    assert_ne!(paint(&other)?.views, paint(&options())?.views);
    Ok(())
}

#[test]
fn both_variants_and_several_images_paint() -> TestResult {
    let mut options = PaintOptions { multiview: None, delight: None, ..options() };
    options.views = vec![CameraView::new(0.0, 0.0, 1.0), CameraView::new(135.0, 20.0, 0.5)];
    let painting = pipeline(Variant::Turbo)?.paint(&mesh(), &[image(), image()], &options)?;
    assert_eq!(painting.views.len(), 2);
    assert_eq!(painting.references.len(), 2);
    Ok(())
}

#[test]
fn cameras_are_added_for_what_the_first_one_does_not_see() -> TestResult {
    let mut options = options();
    options.views = vec![CameraView::new(0.0, 0.0, 1.0)];
    options.automatic_views = Some(AutomaticViews { count_max: 3, ..Default::default() });
    let painting = paint(&options)?;
    // One from behind sees all the rest.
    assert_eq!(painting.views.len(), 2);
    assert_eq!(painting.conditions.views[0].view, options.views[0]);
    assert_eq!(painting.conditions.views.len(), 2);
    Ok(())
}

/// With a GPU; a software one will do.
#[cfg(feature = "gpu-geometry")]
#[test]
fn geometry_on_the_gpu_paints_the_same() -> TestResult {
    let test = "geometry_on_the_gpu_paints_the_same";
    let Some(_) = gpu_or_skip(test, GeometryDevice::Gpu.init()) else { return Ok(()) };
    let expected = paint(&options())?;
    let found = PaintPipeline::builder()
        .load_options(LoadOptions::new(Device::flex()))
        .geometry(GeometryDevice::Gpu)
        .from_pretrained(model())?
        .paint(&mesh(), &[image()], &options())?;
    for (found, expected) in found.conditions.views.iter().zip(&expected.conditions.views) {
        assert_eq!(found.normal, expected.normal);
        assert_eq!(found.position, expected.position);
    }
    assert_eq!(found.textured.texture, expected.textured.texture);
    assert_eq!(found.textured.coverage, expected.textured.coverage);
    Ok(())
}

#[test]
fn every_stage_reports_from_start_to_end_and_can_be_cancelled() -> TestResult {
    let pipeline = pipeline(Variant::Standard)?;
    for &stop in PaintStage::ALL {
        let mut seen = Vec::new();
        let mut on_progress = |progress: &Progress<'_>| {
            seen.push((progress.stage, progress.fraction));
            // The stages after the one that is to be stopped must not run.
            if progress.stage == stop && progress.fraction > 0.0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let result = pipeline.paint_with_progress(&mesh(), &[image()], &options(), &mut on_progress);
        assert!(matches!(result, Err(PaintError::Cancelled)), "{}", stop.name());
        let before = PaintStage::ALL.iter().take_while(|stage| **stage != stop);
        for stage in before {
            let fractions: Vec<f32> = seen.iter().filter(|(s, _)| s == stage).map(|(_, f)| *f).collect();
            assert_eq!(fractions.first(), Some(&0.0));
            assert_eq!(fractions.last(), Some(&1.0));
            assert!(fractions.is_sorted(), "{}: {fractions:?}", stage.name());
        }
        assert_eq!(seen.last().map(|(stage, _)| *stage), Some(stop));
    }
    Ok(())
}

#[test]
fn previews_show_what_is_there() -> TestResult {
    let pipeline = pipeline(Variant::Standard)?;
    let mut counts = std::collections::BTreeMap::new();
    let mut on_progress = |progress: &Progress<'_>| {
        if let Ok(images) = progress.preview() {
            counts.insert(progress.stage.name(), images.len());
        }
        ControlFlow::Continue(())
    };
    pipeline.paint_with_progress(&mesh(), &[image()], &options(), &mut on_progress)?;
    let expected = [("bake", 1), ("conditions", 6), ("delight", 1), ("unwrap", 0), ("views", 6)];
    assert_eq!(counts, expected.into());
    Ok(())
}

#[test]
fn the_result_of_a_stage_can_be_replaced() -> TestResult {
    let options = options();
    let ignore = &mut hunyuan_paint::ignore_progress;
    let surface = prepare_surface(&mesh(), UvMode::Auto, &options.unwrap_options(), ignore)?;
    let conditions = render_conditions(&mut Cpu, &surface, &options.views, 96, 64, ignore)?;
    let red = image::RgbImage::from_pixel(64, 64, image::Rgb([255, 0, 0]));
    let views = pipeline(Variant::Standard)?.paint_views(
        std::slice::from_ref(&red),
        &conditions,
        &options,
        ignore,
    )?;
    assert_eq!(views.len(), 6);
    let views: Vec<GeneratedView<'_>> = (conditions.views.iter())
        .map(|condition| GeneratedView { view: condition.view, image: &red, depth: condition.depth.as_ref() })
        .collect();
    let bake = BakeStageOptions { render_size: 96, texture_size: 128, bake: options.bake };
    let textured = bake_views(&mut Cpu, &surface, &views, &bake, ignore)?;
    assert!(textured.texture.pixels().all(|pixel| pixel.0 == [255, 0, 0]));
    Ok(())
}

#[test]
fn nonsense_is_refused_with_a_reason() -> TestResult {
    let pipeline = pipeline(Variant::Standard)?;
    let refused = |mesh: &Mesh, images: &[ReferenceImage], options: &PaintOptions| match pipeline
        .paint(mesh, images, options)
    {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    let good = (mesh(), [image()], options());
    let transparent = [ReferenceImage::Cutout(RgbaImage::new(8, 8))];
    let empty = [ReferenceImage::Cutout(RgbaImage::new(0, 0))];
    let no_faces = Mesh { faces: vec![], ..mesh() };
    let flat = Mesh { positions: vec![Vec3::ONE; mesh().positions.len()], ..mesh() };
    let mut not_finite = mesh();
    not_finite.positions[3].y = f32::NAN;
    let mut out_of_range = mesh();
    out_of_range.faces[5][1] = 1_000;
    for (reason, (mesh, images, options)) in [
        ("images", (&good.0, &[][..], &good.2)),
        ("transparent", (&good.0, &transparent[..], &good.2)),
        ("0 x 0", (&good.0, &empty[..], &good.2)),
        ("triangles", (&no_faces, &good.1[..], &good.2)),
        ("bounding box", (&flat, &good.1[..], &good.2)),
        ("position", (&not_finite, &good.1[..], &good.2)),
        ("1000", (&out_of_range, &good.1[..], &good.2)),
        ("render_size", (&good.0, &good.1[..], &PaintOptions { render_size: 0, ..options() })),
        ("texture_size", (&good.0, &good.1[..], &PaintOptions { texture_size: 20_000, ..options() })),
        ("multiple", (&good.0, &good.1[..], &PaintOptions { view_size: Some(65), ..options() })),
    ] {
        let message = refused(mesh, images, options);
        assert!(message.contains(reason), "expected '{reason}' in '{message}'");
    }
    Ok(())
}

#[test]
fn threads_and_callbacks_paint_with_one_pipeline() -> TestResult {
    let pipeline = pipeline(Variant::Standard)?;
    let expected = pipeline.paint(&mesh(), &[image()], &options())?;
    let found = std::thread::scope(|scope| {
        let threads = [0, 1].map(|_| scope.spawn(|| pipeline.paint(&mesh(), &[image()], &options())));
        threads.map(|thread| thread.join().unwrap_or(Err(PaintError::Cancelled)))
    });
    for found in found {
        assert_eq!(found?.textured.texture, expected.textured.texture);
    }
    let mut inner = None;
    pipeline.paint_with_progress(&mesh(), &[image()], &options(), &mut |progress| {
        if progress.stage == PaintStage::Conditions && inner.is_none() {
            inner = Some(pipeline.paint(&mesh(), &[image()], &options()));
        }
        ControlFlow::Continue(())
    })?;
    let inner = inner.ok_or("no progress was reported")??;
    assert_eq!(inner.textured.texture, expected.textured.texture);
    Ok(())
}

#[test]
fn check_finds_what_would_fail_late() -> TestResult {
    let pipeline = pipeline(Variant::Standard)?;
    pipeline.check(&options())?;
    let view_size = PaintOptions { view_size: Some(65), ..options() };
    let error = pipeline.check(&view_size).err().ok_or("65 pixels are accepted")?;
    assert!(error.to_string().contains("multiple of 8"), "{error}");

    let mut steps = MultiviewOptions::standard();
    steps.denoise.num_inference_steps = 1001;
    let steps = PaintOptions { multiview: Some(steps), ..options() };
    let error = pipeline.check(&steps).err().ok_or("1001 of 1000 steps are accepted")?;
    assert!(matches!(error, PaintError::Model(_)), "{error:?}");
    Ok(())
}

#[test]
fn the_camera_embedding_has_a_row_for_every_trained_view() {
    let config = UNet2p5DConditionConfig::new(UNet2DConditionConfig::sd21());
    assert_eq!(config.num_view_embeddings, MAX_CAMERAS);
    for camera in trained_cameras() {
        assert!(view_index(camera.azimuth_degrees, camera.elevation_degrees) < config.num_view_embeddings);
    }
}

#[test]
fn an_inside_out_mesh_is_painted_from_outside_and_keeps_its_winding() -> TestResult {
    let unwrap = UnwrapOptions::new(128);
    let mesh = prepare_surface(&mesh(), UvMode::Unwrap, &unwrap, &mut ignore_progress)?.mesh;
    let mut inside_out = mesh.clone();
    inside_out.faces.iter_mut().for_each(|face| face.swap(1, 2));

    let expected = prepare_surface(&mesh, UvMode::Keep, &unwrap, &mut ignore_progress)?;
    let surface = prepare_surface(&inside_out, UvMode::Keep, &unwrap, &mut ignore_progress)?;
    assert_eq!(expected.warnings(), []);
    assert_eq!(surface.canonical_mesh, expected.canonical_mesh);
    assert_eq!(surface.mesh.faces, inside_out.faces);
    let count = mesh.faces.len();
    assert_eq!(surface.warnings(), [PaintWarning::FlippedFaces { count, face_count: count }]);
    Ok(())
}

#[test]
fn a_surface_that_no_camera_sees_is_found_before_the_networks_run() -> TestResult {
    // A sheet that the only camera sees from its edge.
    let corner = |x: f32, y: f32| Vec3::new(x, y, 0.0);
    let sheet = Mesh {
        positions: vec![corner(0.0, 0.0), corner(1.0, 0.0), corner(1.0, 1.0), corner(0.0, 1.0)],
        faces: vec![[0, 1, 2], [0, 2, 3]],
        ..Mesh::default()
    };
    let options = PaintOptions { views: vec![CameraView::new(90.0, 0.0, 1.0)], ..options() };
    let mut stages = Vec::new();
    let result =
        pipeline(Variant::Standard)?.paint_with_progress(&sheet, &[image()], &options, &mut |progress| {
            stages.push(progress.stage);
            ControlFlow::Continue(())
        });
    assert!(matches!(result, Err(PaintError::Bake(BakeError::NothingPainted { view_count: 1 }))));
    assert!(stages.iter().all(|stage| *stage == PaintStage::Unwrap), "{stages:?}");
    Ok(())
}
