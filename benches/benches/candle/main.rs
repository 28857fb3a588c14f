//! Comparison with a peer: the UNet and the autoencoder of `candle-transformers` with the same
//! weights, on the CPU, in float32.
//!
//! The bench first checks that both compute the same as each other and as diffusers, on the parity
//! case `autoencoder_kl` and on a UNet recorded from diffusers (`recordings`). It then times a step
//! of the UNet, encoding and decoding in both implementations, for networks of a small and a middle
//! size, in one run, with the same inputs and the same number of threads.
//!
//! `CANDLE_BENCH_LARGE=1` adds networks of the size of Stable Diffusion 2.1 (16 GiB of memory, many
//! minutes).
//! `CANDLE_BENCH_EXPORT=folder` writes the UNet for `record.py` and stops.

#![expect(clippy::expect_used, reason = "the operations ran before they are timed")]
#![expect(clippy::print_stdout, reason = "the tables are this bench's output")]

mod equality;
mod peer;
mod recordings;
mod subjects;
mod weights;

use std::{
    env,
    error::Error,
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use burn::tensor::{Device, Tensor as BurnTensor};
use candle_transformers::models::stable_diffusion::{unet_2d, vae};
use criterion::{Criterion, SamplingMode};
use hunyuan_paint_benches::{estimates, machine};
use hunyuan_paint_models::{AutoencoderKl, UNet2DConditionModel};

use self::{
    equality::{Output, check},
    peer::Moment,
    subjects::{LARGE, MIDDLE, SMALL, Subject, to_burn},
};

type BenchResult<T = ()> = Result<T, Box<dyn Error>>;

const OURS: &str = "hunyuan-paint";
const CANDLE: &str = "candle";
const TIMESTEP: f64 = 333.0;

/// Largest difference of the autoencoders, which differ by rounding.
const VAE_LIMIT: f64 = 1e-4;

/// Largest difference of a UNet: candle approximates the GELU of the feed-forward layers with
/// tanh.
const UNET_LIMIT: f64 = 1e-3;

/// The networks of both implementations, in one size.
struct Pair<'a> {
    subject: &'a Subject,
    our_unet: UNet2DConditionModel,
    candle_unet: unet_2d::UNet2DConditionModel,
    our_vae: AutoencoderKl,
    candle_vae: vae::AutoEncoderKL,
}

impl<'a> Pair<'a> {
    /// Loads both from the same files and compares their outputs.
    fn equal(subject: &'a Subject) -> BenchResult<Self> {
        let unet_config = subject.unet_config()?;
        let unet_file = temporary(&format!("{}_unet", subject.name))?;
        let weights = weights::draw(5, |vs| peer::build_unet(&unet_config, vs).map(|_| ()))?;
        candle_core::safetensors::save(&weights, &unet_file)?;
        drop(weights);
        let our_unet = unet_config.load(&unet_file, &Device::flex())?;
        let candle_unet = peer::unet(&unet_config, peer::read(&unet_file)?)?;
        fs::remove_file(&unet_file)?;

        let vae_config = subject.vae_config()?;
        let vae_file = temporary(&format!("{}_vae", subject.name))?;
        let weights = weights::draw(6, |vs| peer::build_vae(&vae_config, vs).map(|_| ()))?;
        candle_core::safetensors::save(&weights, &vae_file)?;
        let our_vae = vae_config.load(&vae_file, &Device::flex())?;
        let candle_vae = peer::vae(&vae_config, peer::read(&vae_file)?)?;
        fs::remove_file(&vae_file)?;

        let pair = Self { subject, our_unet, candle_unet, our_vae, candle_vae };
        let name = subject.name;
        let (sample, text) = (subject.sample()?, subject.text()?);
        let ours = Output::of_burn(pair.our_step(to_burn(&sample)?, to_burn(&text)?)?)?;
        let candle = Output::of_candle(&pair.candle_unet.forward(&sample, TIMESTEP, &text)?)?;
        check(&format!("UNet, {name}: ours, candle"), &ours, &candle, UNET_LIMIT)?;

        let picture = subject.picture()?;
        let ours = pair.our_vae.encode(to_burn(&picture)?)?;
        for (moment, ours) in [(Moment::Mean, ours.mean), (Moment::LogVariance, ours.logvar)] {
            let candle = peer::encode(&vae_config, weights.clone(), moment, &picture)?;
            let what = format!("VAE, {name}, encoded {moment:?}: ours, candle");
            check(&what, &Output::of_burn(ours)?, &Output::of_candle(&candle)?, VAE_LIMIT)?;
        }
        let latents = subject.picture_latents()?;
        let ours = Output::of_burn(pair.our_vae.decode(to_burn(&latents)?)?)?;
        let candle = Output::of_candle(&pair.candle_vae.decode(&latents)?)?;
        check(&format!("VAE, {name}, decoded: ours, candle"), &ours, &candle, VAE_LIMIT)?;
        Ok(pair)
    }

    fn our_step(&self, sample: BurnTensor<4>, text: BurnTensor<3>) -> BenchResult<BurnTensor<4>> {
        Ok(self.our_unet.forward(sample, TIMESTEP, text)?)
    }

    fn time(&self, criterion: &mut Criterion) -> BenchResult {
        let Self { subject, our_unet, candle_unet, our_vae, candle_vae } = self;
        let (sample, text) = (subject.sample()?, subject.text()?);
        let (our_sample, our_text) = (to_burn::<4>(&sample)?, to_burn::<3>(&text)?);
        time(
            criterion,
            &group_name("unet", subject),
            || our_unet.forward(our_sample.clone(), TIMESTEP, our_text.clone()).expect("it ran before"),
            || candle_unet.forward(&sample, TIMESTEP, &text).expect("it ran before"),
        );
        let picture = subject.picture()?;
        let our_picture = to_burn::<4>(&picture)?;
        time(
            criterion,
            &group_name("vae_encode", subject),
            || our_vae.encode(our_picture.clone()).expect("it ran before").mean,
            || candle_vae.encode(&picture).expect("it ran before"),
        );
        let latents = subject.picture_latents()?;
        let our_latents = to_burn::<4>(&latents)?;
        time(
            criterion,
            &group_name("vae_decode", subject),
            || our_vae.decode(our_latents.clone()).expect("it ran before"),
            || candle_vae.decode(&latents).expect("it ran before"),
        );
        Ok(())
    }
}

fn group_name(what: &str, subject: &Subject) -> String {
    format!("{what}_{}", subject.name)
}

fn time<A, B>(criterion: &mut Criterion, name: &str, ours: impl Fn() -> A, candle: impl Fn() -> B) {
    let mut group = criterion.benchmark_group(name);
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5));
    group.bench_function(OURS, |b| b.iter(|| black_box(ours())));
    group.bench_function(CANDLE, |b| b.iter(|| black_box(candle())));
    group.finish();
}

fn temporary(name: &str) -> BenchResult<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(folder)?;
    Ok(folder.join(format!("candle_bench_{}_{name}.safetensors", std::process::id())))
}

fn print_table(subjects: &[&Subject], started: SystemTime) {
    println!("\n| one call, batch 1 | size | {OURS} | {CANDLE} | {CANDLE} / {OURS} |");
    println!("|---|---|---|---|---|");
    for subject in subjects {
        let Subject { latents, image, .. } = subject;
        for (what, label, size) in [
            ("unet", "step of the UNet", format!("latents of {latents}²")),
            ("vae_encode", "VAE, encode", format!("image of {image}²")),
            ("vae_decode", "VAE, decode", format!("image of {image}²")),
        ] {
            let measured = |side| estimates::measured_since(started, &[&group_name(what, subject), side]);
            if let (Some(ours), Some(candle)) = (measured(OURS), measured(CANDLE)) {
                let ratio = candle.mean / ours.mean;
                println!("| {label} | {}, {size} | {ours} | {candle} | {ratio:.2} |", subject.name);
            }
        }
    }
}

fn main() -> BenchResult {
    let started = SystemTime::now();
    if let Some(folder) = env::var_os("CANDLE_BENCH_EXPORT") {
        return recordings::export(Path::new(&folder));
    }
    let (ours, theirs) = (rayon::current_num_threads(), candle_core::utils::get_num_threads());
    if ours != theirs {
        return Err(format!("{ours} threads here and {theirs} in candle: set RAYON_NUM_THREADS").into());
    }
    let mut criterion = Criterion::default().configure_from_args();

    println!(
        "\nThe largest difference of any two numbers, as a share of the root mean square of the second side's:"
    );
    println!("\n| output: compared sides | difference | limit |\n|---|---|---|");
    recordings::compare()?;
    let mut subjects = vec![&SMALL, &MIDDLE];
    subjects.extend(env::var_os("CANDLE_BENCH_LARGE").map(|_| &LARGE));
    let pairs = subjects.iter().map(|subject| Pair::equal(subject)).collect::<BenchResult<Vec<_>>>()?;
    println!();
    for pair in &pairs {
        pair.time(&mut criterion)?;
    }
    criterion.final_summary();
    print_table(&subjects, started);
    println!("\n{}; {ours} threads for both, float32", machine::processor());
    for package in ["burn", "burn-flex", "candle-core", "candle-transformers", "gemm"] {
        print!("{package} {}; ", machine::locked_version(package));
    }
    println!("built for {}", env::consts::ARCH);
    Ok(())
}
