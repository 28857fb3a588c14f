//! The rasterizer on the CPU and on a GPU: face index, barycentrics and depth range of one view.
//!
//! CPU times are wall-clock. GPU times come from the device's timestamp queries around all stages,
//! without upload and read-back. Without a GPU its benches are left out, with a message.
//!
//! `RASTER_BENCH_MESH=file.obj` adds a mesh, seen from the front. `RASTER_BENCH_EXPORT=folder`
//! writes the inputs for other rasterizers: `name.clip.bin` (four `f32` per vertex) and
//! `name.faces.bin` (three `u32` per face).

#![expect(clippy::expect_used, reason = "a bench cannot run without its input")]
#![expect(clippy::print_stderr, reason = "messages about what is left out")]

use std::{hint::black_box, path::Path, time::Duration};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use hunyuan_paint_benches::{RasterScene, raster_views};
use hunyuan_paint_raster::{Coverage, RasterOptions, Size, View, rasterize};
#[cfg(feature = "wgpu")]
use hunyuan_paint_raster::{
    DepthKey, RasterError,
    gpu::{GpuDevice, GpuDraw, GpuMesh, GpuRasterizer},
};
#[cfg(feature = "wgpu")]
use pollster::block_on;

const SIDES: [u32; 3] = [512, 2048, 4096];
const COVERAGES: [Coverage; 2] = [Coverage::Reference, Coverage::FixedPoint];

fn cpu(criterion: &mut Criterion, views: &[RasterScene]) {
    for coverage in COVERAGES {
        let mut group = criterion.benchmark_group(format!("CPU {coverage:?}"));
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1));
        let options = RasterOptions { coverage, ..Default::default() };
        for mesh in views {
            for side in SIDES {
                let view = View::new(&mesh.clip_positions, Size::square(side));
                group.bench_function(BenchmarkId::new(&mesh.name, side), |b| {
                    b.iter(|| black_box(rasterize(&view, &mesh.faces, options)));
                });
            }
        }
        group.finish();
    }
}

#[cfg(feature = "wgpu")]
fn gpu(criterion: &mut Criterion, views: &[RasterScene], device: &GpuDevice) -> Result<(), RasterError> {
    eprintln!("GPU: {}", device.description());
    for coverage in COVERAGES {
        for depth_key in [DepthKey::Packed64, DepthKey::TwoPass32] {
            if !device.supports(depth_key) {
                eprintln!("left out: {depth_key:?}, which the device does not support");
                continue;
            }
            let options = RasterOptions { coverage, depth_key: Some(depth_key), ..Default::default() };
            let mut rasterizer = block_on(GpuRasterizer::new(device, options))?;
            let mut group = criterion.benchmark_group(format!("GPU {coverage:?} {depth_key:?}"));
            group
                .sample_size(10)
                .warm_up_time(Duration::from_millis(200))
                .measurement_time(Duration::from_millis(500));
            for mesh in views {
                let uploaded = block_on(GpuMesh::new(device, &mesh.faces, mesh.clip_positions.len()))?;
                for side in SIDES {
                    let draw = GpuDraw::new(View::new(&mesh.clip_positions, Size::square(side)));
                    group.bench_function(BenchmarkId::new(&mesh.name, side), |b| {
                        b.iter_custom(|iterations| {
                            let mut total = Duration::ZERO;
                            let mut left = iterations;
                            while left > 0 {
                                // The capacity of a set of timestamp queries.
                                let now = left.min(1000) as u32;
                                let times = block_on(rasterizer.time(&uploaded, &draw, now));
                                total += times
                                    .expect("the GPU can draw and tell the time")
                                    .iter()
                                    .sum::<Duration>();
                                left -= u64::from(now);
                            }
                            total
                        });
                    });
                }
            }
            group.finish();
        }
    }
    Ok(())
}

fn export(folder: &Path, views: &[RasterScene]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for mesh in views {
        let floats = mesh.clip_positions.iter().flat_map(|v| v.to_array()).flat_map(f32::to_le_bytes);
        let indices = mesh.faces.as_flattened().iter().flat_map(|i| i.to_le_bytes());
        std::fs::write(folder.join(format!("{}.clip.bin", mesh.name)), floats.collect::<Vec<u8>>())?;
        std::fs::write(folder.join(format!("{}.faces.bin", mesh.name)), indices.collect::<Vec<u8>>())?;
    }
    Ok(())
}

fn run(criterion: &mut Criterion) {
    let mesh = std::env::var_os("RASTER_BENCH_MESH");
    let views = raster_views(mesh.as_deref().map(Path::new)).expect("the mesh can be read");
    if let Some(folder) = std::env::var_os("RASTER_BENCH_EXPORT") {
        export(Path::new(&folder), &views).expect("the folder can be written");
    }
    cpu(criterion, &views);
    #[cfg(not(feature = "wgpu"))]
    eprintln!("left out: the GPU; build with --features wgpu");
    #[cfg(feature = "wgpu")]
    match block_on(GpuDevice::request()) {
        Ok(device) if device.has_timestamps() => {
            gpu(criterion, &views, &device).expect("the GPU can draw");
        }
        Ok(device) => eprintln!("left out: {}, which has no timestamps", device.description()),
        Err(error) => eprintln!("left out: {error}"),
    }
}

criterion_group!(benches, run);
criterion_main!(benches);
