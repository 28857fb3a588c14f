//! Model folders in the published layout with random weights, for measuring how long loading takes.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

use burn::{module::Module, tensor::Device};
use serde_json::{Value, json};

use super::{Weights, checkpoint};
use crate::{
    AutoencoderKlConfig, ClipTextConfig, ModelError, Precision, UNet2DConditionConfig,
    UNet2p5DConditionConfig, folders,
    parameters::{Parameter, parameters},
    weights::{
        KeyMap,
        convert::{copy, transpose},
    },
};

/// The format of a weights file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(docsrs, doc(cfg(feature = "random-weights")))]
pub enum WeightsFormat {
    /// A safetensors file, `.safetensors`.
    Safetensors,
    /// A pickled PyTorch checkpoint, `.bin`.
    Bin,
}

impl WeightsFormat {
    fn extension(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Bin => "bin",
        }
    }
}

/// One tensor of a file. Its numbers are generated when it is written.
pub(super) struct Entry {
    pub(super) key: String,
    /// The shape in the file.
    pub(super) shape: Vec<usize>,
    weights: Weights,
    /// Whether the file stores the transpose of the module's weight.
    is_transposed: bool,
}

impl Entry {
    pub(super) fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Generates the bytes of the numbers, in the file's order.
    pub(super) fn bytes(&self, precision: Precision) -> Vec<u8> {
        let mut values = self.weights.values();
        if self.is_transposed {
            values = transpose(&values, self.shape[0], copy);
        }
        match precision {
            Precision::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Precision::F16 => {
                values.iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()).collect()
            }
        }
    }
}

/// Writes the folders `hunyuan3d-delight-v2-0` and `hunyuan3d-paint-v2-0` with random weights: 12.8
/// GB in single precision. The weights depend on the seed alone, and equal those of
/// [`MultiviewPipeline::random`](crate::pipelines::MultiviewPipeline::random) and
/// [`InstructPix2PixPipeline::random`](crate::pipelines::InstructPix2PixPipeline::random).
///
/// `on_file` is called before each weights file is written. Nothing is computed on `device`.
///
/// # Errors
/// If a file cannot be written.
#[cfg_attr(docsrs, doc(cfg(feature = "random-weights")))]
pub fn write_random_weights(
    folder: &Path,
    format: WeightsFormat,
    precision: Precision,
    seed: u64,
    device: &Device,
    on_file: &mut dyn FnMut(&Path),
) -> Result<(), ModelError> {
    let vae_config = AutoencoderKlConfig::sd21();
    let mut vae = Vec::new();
    list(&vae_config.init(device)?, KeyMap::Diffusers, seed, &mut vae);

    let delight = folder.join(folders::DELIGHT_FOLDER);
    let unet_config = UNet2DConditionConfig { in_channels: 8, ..UNet2DConditionConfig::sd21() };
    let mut unet = Vec::new();
    list(&unet_config.init(device)?, KeyMap::Diffusers, seed, &mut unet);
    let mut text = Vec::new();
    list(&ClipTextConfig::sd21().init(device)?, KeyMap::Diffusers, seed, &mut text);
    let mut write = |path: &Path, name: &str, config: Value, entries: &[Entry]| {
        write_json(&path.join("config.json"), &config)?;
        let file = path.join(format!("{name}.{}", format.extension()));
        on_file(&file);
        write_file(&file, |out| match format {
            WeightsFormat::Safetensors => checkpoint::write_safetensors(out, entries, precision),
            WeightsFormat::Bin => checkpoint::write_bin(out, entries, precision),
        })
    };
    const WEIGHTS: &str = "diffusion_pytorch_model";
    write(&delight.join("unet"), WEIGHTS, unet_json(8), &unet)?;
    write(&delight.join("vae"), WEIGHTS, vae_json(), &vae)?;
    let text_name = if format == WeightsFormat::Bin { "pytorch_model" } else { "model" };
    write(&delight.join("text_encoder"), text_name, text_json(), &text)?;
    let tokenizer = delight.join("tokenizer");
    write_json(
        &tokenizer.join("vocab.json"),
        &json!({"!": 0, "<|startoftext|>": 49_406, "<|endoftext|>": 49_407}),
    )?;
    write_json(&tokenizer.join("special_tokens_map.json"), &json!({"pad_token": "!"}))?;
    write_file(&tokenizer.join("merges.txt"), |out| out.write_all(b"#version: 0.2\n"))?;
    write_json(&delight.join("scheduler/scheduler_config.json"), &scheduler_json("leading", false))?;

    let paint = folder.join(folders::PAINT_FOLDER);
    let config = UNet2p5DConditionConfig::new(UNet2DConditionConfig::sd21());
    let unet = list_both(&config, seed, device)?;
    write(&paint.join("unet"), WEIGHTS, unet_json(4), &unet)?;
    write(&paint.join("vae"), WEIGHTS, vae_json(), &vae)?;
    write_json(&paint.join("scheduler/scheduler_config.json"), &scheduler_json("trailing", true))
}

fn unet_json(in_channels: usize) -> Value {
    json!({
        "_class_name": "UNet2DConditionModel",
        "in_channels": in_channels,
        "sample_size": 64,
        "cross_attention_dim": 1024,
        "attention_head_dim": [5, 10, 20, 20],
        "use_linear_projection": true,
    })
}

fn vae_json() -> Value {
    json!({
        "_class_name": "AutoencoderKL",
        "down_block_types": vec!["DownEncoderBlock2D"; 4],
        "up_block_types": vec!["UpDecoderBlock2D"; 4],
        "block_out_channels": [128, 256, 512, 512],
        "layers_per_block": 2,
    })
}

fn text_json() -> Value {
    json!({
        "model_type": "clip_text_model",
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 23,
        "num_attention_heads": 16,
        "hidden_act": "gelu",
    })
}

fn scheduler_json(timestep_spacing: &str, zero_snr: bool) -> Value {
    json!({
        "_class_name": "DDIMScheduler",
        "num_train_timesteps": 1000,
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "prediction_type": "v_prediction",
        "steps_offset": 1,
        "set_alpha_to_one": zero_snr,
        "rescale_betas_zero_snr": zero_snr,
        "timestep_spacing": timestep_spacing,
    })
}

fn write_json(path: &Path, json: &Value) -> Result<(), ModelError> {
    write_file(path, |out| out.write_all(json.to_string().as_bytes()))
}

/// Replaces a file atomically.
fn write_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> std::io::Result<()>,
) -> Result<(), ModelError> {
    let replace = || {
        let folder = path.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(folder)?;
        // `File::create_new` gives the file the usual permissions.
        let staged = tempfile::Builder::new()
            .prefix(".")
            .suffix(".partial")
            .make_in(folder, |staged| File::create_new(staged))?;
        let mut out = BufWriter::new(staged.as_file());
        write(&mut out)?;
        out.flush()?;
        drop(out);
        staged.as_file().sync_all()?;
        staged.persist(path)?;
        Ok(())
    };
    replace().map_err(|source| ModelError::Io { path: path.to_owned(), source })
}

/// Returns the tensors of both networks of a paint model.
fn list_both(config: &UNet2p5DConditionConfig, seed: u64, device: &Device) -> Result<Vec<Entry>, ModelError> {
    let mut entries = Vec::new();
    list(&config.init_multiview(device)?, KeyMap::MultiviewUNet, seed, &mut entries);
    list(&config.init_reference(device)?, KeyMap::ReferenceUNet, seed, &mut entries);
    Ok(entries)
}

/// Appends a network's tensors to those of a file.
fn list<M: Module>(network: &M, keys: KeyMap, seed: u64, entries: &mut Vec<Entry>) {
    entries.extend(parameters(network).into_iter().map(|Parameter { path, mut shape, is_transposed }| {
        let weights = Weights::new(seed, &path, shape.clone());
        if is_transposed {
            shape.reverse();
        }
        Entry { key: keys.file_key(&path.join(".")), shape, weights, is_transposed }
    }));
}

/// Writes both networks of a small paint model to a temporary file. Returns their configuration and
/// the file.
#[cfg(test)]
pub(crate) fn write_small_networks(
    name: &str,
    format: WeightsFormat,
    precision: Precision,
    seed: u64,
) -> Result<(UNet2p5DConditionConfig, std::path::PathBuf), ModelError> {
    let unet = UNet2DConditionConfig {
        block_out_channels: vec![8, 16, 16, 16],
        layers_per_block: crate::PerBlock::All(1),
        cross_attention_dim: 8,
        attention_head_dim: crate::PerBlock::All(2),
        norm_num_groups: 4,
        use_linear_projection: true,
        ..UNet2DConditionConfig::default()
    };
    let config = UNet2p5DConditionConfig::new(unet);
    let entries = list_both(&config, seed, &Device::flex())?;
    let name = format!("hunyuan-paint-{name}-{}-{precision}.{}", std::process::id(), format.extension());
    let file = std::env::temp_dir().join(name);
    write_file(&file, |out| match format {
        WeightsFormat::Safetensors => checkpoint::write_safetensors(out, &entries, precision),
        WeightsFormat::Bin => checkpoint::write_bin(out, &entries, precision),
    })?;
    Ok((config, file))
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use burn::tensor::Tensor;

    use super::*;
    use crate::{LoadOptions, random_weights::randomize};

    /// Checks that both networks of a small paint model predict the same from a file as from
    /// memory.
    fn check_round_trip(format: WeightsFormat, precision: Precision) -> Result<(), Box<dyn Error>> {
        let device = Device::flex();
        let (config, file) = write_small_networks("round-trip", format, precision, 5)?;
        let options = LoadOptions::new(device.clone()).with_precision(precision);
        let multiview = config.load_multiview(&file, options.clone());
        let reference = config.load_reference(&file, options);
        fs::remove_file(&file)?;
        let (multiview, reference) = (multiview?, reference?);
        let latents = Tensor::<4>::ones([1, 4, 8, 8], &device);
        let conditions = crate::ViewConditions {
            normal_latents: latents.clone(),
            position_latents: latents.clone(),
            view_indices: vec![3],
        };
        let predict = |unet: &crate::MultiviewUNet, reference: &crate::ReferenceUNet| {
            let features = reference.encode_references(latents.clone())?;
            let branches = [crate::Branch::Conditional];
            let prediction = unet.forward(latents.clone(), 500.0, &conditions, &features, &branches)?;
            Ok::<_, ModelError>(prediction.into_data())
        };
        let from_file = predict(&multiview, &reference)?;
        let multiview = randomize(config.init_multiview(&device)?, 5, precision)?;
        let reference = randomize(config.init_reference(&device)?, 5, precision)?;
        assert_eq!(from_file, predict(&multiview, &reference)?);
        let values = from_file.try_into_vec::<f32>()?;
        assert!(values.iter().all(|x| x.is_finite()) && values.iter().any(|x| x.abs() > 1e-3), "{values:?}");
        Ok(())
    }

    #[test]
    fn safetensors_files_are_read_back() -> Result<(), Box<dyn Error>> {
        check_round_trip(WeightsFormat::Safetensors, Precision::F32)?;
        check_round_trip(WeightsFormat::Safetensors, Precision::F16)
    }

    #[test]
    fn pickled_files_are_read_back() -> Result<(), Box<dyn Error>> {
        check_round_trip(WeightsFormat::Bin, Precision::F32)?;
        check_round_trip(WeightsFormat::Bin, Precision::F16)
    }
}
