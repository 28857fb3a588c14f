//! The pipelines' estimate of GPU memory is at most what a run uses, and at least half of it.

use std::{error::Error, ops::ControlFlow, path::Path};

use hunyuan_paint::{
    ComputeDevice, MemoryPlan, Precision, PrecisionChoice,
    models::pipelines::{MultiviewInputs, MultiviewOptions, MultiviewPipeline, StepProgress},
};
use hunyuan_paint_scheduler::random::Philox;
use hunyuan_paint_test_support::gpu_or_skip;
use image::RgbImage;

const VIEWS: usize = 4;
const SIZE: u32 = 192;

#[test]
fn the_memory_estimate_is_between_half_and_all_of_the_usage() -> Result<(), Box<dyn Error>> {
    let device = ComputeDevice::Wgpu;
    let Some(_) = gpu_or_skip("the_memory_estimate_is_between_half_and_all_of_the_usage", device.init())
    else {
        return Ok(());
    };
    let load = device
        .load_options(PrecisionChoice::Exactly(Precision::F32))?
        .with_memory_plan(MemoryPlan::ReloadPerStage);
    let device = load.device.clone();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/demo/hunyuan3d-paint-v2-0");
    let pipeline = MultiviewPipeline::from_pretrained(&demo, load)?;

    let mut options = MultiviewOptions::standard();
    options.denoise.num_inference_steps = 1;
    let maps = vec![RgbImage::from_fn(SIZE, SIZE, |x, y| image::Rgb([x as u8, y as u8, 128])); VIEWS];
    let inputs = MultiviewInputs {
        references: &maps[..1],
        normal_maps: &maps,
        position_maps: &maps,
        view_indices: &[0, 3, 6, 9],
    };
    let mut taken = 0;
    let mut measure = |_: &StepProgress<'_>| {
        taken = device.memory_pool_usage().map_or(0, |usage| usage.bytes_reserved);
        ControlFlow::Continue(())
    };
    pipeline.run(&inputs, &options, &mut Philox::new(0), &mut Philox::new(1), &mut measure)?;

    let needs = pipeline.memory_needs(1, VIEWS, (SIZE, SIZE), &options);
    let needed = needs.iter().map(|need| need.weights + need.working).max().unwrap_or_default();
    assert!(needed <= taken, "said to need {needed} bytes, took {taken}: {needs:?}");
    assert!(2 * needed >= taken, "said to need {needed} bytes, took {taken}: {needs:?}");
    Ok(())
}
