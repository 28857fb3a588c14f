//! A memory allocation that a GPU refuses during a run causes an error of that run. This needs a
//! process of its own, because the GPU is opened with a lower limit.

use std::{error::Error, ops::ControlFlow, path::Path};

use burn::tensor::{
    Device,
    wgpu::{WgpuSetup, wgpu},
};
use hunyuan_paint::{
    LoadOptions,
    models::{
        ModelError,
        pipelines::{MultiviewInputs, MultiviewOptions, MultiviewPipeline, StepProgress, is_device_alive},
    },
};
use hunyuan_paint_scheduler::random::Philox;
use hunyuan_paint_test_support::gpu_or_skip;
use image::RgbImage;
use pollster::block_on;

/// Largest buffer of the device in bytes: enough for the networks and small images.
const LIMIT: u64 = 16 << 20;

/// Opens a GPU that refuses larger buffers. Returns `None` if there is none and none is required.
fn small_gpu() -> Result<Option<Device>, Box<dyn Error>> {
    let instance = wgpu::Instance::default();
    let adapter = block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()));
    let Some(adapter) = gpu_or_skip("refused_memory_is_an_error", adapter) else { return Ok(None) };
    let descriptor = wgpu::DeviceDescriptor {
        required_features: adapter.features().difference(wgpu::Features::all_experimental_mask()),
        required_limits: wgpu::Limits {
            max_buffer_size: LIMIT,
            max_storage_buffer_binding_size: LIMIT,
            ..adapter.limits()
        },
        ..Default::default()
    };
    let (device, queue) = block_on(adapter.request_device(&descriptor))?;
    let backend = adapter.get_info().backend;
    let setup = WgpuSetup { instance, adapter, device, queue, backend };
    Ok(Some(Device::wgpu_options().setup(setup).init()?))
}

#[test]
fn refused_memory_is_an_error() -> Result<(), Box<dyn Error>> {
    let Some(device) = small_gpu()? else { return Ok(()) };
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/model_tiny/hunyuan3d-paint-v2-0");
    let pipeline = MultiviewPipeline::from_pretrained(&model, LoadOptions::from(&device))?;
    let mut options = MultiviewOptions::standard();
    options.denoise.num_inference_steps = 1;
    let run = |side| {
        let maps = [RgbImage::new(side, side)];
        let inputs = MultiviewInputs {
            references: &maps,
            normal_maps: &maps,
            position_maps: &maps,
            view_indices: &[0],
        };
        let mut go_on = |_: &StepProgress<'_>| ControlFlow::Continue(());
        pipeline.run(&inputs, &options, &mut Philox::new(0), &mut Philox::new(1), &mut go_on)
    };
    assert_eq!(run(64)?.len(), 1);
    let refused = run(512).map(|images| images.len());
    assert!(matches!(refused, Err(ModelError::Device { .. })), "{refused:?}");
    // Smaller runs still work.
    assert!(is_device_alive(&device));
    assert_eq!(run(64)?.len(), 1);
    Ok(())
}
