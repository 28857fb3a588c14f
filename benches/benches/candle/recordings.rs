//! Comparison with diffusers, with the same weights.

use hunyuan_paint_test_support::unpacked;
use std::{collections::HashMap, error::Error, fs, path::Path};

use burn::tensor::Device;
use candle_core::{Tensor, safetensors};
use hunyuan_paint_models::{AutoencoderKlConfig, UNet2DConditionConfig};

use crate::{
    TIMESTEP, UNET_LIMIT, VAE_LIMIT,
    equality::{Output, check},
    peer::{self, Moment},
    subjects::{SMALL, to_burn},
    temporary, weights,
};

type Arrays = HashMap<String, Tensor>;

/// Largest difference of our networks from those of diffusers, which is rounding only.
const OUR_LIMIT: f64 = 1e-4;

/// Compares all three implementations.
pub(crate) fn compare() -> Result<(), Box<dyn Error>> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/hunyuan-paint-testkit/cases");
    autoencoder(&cases.join("autoencoder_kl"))?;
    other_groups(&cases.join("unet2d_condition"))?;
    unet()
}

/// Compares on the parity case of the autoencoder.
fn autoencoder(case: &Path) -> Result<(), Box<dyn Error>> {
    let config = AutoencoderKlConfig::read(&case.join("config.json"))?;
    let file = unpacked(case.join("weights.safetensors"))?;
    let weights = peer::read(&file)?;
    let arrays = peer::read(&unpacked(case.join("io.safetensors"))?)?;
    let ours = config.load(&file, &Device::flex())?;

    // candle gets one image at a time. In a batch of two the second result differed, for an unknown
    // reason.
    let image = array(&arrays, "in.image")?;
    let encoded = ours.encode(to_burn(image)?)?;
    for (name, moment, ours) in
        [("out.mean", Moment::Mean, encoded.mean), ("out.logvar", Moment::LogVariance, encoded.logvar)]
    {
        let candle = one_by_one(image, |image| peer::encode(&config, weights.clone(), moment, image))?;
        let what = format!("VAE, `autoencoder_kl`, {name}");
        three(&what, Output::of_burn(ours)?, &candle, array(&arrays, name)?, VAE_LIMIT)?;
    }
    let latents = array(&arrays, "in.latents")?;
    let decoded = Output::of_burn(ours.decode(to_burn(latents)?)?)?;
    let candle = peer::vae(&config, weights)?;
    let candle = one_by_one(latents, |latents| candle.decode(latents))?;
    three("VAE, `autoencoder_kl`, out.decoded", decoded, &candle, array(&arrays, "out.decoded")?, VAE_LIMIT)
}

fn one_by_one(
    batch: &Tensor,
    run: impl Fn(&Tensor) -> candle_core::Result<Tensor>,
) -> candle_core::Result<Tensor> {
    let outputs: candle_core::Result<Vec<Tensor>> =
        (0..batch.dim(0)?).map(|i| run(&batch.narrow(0, i, 1)?.contiguous()?)).collect();
    Tensor::cat(&outputs?, 0)
}

/// Reports that candle rejects the parity case of the UNet: its norms have 8 groups, but candle
/// uses 32 in the residual blocks of down and up blocks, whatever the configuration. Fails if
/// candle ever loads it, because it should be compared then.
fn other_groups(case: &Path) -> Result<(), Box<dyn Error>> {
    let config = UNet2DConditionConfig::read(&case.join("config.json"))?;
    match peer::unet(&config, peer::read(&unpacked(case.join("weights.safetensors"))?)?) {
        Ok(_) => Err("candle loads the case unet2d_condition now: compare it too".into()),
        Err(error) => {
            let error = error.to_string();
            let reason = error.lines().next().unwrap_or_default();
            println!("| UNet, `unet2d_condition`: candle refuses it: {reason} | – | – |");
            Ok(())
        }
    }
}

/// Compares with the outputs of diffusers for the small network of [`SMALL`], unmodified and with
/// tanh GELU.
fn unet() -> Result<(), Box<dyn Error>> {
    let config = SMALL.unet_config()?;
    let weights = weights::draw(5, |vs| peer::build_unet(&config, vs).map(|_| ()))?;
    let file = temporary("recorded_unet")?;
    safetensors::save(&weights, &file)?;
    let unet = config.load(&file, &Device::flex())?;
    fs::remove_file(&file)?;

    let (sample, text) = (SMALL.sample()?, SMALL.text()?);
    let ours = Output::of_burn(unet.forward(to_burn(&sample)?, TIMESTEP, to_burn(&text)?)?)?;
    let candle = peer::unet(&config, weights)?.forward(&sample, TIMESTEP, &text)?;
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/candle/recorded_unet.safetensors");
    let recorded = peer::read(&recorded)?;
    three("UNet, small", ours.clone(), &candle, array(&recorded, "exact")?, UNET_LIMIT)?;

    // With tanh GELU candle agrees up to rounding.
    let approximated = Output::of_candle(array(&recorded, "tanh")?)?;
    let candle = Output::of_candle(&candle)?;
    check("UNet, small: candle, diffusers with GELU by tanh", &candle, &approximated, OUR_LIMIT)
}

fn three(
    what: &str,
    ours: Output,
    candle: &Tensor,
    recorded: &Tensor,
    limit: f64,
) -> Result<(), Box<dyn Error>> {
    let (candle, recorded) = (Output::of_candle(candle)?, Output::of_candle(recorded)?);
    check(&format!("{what}: ours, diffusers"), &ours, &recorded, OUR_LIMIT)?;
    check(&format!("{what}: candle, diffusers"), &candle, &recorded, limit)?;
    check(&format!("{what}: ours, candle"), &ours, &candle, limit)
}

fn array<'a>(arrays: &'a Arrays, name: &str) -> Result<&'a Tensor, Box<dyn Error>> {
    arrays.get(name).ok_or_else(|| format!("no array {name} in the recording").into())
}

/// Writes the inputs of `record.py`.
pub(crate) fn export(folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let config = SMALL.unet_config()?;
    let weights = weights::draw(5, |vs| peer::build_unet(&config, vs).map(|_| ()))?;
    safetensors::save(&weights, folder.join("diffusion_pytorch_model.safetensors"))?;
    fs::write(folder.join("config.json"), serde_json::to_string_pretty(&SMALL.unet_json())?)?;
    let timestep = Tensor::new(&[TIMESTEP as f32], &candle_core::Device::Cpu)?;
    let inputs = HashMap::from([
        ("sample", SMALL.sample()?),
        ("encoder_hidden_states", SMALL.text()?),
        ("timestep", timestep),
    ]);
    Ok(safetensors::save(&inputs, folder.join("inputs.safetensors"))?)
}
