//! A `config.json`, read as that of each network.
#![no_main]

use std::path::Path;

use hunyuan_paint_models::{AutoencoderKlConfig, ClipTextConfig, UNet2DConditionConfig};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    let path = Path::new("config.json");
    if let Ok(config) = AutoencoderKlConfig::from_json(json.clone(), path) {
        assert!(config.spatial_factor() <= 128);
    }
    if let Ok(config) = UNet2DConditionConfig::from_json(json.clone(), path) {
        assert!(config.num_halvings() < 8);
    }
    let _ = ClipTextConfig::from_json(json, path);
});
