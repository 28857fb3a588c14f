//! Whole denoising runs: `instruct_pix2pix`, `paint_multiview`.

use std::{ops::ControlFlow, path::PathBuf};

use burn::tensor::Device;
use hunyuan_paint_models::pipelines::{
    DenoiseOptions, InstructPix2PixOptions, InstructPix2PixPipeline, MultiviewInputs, MultiviewOptions,
    MultiviewPipeline,
};
use hunyuan_paint_scheduler::{SchedulerKind, random::TorchCpu};
use image::RgbImage;
use serde::Deserialize;

use crate::{
    case::{Array, Case, CaseError, Values},
    report::Report,
};

/// Checks the delight pipeline, from an image and a seed to an image.
pub fn check_instruct_pix2pix(case: &Case, report: &mut Report, device: &Device) -> Result<(), CaseError> {
    #[derive(Deserialize)]
    struct Parameters {
        model: PathBuf,
        prompt: String,
        scheduler: String,
        num_inference_steps: usize,
        guidance_scale: f32,
        image_guidance_scale: f32,
        generator_seed: u64,
    }
    let parameters: Parameters = case.parameters()?;
    let pipeline = InstructPix2PixPipeline::from_pretrained(model_folder(case, &parameters.model), device)
        .map_err(CaseError::under_test)?;

    let ids = pipeline.tokenize(&parameters.prompt).map_err(CaseError::under_test)?;
    let shape = vec![1, ids.len()];
    let ids = Values::I64(ids.into_iter().map(i64::from).collect());
    report.compare(case, "out.input_ids", &Array { shape, values: ids })?;

    let options = InstructPix2PixOptions {
        prompt: parameters.prompt,
        denoise: DenoiseOptions {
            scheduler: scheduler(&parameters.scheduler)?,
            num_inference_steps: parameters.num_inference_steps,
            guidance_scale: parameters.guidance_scale,
            eta: 0.0,
        },
        image_guidance_scale: parameters.image_guidance_scale,
    };
    let mut generator = TorchCpu::new(parameters.generator_seed);
    let output = pipeline
        .run(&image(case, "in.image")?, &options, &mut generator, &mut |_| ControlFlow::Continue(()))
        .map_err(CaseError::under_test)?;
    report.compare(case, "out.image", &array(&output))
}

/// Checks the paint pipeline, from reference images, condition maps and two seeds to views.
pub fn check_paint_multiview(case: &Case, report: &mut Report, device: &Device) -> Result<(), CaseError> {
    #[derive(Deserialize)]
    struct Parameters {
        model: PathBuf,
        scheduler: String,
        num_inference_steps: usize,
        guidance_scale: f32,
        camera_indices: Vec<u32>,
        camera_refs: Vec<u32>,
        global_seed: u64,
        generator_seed: u64,
    }
    let parameters: Parameters = case.parameters()?;
    let pipeline = MultiviewPipeline::from_pretrained(model_folder(case, &parameters.model), device)
        .map_err(CaseError::under_test)?;
    let scheduler = scheduler(&parameters.scheduler)?;
    let options = match scheduler {
        // The original's turbo pipeline ignores the caller's steps and guidance.
        SchedulerKind::Lcm => MultiviewOptions::turbo(),
        scheduler => MultiviewOptions {
            denoise: DenoiseOptions {
                scheduler,
                num_inference_steps: parameters.num_inference_steps,
                guidance_scale: parameters.guidance_scale,
                eta: 0.0,
            },
            turbo_timesteps: false,
        },
    };
    let images = |name: &str, count: usize| -> Result<Vec<RgbImage>, CaseError> {
        (0..count).map(|i| image(case, &format!("in.{name}_{i}"))).collect()
    };
    let views = parameters.camera_indices.len();
    let inputs = MultiviewInputs {
        references: &images("reference", parameters.camera_refs.len())?,
        normal_maps: &images("normal", views)?,
        position_maps: &images("position", views)?,
        view_indices: &parameters.camera_indices,
    };
    let outputs = pipeline
        .run(
            &inputs,
            &options,
            &mut TorchCpu::new(parameters.global_seed),
            &mut TorchCpu::new(parameters.generator_seed),
            &mut |_| ControlFlow::Continue(()),
        )
        .map_err(CaseError::under_test)?;
    for (i, output) in outputs.iter().enumerate() {
        report.compare(case, &format!("out.view_{i}"), &array(output))?;
    }
    Ok(())
}

/// Resolves a case's `model`, which is relative to the folder that contains all cases.
fn model_folder(case: &Case, model: &std::path::Path) -> PathBuf {
    case.dir.join("..").join(model)
}

fn scheduler(name: &str) -> Result<SchedulerKind, CaseError> {
    name.parse().map_err(CaseError::under_test)
}

fn image(case: &Case, name: &str) -> Result<RgbImage, CaseError> {
    let (shape, bytes) = case.u8(name)?;
    let image = match *shape {
        [height, width, 3] => RgbImage::from_raw(width as u32, height as u32, bytes.to_vec()),
        _ => None,
    };
    image.ok_or_else(|| CaseError::Array {
        name: name.to_owned(),
        expected: "bytes [H, W, 3]".to_owned(),
        found: format!("{shape:?}"),
    })
}

fn array(image: &RgbImage) -> Array {
    Array::u8(&[image.height() as usize, image.width() as usize, 3], image.as_raw().clone())
}
