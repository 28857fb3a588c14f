//! The stages without a network, at the original's sizes: a 70,000-triangle mesh, views and texture of 2048².

#![expect(clippy::expect_used, reason = "a bench without its input cannot go on")]

use std::{error::Error, hint::black_box, ops::ControlFlow};

use criterion::{Criterion, criterion_group, criterion_main};
use hunyuan_paint_bake::{
    BakeOptions, TrustMerge, back_project, fill_gaps, fill_vertices, render_condition_maps,
};
use hunyuan_paint_benches::bumpy_sphere;
use hunyuan_paint_mesh::{DEFAULT_VIEWS, PaintMesh, UnwrapOptions, UvMode, prepare_uvs};
use image::{Rgb, RgbImage};

const SIZE: u32 = 2048;

fn geometry(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group("geometry");
    group.sample_size(10);

    let mesh = bumpy_sphere(187, 187);
    let unwrap =
        || prepare_uvs(&mesh, UvMode::Unwrap, &UnwrapOptions::new(SIZE), |_| ControlFlow::Continue(()));
    group.bench_function("unwrap 70k faces", |b| b.iter(|| black_box(unwrap())));

    let mesh = PaintMesh::new(&unwrap()?.mesh)?;
    let camera = DEFAULT_VIEWS[0].camera;
    group.bench_function("condition maps, one view of 2048²", |b| {
        b.iter(|| black_box(render_condition_maps(&mesh, &camera, SIZE)));
    });

    let view = RgbImage::from_fn(SIZE, SIZE, |x, y| Rgb([(x / 8) as u8, (y / 8) as u8, 128]));
    let options = BakeOptions::default();
    group.bench_function("back-projection, one view of 2048²", |b| {
        b.iter(|| black_box(back_project(&mesh, &camera, &view, SIZE, &options)));
    });

    let mut merge = TrustMerge::new(SIZE, &options)?;
    for view_of in DEFAULT_VIEWS {
        let projected = back_project(&mesh, &view_of.camera, &view, SIZE, &options)?;
        merge.add(&projected, view_of.weight)?;
    }
    let merged = merge.finish();
    group.bench_function("vertex fill", |b| {
        b.iter_batched(
            || merged.clone(),
            |mut texture| black_box(fill_vertices(&mesh, &mut texture)),
            criterion::BatchSize::LargeInput,
        );
    });
    group.bench_function("Navier-Stokes fill, 2048²", |b| b.iter(|| black_box(fill_gaps(&merged))));
    group.finish();
    Ok(())
}

fn run(criterion: &mut Criterion) {
    geometry(criterion).expect("the sphere can be unwrapped and baked");
}

criterion_group!(benches, run);
criterion_main!(benches);
