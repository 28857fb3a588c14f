//! Reads a `config.json` as the configuration of each network, and builds the network without weights.
#![no_main]

use std::path::Path;

use burn::tensor::Device;
use hunyuan_paint_models::{AutoencoderKlConfig, ClipTextConfig, UNet2DConditionConfig};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    let path = Path::new("config.json");
    if let Ok(config) = AutoencoderKlConfig::from_json(json.clone(), path) {
        assert!(config.spatial_factor() <= 128);
        let _ = config.init(&Device::flex());
    }
    if let Ok(config) = UNet2DConditionConfig::from_json(json.clone(), path) {
        assert!(config.num_halvings() < 8);
        let _ = config.init(&Device::flex());
    }
    if let Ok(config) = ClipTextConfig::from_json(json, path) {
        let _ = config.init(&Device::flex());
    }
});
