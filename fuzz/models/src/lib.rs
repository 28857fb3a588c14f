//! The parts that several targets share.

use std::{path::PathBuf, sync::LazyLock};

use burn::tensor::Device;
use hunyuan_paint_models::AutoencoderKlConfig;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a temporary folder"));

/// Writes a temporary file and returns its path.
///
/// # Panics
/// If it cannot be written.
pub fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = FOLDER.path().join(name);
    std::fs::write(&path, content).expect("a temporary file can be written");
    path
}

/// Loads the weights of the smallest autoencoder.
pub fn load_weights(name: &str, content: &[u8]) {
    let config = AutoencoderKlConfig {
        in_channels: 1,
        out_channels: 1,
        block_out_channels: vec![2],
        latent_channels: 1,
        norm_num_groups: 1,
        mid_block_add_attention: false,
        use_quant_conv: false,
        use_post_quant_conv: false,
        ..AutoencoderKlConfig::default()
    };
    let _ = config.load(&file(name, content), &Device::flex());
}
