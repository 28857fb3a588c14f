//! A GPU that is lost during a run causes an error of that run. This needs a process of its own,
//! because other tests would lose the GPU, too.

use std::{error::Error, ops::ControlFlow, path::Path};

use hunyuan_paint::{
    Device, LoadOptions,
    models::{
        ModelError,
        pipelines::{MultiviewInputs, MultiviewOptions, MultiviewPipeline, StepProgress, is_device_alive},
    },
};
use hunyuan_paint_scheduler::random::Philox;
use hunyuan_paint_test_support::gpu_or_skip;
use image::RgbImage;

#[test]
fn a_lost_gpu_is_an_error() -> Result<(), Box<dyn Error>> {
    let opened = gpu_or_skip("a_lost_gpu_is_an_error", Device::wgpu_options().init_with_setup());
    let Some((device, setup)) = opened else { return Ok(()) };
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/model_tiny/hunyuan3d-paint-v2-0");
    let pipeline = MultiviewPipeline::from_pretrained(&model, LoadOptions::from(&device))?;
    let maps = vec![RgbImage::new(64, 64); 2];
    let inputs = MultiviewInputs {
        references: &maps[..1],
        normal_maps: &maps,
        position_maps: &maps,
        view_indices: &[0, 3],
    };
    assert!(is_device_alive(&device));
    let mut lose = |step: &StepProgress<'_>| {
        if step.step == 2 {
            setup.device.destroy();
        }
        ControlFlow::Continue(())
    };
    let options = MultiviewOptions::standard();
    let result = pipeline.run(&inputs, &options, &mut Philox::new(0), &mut Philox::new(1), &mut lose);
    assert!(matches!(&result, Err(ModelError::Device { .. })), "{:?}", result.map(|images| images.len()));
    assert!(!is_device_alive(&device));
    Ok(())
}
