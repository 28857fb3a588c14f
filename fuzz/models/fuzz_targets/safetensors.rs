//! Loads weights from a safetensors file.
#![no_main]

use hunyuan_paint_fuzz_models::load_weights;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| load_weights("weights.safetensors", bytes));
