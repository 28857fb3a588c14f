//! Wrong weights files are refused by name. Correct ones load from every format and precision.

use std::{
    collections::BTreeMap,
    error::Error,
    ops::ControlFlow,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use burn::tensor::Device;
use hunyuan_paint_models::{
    AutoencoderKlConfig, ClipTextConfig, LoadCallback, LoadOptions, ModelError, UNet2DConditionConfig,
    UNet2p5DConditionConfig,
    pipelines::{InstructPix2PixPipeline, MultiviewPipeline},
};
use hunyuan_paint_test_support::unpacked;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use tempfile::TempDir;

type TestResult = Result<(), Box<dyn Error>>;

fn cases() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../hunyuan-paint-testkit/cases")
}

/// Returns an error's message and those of its sources.
fn with_sources(error: &dyn Error) -> String {
    let sources = std::iter::successors(error.source(), |error| (*error).source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

/// A tensor of a file: data type, shape, bytes.
type Stored = (Dtype, Vec<usize>, Vec<u8>);

/// Changes the tensors of the text encoder, writes them to a new file and loads it.
fn load_changed(name: &str, change: impl FnOnce(&mut BTreeMap<String, Stored>)) -> Result<(), ModelError> {
    let case = cases().join("clip_text");
    let write = || -> Result<(TempDir, PathBuf), Box<dyn Error>> {
        let bytes = std::fs::read(unpacked(case.join("weights.safetensors"))?)?;
        let mut tensors: BTreeMap<String, Stored> = SafeTensors::deserialize(&bytes)?
            .tensors()
            .into_iter()
            .map(|(key, view)| (key, (view.dtype(), view.shape().to_vec(), view.data().to_vec())))
            .collect();
        change(&mut tensors);
        let views = tensors
            .iter()
            .map(|(key, (dtype, shape, data))| Ok((key, TensorView::new(*dtype, shape.clone(), data)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
        let folder = TempDir::new()?;
        let path = folder.path().join(name);
        std::fs::write(&path, safetensors::serialize(views, None)?)?;
        Ok((folder, path))
    };
    let (_folder, path) = write().map_err(|error| ModelError::Io {
        path: name.into(),
        source: std::io::Error::other(error.to_string()),
    })?;
    ClipTextConfig::read(&case.join("config.json"))?.load(&path, &Device::flex()).map(drop)
}

const KEY: &str = "text_model.encoder.layers.1.layer_norm2.weight";

#[test]
fn unchanged_weights_load() -> TestResult {
    Ok(load_changed("unchanged.safetensors", |_| {})?)
}

#[test]
fn loading_reports_progress() -> TestResult {
    let case = cases().join("clip_text");
    let file = unpacked(case.join("weights.safetensors"))?;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let callback = LoadCallback::new({
        let seen = seen.clone();
        move |progress| {
            seen.lock().unwrap_or_else(PoisonError::into_inner).push((progress.bytes, progress.total));
            ControlFlow::Continue(())
        }
    });
    let options = LoadOptions::new(Device::flex()).with_on_load(callback);
    ClipTextConfig::read(&case.join("config.json"))?.load(&file, options)?;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(seen.len() > 10 && seen.is_sorted());
    let stored: usize =
        SafeTensors::deserialize(&std::fs::read(&file)?)?.tensors().iter().map(|(_, t)| t.data().len()).sum();
    assert_eq!(seen.last(), Some(&(stored as u64, stored as u64)));
    Ok(())
}

#[test]
fn loading_can_be_cancelled() -> TestResult {
    let case = cases().join("clip_text");
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let callback = LoadCallback::new(move |_| {
        // The third of many tensors.
        if count.fetch_add(1, Ordering::Relaxed) == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let options = LoadOptions::new(Device::flex()).with_on_load(callback);
    let result = ClipTextConfig::read(&case.join("config.json"))?
        .load(&unpacked(case.join("weights.safetensors"))?, options);
    assert!(matches!(result, Err(ModelError::Cancelled)));
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    Ok(())
}

#[test]
fn a_missing_key_is_named_as_in_the_file() {
    let result = load_changed("missing.safetensors", |tensors| {
        tensors.remove(KEY);
    });
    let message = result.map_err(|error| error.to_string());
    assert!(message.is_err_and(|m| m.contains("missing.safetensors") && m.contains(KEY)));
}

#[test]
fn an_unused_key_is_named() {
    let result = load_changed("unused.safetensors", |tensors| {
        let tensor = tensors[KEY].clone();
        tensors.insert("text_model.extra.weight".to_owned(), tensor);
    });
    let message = result.map_err(|error| error.to_string());
    assert!(
        message.is_err_and(|m| m.contains("unused.safetensors") && m.contains("text_model.extra.weight"))
    );
}

#[test]
fn a_wrong_shape_is_named_with_both_shapes() {
    let result = load_changed("shape.safetensors", |tensors| {
        tensors.insert(KEY.to_owned(), (Dtype::F16, vec![16], vec![0; 32]));
    });
    assert!(matches!(
        result,
        Err(ModelError::WrongShape { key, expected, found, .. })
            if key == KEY && expected == [32] && found == [16]
    ));
}

#[test]
fn the_shape_of_a_linear_layer_is_reported_as_in_the_file() {
    let key = "text_model.encoder.layers.0.mlp.fc1.weight";
    let result = load_changed("linear.safetensors", |tensors| {
        tensors.insert(key.to_owned(), (Dtype::F16, vec![60, 32], vec![0; 60 * 32 * 2]));
    });
    assert!(matches!(
        result,
        Err(ModelError::WrongShape { key: found_key, expected, found, .. })
            if found_key == key && expected == [64, 32] && found == [60, 32]
    ));
}

#[test]
fn a_buffer_of_older_versions_is_ignored() -> TestResult {
    Ok(load_changed("positions.safetensors", |tensors| {
        let ids = (0..77_i64).flat_map(i64::to_le_bytes).collect();
        tensors.insert("text_model.embeddings.position_ids".to_owned(), (Dtype::I64, vec![1, 77], ids));
    })?)
}

#[test]
fn f32_and_bf16_weights_give_the_same_output() -> TestResult {
    let case = cases().join("clip_text");
    let bytes = std::fs::read(unpacked(case.join("weights.safetensors"))?)?;
    let tensors = SafeTensors::deserialize(&bytes)?;
    let config = ClipTextConfig::read(&case.join("config.json"))?;
    let device = Device::flex();
    let mut outputs = Vec::new();
    // Truncated to bfloat16 first, so that both types can hold the values.
    let folder = TempDir::new()?;
    for dtype in [Dtype::F32, Dtype::BF16] {
        let data: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
            .tensors()
            .into_iter()
            .map(|(key, view)| {
                let halves = view.data().as_chunks::<2>().0;
                let truncated = halves.iter().map(|&b| f16_to_f32(u16::from_le_bytes(b)).to_bits() >> 16);
                let bytes = match dtype {
                    Dtype::F32 => truncated.flat_map(|bits| (bits << 16).to_le_bytes()).collect(),
                    _ => truncated.flat_map(|bits| (bits as u16).to_le_bytes()).collect(),
                };
                (key, view.shape().to_vec(), bytes)
            })
            .collect();
        let views = data
            .iter()
            .map(|(key, shape, bytes)| Ok((key, TensorView::new(dtype, shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
        let path = folder.path().join(format!("{dtype:?}.safetensors"));
        std::fs::write(&path, safetensors::serialize(views, None)?)?;
        let model = config.load(&path, &device)?;
        outputs.push(model.forward(&[vec![510, 3, 5, 511]], &device)?.into_data());
    }
    assert_eq!(outputs[0], outputs[1]);
    Ok(())
}

/// Converts normal numbers and zero. The weights have no others.
fn f16_to_f32(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023) / 1024.0);
    match exponent {
        0 => sign * fraction * 2_f32.powi(-14),
        _ => sign * (1.0 + fraction) * 2_f32.powi(exponent - 15),
    }
}

#[test]
fn truncated_files_are_named() -> TestResult {
    let device = Device::flex();
    let clip = cases().join("clip_text");
    let paint = cases().join("model_tiny/hunyuan3d-paint-v2-0/unet");
    let clip_config = ClipTextConfig::read(&clip.join("config.json"))?;
    let paint_config = UNet2p5DConditionConfig::read(&paint.join("config.json"))?;
    let safetensors = std::fs::read(unpacked(clip.join("weights.safetensors"))?)?;
    let pickled = std::fs::read(paint.join("diffusion_pytorch_model.bin"))?;
    let folder = TempDir::new()?;
    for percent in [0, 1, 5, 50, 90, 99] {
        for (extension, bytes) in [("safetensors", &safetensors), ("bin", &pickled)] {
            let path = folder.path().join(format!("cut-{percent}.{extension}"));
            std::fs::write(&path, &bytes[..bytes.len() * percent / 100])?;
            let result = match extension {
                "bin" => paint_config.load_multiview(&path, &device).map(drop),
                _ => clip_config.load(&path, &device).map(drop),
            };
            let message = result.map_err(|error| error.to_string());
            let name = format!("cut-{percent}.{extension}");
            assert!(message.as_ref().is_err_and(|m| m.contains(&name)), "{name}: {message:?}");
            // Half of a safetensors file has the whole header. An archive's directory is at its
            // end.
            if extension == "safetensors" && percent >= 50 {
                assert!(message.is_err_and(|m| m.contains("key 'text_model.")), "{name} names no key");
            }
        }
    }
    Ok(())
}

#[test]
fn headers_and_files_of_wrong_length_are_refused() -> TestResult {
    let clip = cases().join("clip_text");
    let config = ClipTextConfig::read(&clip.join("config.json"))?;
    let right = std::fs::read(unpacked(clip.join("weights.safetensors"))?)?;
    let mut long_header = right.clone();
    long_header[..8].copy_from_slice(&100_000_001_u64.to_le_bytes());
    let longer = [&right[..], b"more"].concat();
    let folder = TempDir::new()?;
    for (name, bytes, reason) in [
        ("long-header.safetensors", &long_header, "100000001"),
        ("longer.safetensors", &longer, "4 bytes after"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes)?;
        let result = config.load(&path, &Device::flex());
        let message = result.map(drop).map_err(|error| with_sources(&error));
        assert!(message.as_ref().is_err_and(|m| m.contains(name) && m.contains(reason)), "{message:?}");
    }
    Ok(())
}

#[test]
fn an_unsupported_configuration_is_named() -> TestResult {
    let path = PathBuf::from("unet/config.json");
    for (json, field) in [
        (serde_json::json!({"act_fn": "gelu"}), "act_fn"),
        (serde_json::json!({"class_embed_type": "timestep"}), "class_embed_type"),
        (serde_json::json!({"norm_num_groups": 0}), "norm_num_groups"),
        (serde_json::json!({"block_out_channels": [32, 48, 64, 60]}), "block_out_channels"),
        (serde_json::json!({"attention_head_dim": [5, 10]}), "attention_head_dim"),
        (serde_json::json!({"attention_head_dim": 7}), "attention_head_dim"),
        (serde_json::json!({"up_block_types": ["UpBlock2D"]}), "up_block_types"),
        (serde_json::json!({"layers_per_block": 0}), "layers_per_block"),
        (serde_json::json!({"layers_per_block": 4096}), "layers_per_block"),
        (serde_json::json!({"transformer_layers_per_block": [1, 1, 1, 33]}), "transformer_layers_per_block"),
        (serde_json::json!({"down_block_types": ["SkipDownBlock2D"]}), "SkipDownBlock2D"),
        (serde_json::json!({"in_channels": -4}), "in"),
    ] {
        let message = UNet2DConditionConfig::from_json(json, &path).map_err(|error| with_sources(&error));
        assert!(message.is_err_and(|m| m.contains(field) && m.contains("config.json")), "{field}");
    }
    UNet2DConditionConfig::from_json(serde_json::json!({}), &path)?;
    // Networks are built before their weights are found, so a million layers are refused.
    let text = ClipTextConfig::from_json(serde_json::json!({"num_hidden_layers": 1 << 20}), &path);
    assert!(text.is_err_and(|error| error.to_string().contains("num_hidden_layers")));
    let autoencoder = AutoencoderKlConfig::from_json(serde_json::json!({"layers_per_block": 4096}), &path);
    assert!(autoencoder.is_err_and(|error| error.to_string().contains("layers_per_block")));
    Ok(())
}

#[test]
fn a_missing_folder_is_named() {
    let folder = cases().join("no_such_model");
    let device = Device::flex();
    let delight = InstructPix2PixPipeline::from_pretrained(&folder, &device).map(|_| ());
    let paint = MultiviewPipeline::from_pretrained(&folder, &device).map(|_| ());
    for result in [delight, paint] {
        assert!(matches!(result, Err(ModelError::Io { path, .. }) if path == folder));
    }
}
