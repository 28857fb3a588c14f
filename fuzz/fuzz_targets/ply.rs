//! Stanford PLY, in text and binary.
#![no_main]

use hunyuan_paint_fuzz::read;
use hunyuan_paint_mesh::MeshFormat;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| read(bytes, MeshFormat::Ply));
