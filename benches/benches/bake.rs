//! The stages without networks at the original's sizes: six views and a texture of 2048², from the
//! mesh to the filled texture, on the CPU and on a hardware GPU if there is one.
//!
//! `BAKE_BENCH_MESH=file.obj` replaces the bumpy sphere of 70,000 triangles; `BAKE_BENCH_GPU=1`
//! includes a software GPU. All times are wall-clock, with uploads and read-backs.

#![expect(clippy::expect_used, reason = "a bench cannot run without its input")]
#![expect(clippy::print_stderr, reason = "messages about what is left out")]

use std::{env, error::Error, hint::black_box, iter, ops::ControlFlow, path::Path};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
#[cfg(feature = "wgpu")]
use hunyuan_paint_bake::gpu::GpuBaker;
use hunyuan_paint_bake::{
    AutomaticViews, Backend, BakeOptions, BakeProgress, BakeRequest, BakeView, BakedTexture, Cpu,
    PartialTexture, ReliableDepth, RenderRequest, RenderedView, ViewRenderer, WeightedMerge, back_project,
    bake_with, draw_charts, fill_gaps, fill_gutter, fill_surface, fill_vertices, gather,
};
use hunyuan_paint_benches::bumpy_sphere;
use hunyuan_paint_image::resize_bicubic_rgb;
use hunyuan_paint_mesh::{
    Camera, CanonicalMesh, DEFAULT_VIEWS, Mesh, UnwrapOptions, UvMode, prepare_uvs, read_mesh,
};
#[cfg(feature = "wgpu")]
use hunyuan_paint_raster::gpu::GpuDevice;
use image::{Rgb, RgbImage};
#[cfg(feature = "wgpu")]
use pollster::block_on;

type BenchResult<T = ()> = Result<T, Box<dyn Error>>;

/// Side of the rendered views and of the texture.
const SIZE: u32 = 2048;

/// Side of the views as the network paints them.
const VIEW_SIZE: u32 = 512;

fn go_on(_: BakeProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn cameras() -> [Camera; 6] {
    DEFAULT_VIEWS.map(|view| view.camera)
}

/// Stand-ins for painted views.
fn painted_views(size: u32) -> Vec<RgbImage> {
    let image = |view: u32| {
        RgbImage::from_fn(size, size, |x, y| {
            Rgb([
                (x * 255 / size) as u8,
                (y * 255 / size) as u8,
                (40 * view) as u8 ^ ((x / 8 + y / 8) % 2 * 60) as u8,
            ])
        })
    };
    (0..6).map(image).collect()
}

fn views<'a>(images: &'a [RgbImage], rendered: &'a [RenderedView]) -> Vec<BakeView<'a>> {
    let depths = rendered.iter().map(|rendered| rendered.depth.as_ref()).chain(iter::repeat(None));
    (DEFAULT_VIEWS.iter().zip(images).zip(depths))
        .map(|((view, image), depth)| BakeView { depth, ..BakeView::new(view.camera, view.weight, image) })
        .collect()
}

/// Runs all stages but the unwrap: condition maps, then the views' colors in the filled texture.
fn without_unwrap(
    backend: &mut dyn Backend,
    mesh: &CanonicalMesh,
    images: &[RgbImage],
) -> BenchResult<BakedTexture> {
    let rendered = backend.render_views(
        &RenderRequest { mesh, cameras: &cameras(), render_size: SIZE, view_size: VIEW_SIZE },
        &mut |_| ControlFlow::Continue(()),
    )?;
    let options = BakeOptions { depth_size: Some(SIZE), ..BakeOptions::default() };
    Ok(bake_with(
        backend,
        &BakeRequest { mesh, views: &views(images, &rendered), texture_size: SIZE, options: &options },
        &mut go_on,
    )?)
}

/// Runs all stages, from the mesh to the filled texture.
fn whole(backend: &mut dyn Backend, mesh: &Mesh, images: &[RgbImage]) -> BenchResult<BakedTexture> {
    let options = UnwrapOptions::new(SIZE);
    let prepared = prepare_uvs(mesh, UvMode::Unwrap, &options, |_| ControlFlow::Continue(()))?;
    without_unwrap(backend, &CanonicalMesh::new(&prepared.mesh)?, images)
}

fn stages(criterion: &mut Criterion, mesh: &Mesh, paint: &CanonicalMesh, images: &[RgbImage]) -> BenchResult {
    let mut group = criterion.benchmark_group("CPU, stages");
    group.sample_size(10);
    let unwrap =
        || prepare_uvs(mesh, UvMode::Unwrap, &UnwrapOptions::new(SIZE), |_| ControlFlow::Continue(()));
    group.bench_function("unwrap", |b| b.iter(|| black_box(unwrap())));

    let renderer = ViewRenderer::new(paint)?;
    let camera = DEFAULT_VIEWS[0].camera;
    group.bench_function("condition maps and depth, one view", |b| {
        b.iter(|| black_box(renderer.render(&camera, SIZE)));
    });
    let (maps, _) = renderer.render(&camera, SIZE)?;
    group.bench_function("two maps of a view to the model's size", |b| {
        b.iter(|| {
            [&maps.normal, &maps.position].map(|map| black_box(resize_bicubic_rgb(map, VIEW_SIZE, VIEW_SIZE)))
        });
    });
    group.bench_function("depth, one view", |b| {
        b.iter(|| black_box(ReliableDepth::render(paint, &camera, SIZE, SIZE)));
    });
    group.bench_function("automatic choice of views", |b| {
        let automatic = AutomaticViews::default();
        b.iter(|| black_box(automatic.choose(paint, &DEFAULT_VIEWS, &BakeOptions::default())));
    });

    let rendered = Cpu.render_views(
        &RenderRequest { mesh: paint, cameras: &cameras(), render_size: SIZE, view_size: VIEW_SIZE },
        &mut |_| ControlFlow::Continue(()),
    )?;
    let depths: Vec<&ReliableDepth> = rendered.iter().filter_map(|view| view.depth.as_ref()).collect();
    let views = views(images, &rendered);
    let options = BakeOptions::default();
    group.bench_function("charts", |b| b.iter(|| black_box(draw_charts(paint, SIZE))));
    let charts = draw_charts(paint, SIZE)?;
    group.bench_function("gather, six views", |b| {
        b.iter(|| black_box(gather(paint, &charts, &views, &depths, &options)));
    });
    let gathered = gather(paint, &charts, &views, &depths, &options)?;
    group.bench_function("surface fill", |b| {
        b.iter_batched(
            || gathered.clone(),
            |mut texture| black_box(fill_surface(paint, &charts, &mut texture)),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("gutter fill", |b| {
        b.iter_batched(
            || gathered.image.clone(),
            |mut image| black_box(fill_gutter(&charts, &mut image)),
            BatchSize::LargeInput,
        );
    });

    let large = painted_views(SIZE);
    group.bench_function("reference: back-projection, one view", |b| {
        b.iter(|| black_box(back_project(paint, &camera, &large[0], SIZE, &options)));
    });
    let mut merge = WeightedMerge::new(SIZE, &options)?;
    for (view, image) in DEFAULT_VIEWS.iter().zip(&large) {
        merge.add(&back_project(paint, &view.camera, image, SIZE, &options)?, view.weight)?;
    }
    let merged: PartialTexture = merge.finish();
    group.bench_function("reference: vertex fill", |b| {
        b.iter_batched(
            || merged.clone(),
            |mut texture| black_box(fill_vertices(paint, &mut texture)),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("reference: Navier-Stokes fill", |b| b.iter(|| black_box(fill_gaps(&merged))));
    group.finish();
    Ok(())
}

fn together(
    criterion: &mut Criterion,
    name: &str,
    backend: &mut dyn Backend,
    (mesh, paint, images): (&Mesh, &CanonicalMesh, &[RgbImage]),
) -> BenchResult {
    // Fail here rather than in a timed run.
    let baked = without_unwrap(backend, paint, images)?;
    assert_eq!(baked, without_unwrap(&mut Cpu, paint, images)?, "the CPU bakes something else");
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10);
    group.bench_function("from the raw mesh to the filled texture", |b| {
        b.iter(|| black_box(whole(backend, mesh, images)));
    });
    group.bench_function("without the unwrap", |b| {
        b.iter(|| black_box(without_unwrap(backend, paint, images)));
    });
    group.bench_function("condition maps, six views", |b| {
        b.iter(|| {
            let on_view = &mut |_| ControlFlow::Continue(());
            black_box(
                backend
                    .render_views(
                        &RenderRequest {
                            mesh: paint,
                            cameras: &cameras(),
                            render_size: SIZE,
                            view_size: VIEW_SIZE,
                        },
                        on_view,
                    )
                    .map(|views| views.len()),
            )
        });
    });
    let views = views(images, &[]);
    let options = BakeOptions { depth_size: Some(SIZE), ..BakeOptions::default() };
    group.bench_function("depth and gather, six views", |b| {
        let on_view = &mut |_| ControlFlow::Continue(());
        b.iter(|| {
            black_box(
                backend
                    .gather(
                        &BakeRequest { mesh: paint, views: &views, texture_size: SIZE, options: &options },
                        on_view,
                    )
                    .map(|_| ()),
            )
        });
    });
    group.finish();
    Ok(())
}

fn bake(criterion: &mut Criterion) -> BenchResult {
    let mesh = match env::var_os("BAKE_BENCH_MESH") {
        Some(file) => read_mesh(Path::new(&file))?,
        None => bumpy_sphere(187, 187),
    };
    let prepared =
        prepare_uvs(&mesh, UvMode::Unwrap, &UnwrapOptions::new(SIZE), |_| ControlFlow::Continue(()))?;
    let paint = CanonicalMesh::new(&prepared.mesh)?;
    let images = painted_views(VIEW_SIZE);
    stages(criterion, &mesh, &paint, &images)?;
    let input = (&mesh, &paint, &images[..]);
    together(criterion, "CPU", &mut Cpu, input)?;
    #[cfg(not(feature = "wgpu"))]
    eprintln!("left out: the GPU; build with --features wgpu");
    #[cfg(feature = "wgpu")]
    match block_on(GpuDevice::request()) {
        Ok(device) if device.is_software() && env::var_os("BAKE_BENCH_GPU").is_none() => {
            eprintln!("left out: the GPU, which is only software");
        }
        Ok(device) => {
            eprintln!("GPU: {}", device.description());
            together(criterion, "GPU", &mut block_on(GpuBaker::new(&device))?, input)?;
        }
        Err(error) => eprintln!("left out: the GPU: {error}"),
    }
    Ok(())
}

fn run(criterion: &mut Criterion) {
    bake(criterion).expect("the mesh can be unwrapped and baked");
}

criterion_group!(benches, run);
criterion_main!(benches);
