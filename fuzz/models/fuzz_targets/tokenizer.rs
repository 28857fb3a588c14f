//! Reads the four files of a tokenizer, and tokenizes a text.
#![no_main]

use hunyuan_paint_fuzz_models::file;
use hunyuan_paint_models::ClipTokenizer;
use libfuzzer_sys::fuzz_target;

/// The byte that separates the files.
const MARK: u8 = 0;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.split(|&byte| byte == MARK);
    let mut next = || parts.next().unwrap_or_default();
    let path = file("vocab.json", next());
    file("merges.txt", next());
    file("tokenizer_config.json", next());
    file("special_tokens_map.json", next());
    let text = String::from_utf8_lossy(next()).into_owned();
    let Some(tokenizer) = path.parent().and_then(|folder| ClipTokenizer::from_folder(folder).ok()) else {
        return;
    };
    if let Ok(ids) = tokenizer.encode(&text) {
        assert!(ids.len() >= 2);
    }
});
