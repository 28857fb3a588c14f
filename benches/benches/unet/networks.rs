//! Steps of the networks and whole runs at the published size, with random weights.

use std::{
    error::Error,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use burn::tensor::{Device, Distribution, Tensor};
use criterion::{Criterion, SamplingMode};
use hunyuan_paint::{
    models::{
        Branch, LoadOptions, ViewConditions,
        pipelines::{
            InstructPix2PixOptions, InstructPix2PixPipeline, MultiviewInputs, MultiviewOptions,
            MultiviewPipeline,
        },
    },
    scheduler::random::Philox,
};
use image::{Rgb, RgbImage};

/// The cameras of a default run, as the paint model knows them.
const VIEW_INDICES: [u32; 6] = [21, 12, 15, 18, 43, 37];

/// Side of views and references.
const SIDE: u32 = 512;

fn image(seed: u32) -> RgbImage {
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        Rgb([
            (x / 2) as u8,
            (y / 2) as u8,
            if ((x + 37 * seed) / 32 + y / 32).is_multiple_of(2) { 60 } else { 200 },
        ])
    })
}

fn latents(count: usize, device: &Device) -> Tensor<4> {
    Tensor::random([count, 4, SIDE as usize / 8, SIDE as usize / 8], Distribution::Normal(0.0, 1.0), device)
}

/// Times `run` as it is, without criterion's repetitions: runs take seconds, and the first one compiles.
fn timed<T>(
    name: &str,
    device: &Device,
    mut run: impl FnMut() -> Result<T, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    for round in ["first", "second"] {
        let start = Instant::now();
        run()?;
        device.sync()?;
        println!("| {name}, {round} run | {:.3} s |", start.elapsed().as_secs_f64());
    }
    Ok(())
}

pub(crate) fn time(
    criterion: &mut Criterion,
    options: &LoadOptions,
    group_name: &str,
) -> Result<(), Box<dyn Error>> {
    let device = &options.device;
    let start = Instant::now();
    let multiview = MultiviewPipeline::random(0, options.clone())?;
    device.sync()?;
    println!("paint model made in {:.1} s", start.elapsed().as_secs_f64());

    // 1. one step of the 2.5-D UNet, six views, with and without guidance
    let unet = multiview.unet();
    let views = VIEW_INDICES.len();
    let conditions = ViewConditions {
        normal_latents: latents(views, device),
        position_latents: latents(views, device),
        view_indices: VIEW_INDICES.to_vec(),
    };
    let references = unet.encode_references(latents(1, device))?;
    let mut group = criterion.benchmark_group(group_name);
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    for (name, branches) in [
        ("multiview_step_guided", &[Branch::Unconditional, Branch::Conditional][..]),
        ("multiview_step", &[Branch::Conditional]),
    ] {
        let denoiser = unet.denoiser(&[601.0], &conditions, &references, branches)?;
        let sample = latents(views, device);
        let enqueue = || {
            let start = Instant::now();
            denoiser.predict(sample.clone(), 0).expect("shapes that fit");
            let enqueued = start.elapsed();
            device.sync().expect("a device that works");
            println!(
                "{name}: enqueued after {:.1} ms, done after {:.1} ms",
                1e3 * enqueued.as_secs_f64(),
                1e3 * start.elapsed().as_secs_f64()
            );
        };
        (0..3).for_each(|_| enqueue());
        group.bench_function(name, |b| {
            b.iter_custom(|runs| {
                let start = Instant::now();
                for _ in 0..runs {
                    denoiser.predict(sample.clone(), 0).expect("shapes that fit");
                }
                device.sync().expect("a device that works");
                start.elapsed()
            });
        });
    }

    // 2. the autoencoder: an image in, an image out
    let images =
        Tensor::random([1, 3, SIDE as usize, SIDE as usize], Distribution::Uniform(-1.0, 1.0), device);
    let vae = multiview.vae();
    let one = latents(1, device);
    for (name, run) in [
        ("vae_encode", &(|| drop(vae.encode(images.clone()).expect("shapes that fit"))) as &dyn Fn()),
        ("vae_decode", &|| drop(vae.decode(one.clone()).expect("shapes that fit"))),
    ] {
        group.bench_function(name, |b| {
            b.iter_custom(|runs| {
                let start = Instant::now();
                (0..runs).for_each(|_| run());
                device.sync().expect("a device that works");
                start.elapsed()
            });
        });
    }

    // 3. whole runs, from images to images
    let (reference, maps) = ([image(0)], (1..7).map(image).collect::<Vec<_>>());
    let inputs = MultiviewInputs {
        references: &reference,
        normal_maps: &maps,
        position_maps: &maps,
        view_indices: &VIEW_INDICES,
    };
    for (name, run_options) in
        [("multiview_30_steps", MultiviewOptions::standard()), ("turbo_10_steps", MultiviewOptions::turbo())]
    {
        timed(name, device, || {
            Ok(multiview.run(&inputs, &run_options, &mut Philox::new(1), &mut Philox::new(0), &mut |_| {
                ControlFlow::Continue(())
            })?)
        })?;
    }
    drop(multiview);
    let delight = InstructPix2PixPipeline::random(0, options.clone())?;
    let denoiser = delight
        .unet()
        .denoiser(delight.text_encoder().forward(&[delight.tokenize("")?], device)?, &[601.0])?;
    let sample = Tensor::cat(vec![latents(1, device), latents(1, device)], 1);
    group.bench_function("delight_step", |b| {
        b.iter_custom(|runs| {
            let start = Instant::now();
            for _ in 0..runs {
                denoiser.predict(sample.clone(), 0).expect("shapes that fit");
            }
            device.sync().expect("a device that works");
            start.elapsed()
        });
    });
    group.finish();
    timed("delight_50_steps", device, || {
        Ok(delight.run(&image(0), &InstructPix2PixOptions::default(), &mut Philox::new(0), &mut |_| {
            ControlFlow::Continue(())
        })?)
    })
}
