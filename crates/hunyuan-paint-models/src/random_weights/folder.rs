//! A folder in the published layout with random weights: to try real loading at the true size.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use burn::{module::Module, tensor::Device};
use serde_json::{Value, json};

use super::{Weights, checkpoint};
use crate::{
    AutoencoderKlConfig, ClipTextConfig, ModelError, Precision, UNet2DConditionConfig,
    UNet2p5DConditionConfig,
    parameters::{Parameter, parameters},
    weights::{
        KeyMap,
        convert::{copy, transpose},
    },
};

/// How a weights file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WeightsFormat {
    /// `.safetensors`.
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

/// One tensor of a file, with its numbers still to be made.
pub(super) struct Entry {
    pub(super) key: String,
    /// As the file has it.
    pub(super) shape: Vec<usize>,
    weights: Weights,
    /// Linear layers lie the other way round in a file.
    is_transposed: bool,
}

impl Entry {
    pub(super) fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// The numbers' bytes, in the file's order.
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

/// Writes `hunyuan3d-delight-v2-0` and `hunyuan3d-paint-v2-0` with weights that depend on the seed alone, the same as those
/// of [`MultiviewPipeline::random`](crate::pipelines::MultiviewPipeline::random) and its sister: 12.8 GB in single
/// precision. `on_file` is told of each weights file before it is written; the
/// device is asked for shapes alone.
///
/// # Errors
/// If a file cannot be written.
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

    let delight = folder.join("hunyuan3d-delight-v2-0");
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

    let paint = folder.join("hunyuan3d-paint-v2-0");
    let networks = UNet2p5DConditionConfig::new(UNet2DConditionConfig::sd21()).init(device)?;
    let mut unet = Vec::new();
    list(&networks.multiview, KeyMap::MultiviewUNet, seed, &mut unet);
    list(&networks.reference, KeyMap::ReferenceUNet, seed, &mut unet);
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

/// Beside its place first, so that it appears whole or not at all.
fn write_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<(), ModelError> {
    let mut partial = path.as_os_str().to_owned();
    // Another process may write the same file.
    partial.push(format!(".{}.partial", std::process::id()));
    let partial = PathBuf::from(partial);
    let result = (|| {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut out = BufWriter::new(File::create(&partial)?);
        write(&mut out)?;
        out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&partial, path)
    })();
    result.map_err(|source| {
        // What is left is of no use, whether it can be removed or not.
        let _ = fs::remove_file(&partial);
        ModelError::Io { path: path.to_owned(), source }
    })
}

/// Adds a network's tensors to those of a file.
fn list<M: Module>(network: &M, keys: KeyMap, seed: u64, entries: &mut Vec<Entry>) {
    entries.extend(parameters(network).into_iter().map(|Parameter { path, mut shape, is_transposed }| {
        let weights = Weights::new(seed, &path, shape.clone());
        if is_transposed {
            shape.reverse();
        }
        Entry { key: keys.file_key(&path.join(".")), shape, weights, is_transposed }
    }));
}

/// Both networks of a small paint model in a temporary file, and what they are.
#[cfg(test)]
pub(crate) fn write_small_networks(
    name: &str,
    format: WeightsFormat,
    precision: Precision,
    seed: u64,
) -> Result<(UNet2p5DConditionConfig, PathBuf), ModelError> {
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
    let networks = config.init(&Device::flex())?;
    let mut entries = Vec::new();
    list(&networks.multiview, KeyMap::MultiviewUNet, seed, &mut entries);
    list(&networks.reference, KeyMap::ReferenceUNet, seed, &mut entries);
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
    use crate::LoadOptions;

    /// Both networks of a small paint model, written in a format and read again, predict what those made in memory do.
    fn survives(format: WeightsFormat, precision: Precision) -> Result<(), Box<dyn Error>> {
        let device = Device::flex();
        let (config, file) = write_small_networks("survives", format, precision, 5)?;
        let options = LoadOptions::new(device.clone()).with_precision(precision);
        let loaded = config.load(&file, options.clone());
        fs::remove_file(&file)?;
        let loaded = loaded?;
        let latents = Tensor::<4>::ones([1, 4, 8, 8], &device);
        let seen = loaded.reference.encode_references(latents.clone())?;
        let conditions = crate::ViewConditions {
            normal_latents: latents.clone(),
            position_latents: latents.clone(),
            view_indices: vec![3],
        };
        let branches = [crate::Branch::Conditional];
        let predict =
            |unet: &crate::MultiviewUNet| unet.forward(latents.clone(), 500.0, &conditions, &seen, &branches);
        let from_file = predict(&loaded.multiview)?.into_data();
        let in_memory = predict(&config.random_multiview(5, options.clone())?)?.into_data();
        assert_eq!(from_file, in_memory);
        let values = from_file.try_into_vec::<f32>()?;
        assert!(values.iter().all(|x| x.is_finite()) && values.iter().any(|x| x.abs() > 1e-3), "{values:?}");
        Ok(())
    }

    #[test]
    fn safetensors_hold_what_was_made() -> Result<(), Box<dyn Error>> {
        survives(WeightsFormat::Safetensors, Precision::F32)?;
        survives(WeightsFormat::Safetensors, Precision::F16)
    }

    #[test]
    fn pickled_checkpoints_hold_what_was_made() -> Result<(), Box<dyn Error>> {
        survives(WeightsFormat::Bin, Precision::F32)?;
        survives(WeightsFormat::Bin, Precision::F16)
    }
}
