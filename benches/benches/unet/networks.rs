//! Steps of the networks, and whole denoising runs from images to images.

use std::{ops::ControlFlow, time::Instant};

use burn::tensor::{Device, Distribution, Tensor};
use hunyuan_paint::{
    LoadOptions,
    models::{
        Branch, ModelError, ViewConditions,
        pipelines::{
            InstructPix2PixOptions, InstructPix2PixPipeline, MultiviewInputs, MultiviewOptions,
            MultiviewPipeline,
        },
    },
    scheduler::random::Philox,
};
use image::{Rgb, RgbImage};

use crate::{BenchResult, Stopwatch};

/// View indices of the six default cameras.
const VIEW_INDICES: [u32; 6] = [21, 12, 15, 18, 43, 37];

/// Side of views and references.
const SIDE: u32 = 512;

fn image(number: u32) -> RgbImage {
    let is_dark = |x: u32, y: u32| ((x + 37 * number) / 32 + y / 32).is_multiple_of(2);
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        Rgb([(x / 2) as u8, (y / 2) as u8, if is_dark(x, y) { 60 } else { 200 }])
    })
}

fn latents(count: usize, device: &Device) -> Tensor<4> {
    let side = SIDE as usize / 8;
    Tensor::random([count, 4, side, side], Distribution::Normal(0.0, 1.0), device)
}

/// The first run compiles and loads, so it is reported separately from those that criterion times.
fn time_runs(
    stopwatch: &mut Stopwatch<'_>,
    name: &str,
    run: &dyn Fn() -> Result<(), ModelError>,
) -> BenchResult {
    let start = Instant::now();
    run()?;
    println!("{name}: first run {:.2} s", start.elapsed().as_secs_f64());
    stopwatch.time(name, None, &|| run().expect("it ran before"));
    Ok(())
}

pub(crate) fn time(stopwatch: &mut Stopwatch<'_>, options: &LoadOptions) -> BenchResult {
    let multiview = MultiviewPipeline::random(0, options.clone())?;
    time_multiview_steps(stopwatch, &multiview)?;
    time_multiview_runs(stopwatch, &multiview)?;
    drop(multiview);
    stopwatch.device.memory_cleanup();
    time_delight(stopwatch, options)
}

fn time_multiview_steps(stopwatch: &mut Stopwatch<'_>, multiview: &MultiviewPipeline) -> BenchResult {
    let device = &stopwatch.device.clone();
    let views = VIEW_INDICES.len();
    let conditions = ViewConditions {
        normal_latents: latents(views, device),
        position_latents: latents(views, device),
        view_indices: VIEW_INDICES.to_vec(),
    };
    let references = multiview.reference_unet()?.encode_references(latents(1, device))?;
    let unet = multiview.unet()?;
    for (name, branches) in [
        ("multiview_step_guided", &[Branch::Unconditional, Branch::Conditional][..]),
        ("multiview_step", &[Branch::Conditional]),
    ] {
        let denoiser = unet.denoiser(&[601.0], &conditions, &references, branches)?;
        let sample = latents(views, device);
        stopwatch.time(name, None, &|| drop(denoiser.predict(sample.clone(), 0).expect("shapes that fit")));
    }
    let vae = multiview.vae()?;
    let side = SIDE as usize;
    let image = Tensor::random([1, 3, side, side], Distribution::Uniform(-1.0, 1.0), device);
    stopwatch.time("vae_encode", None, &|| drop(vae.encode(image.clone()).expect("shapes that fit")));
    let latent = latents(1, device);
    stopwatch.time("vae_decode", None, &|| drop(vae.decode(latent.clone()).expect("shapes that fit")));
    Ok(())
}

fn time_multiview_runs(stopwatch: &mut Stopwatch<'_>, multiview: &MultiviewPipeline) -> BenchResult {
    let (reference, maps) = ([image(0)], (1..7).map(image).collect::<Vec<_>>());
    let inputs = MultiviewInputs {
        references: &reference,
        normal_maps: &maps,
        position_maps: &maps,
        view_indices: &VIEW_INDICES,
    };
    for (name, options) in
        [("multiview_30_steps", MultiviewOptions::standard()), ("turbo_10_steps", MultiviewOptions::turbo())]
    {
        time_runs(stopwatch, name, &|| {
            let (mut posterior, mut noise) = (Philox::new(1), Philox::new(0));
            multiview
                .run(&inputs, &options, &mut posterior, &mut noise, &mut |_| ControlFlow::Continue(()))
                .map(drop)
        })?;
    }
    Ok(())
}

fn time_delight(stopwatch: &mut Stopwatch<'_>, options: &LoadOptions) -> BenchResult {
    let device = stopwatch.device.clone();
    let delight = InstructPix2PixPipeline::random(0, options.clone())?;
    let text = delight.text_encoder()?.forward(&[delight.tokenize("")?], &device)?;
    let unet = delight.unet()?;
    let denoiser = unet.denoiser(text, &[601.0])?;
    let sample = Tensor::cat(vec![latents(1, &device), latents(1, &device)], 1);
    stopwatch
        .time("delight_step", None, &|| drop(denoiser.predict(sample.clone(), 0).expect("shapes that fit")));
    let image = image(0);
    time_runs(stopwatch, "delight_50_steps", &|| {
        let options = InstructPix2PixOptions::default();
        delight.run(&image, &options, &mut Philox::new(0), &mut |_| ControlFlow::Continue(())).map(drop)
    })
}
