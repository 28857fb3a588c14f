//! The rasterizer on a GPU, with each of its depth keys, compared with the CPU to the bit.
#![no_main]

use std::sync::{LazyLock, Mutex};

use hunyuan_paint_fuzz::{Scene, check_visibility};
use hunyuan_paint_raster::{
    Coverage, DepthKey, RasterError, RasterOptions, VisibilityBuffer,
    gpu::{GpuDevice, GpuDraw, GpuMesh, GpuRasterizer},
    rasterize,
};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};
use pollster::block_on;

static DEVICE: LazyLock<GpuDevice> =
    LazyLock::new(|| block_on(GpuDevice::request()).expect("this target needs a GPU"));

/// Rasterizers by options, so that shaders are compiled once.
static RASTERIZERS: Mutex<Vec<(RasterOptions, GpuRasterizer)>> = Mutex::new(Vec::new());

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let scene = Scene::new(u)?;
    for depth_key in [DepthKey::Packed64, DepthKey::TwoPass32] {
        if !DEVICE.supports(depth_key) {
            continue;
        }
        let options = RasterOptions { depth_key: Some(depth_key), ..scene.options };
        let on_cpu = rasterize(&scene.view(), &scene.faces, options);
        let on_gpu = block_on(draw(&scene, options));
        match (&on_cpu, &on_gpu) {
            (Ok(on_cpu), Ok(on_gpu)) => {
                check_visibility(on_gpu, scene.faces.len());
                // The reference rule divides floats, and a GPU may flush subnormal numbers to zero.
                if options.coverage == Coverage::FixedPoint || !scene.wild {
                    assert_eq!(format!("{on_cpu:?}"), format!("{on_gpu:?}"), "{options:?}");
                }
            }
            (Err(_), Err(_)) => {}
            _ => panic!("{options:?}: CPU {:?}, GPU {:?}", on_cpu.err(), on_gpu.err()),
        }
    }
    Ok(())
}

async fn draw(scene: &Scene, options: RasterOptions) -> std::result::Result<VisibilityBuffer, RasterError> {
    let mesh = GpuMesh::new(&DEVICE, &scene.faces, scene.clip_positions.len()).await?;
    // The lock is uncontended, because only the fuzzer's thread uses it.
    let mut rasterizers = RASTERIZERS.lock().expect("no panic is survived");
    let index = match rasterizers.iter().position(|(known, _)| *known == options) {
        Some(index) => index,
        None => {
            rasterizers.push((options, GpuRasterizer::new(&DEVICE, options).await?));
            rasterizers.len() - 1
        }
    };
    let drawn = rasterizers[index].1.draw(&mesh, &[GpuDraw::new(scene.view())]).await?;
    drawn[0].visibility().await
}
