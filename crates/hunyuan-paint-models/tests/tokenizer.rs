//! Compares the tokenizer with ids of transformers' `CLIPTokenizer` for the same vocabulary.

use std::{collections::BTreeMap, error::Error};

use hunyuan_paint_models::{ClipTokenizer, ModelError};
use tempfile::TempDir;

const MERGES: &[&str] = &[
    "s h",
    "a d",
    "sh ad",
    "o w",
    "shad ow",
    "shadow s</w>",
    "t h",
    "th e</w>",
    "r e",
    "m o",
    "re mo",
    "v e</w>",
    "remo ve</w>",
    "i t</w>",
    "' s</w>",
    "a b",
    "e s",
    "t es",
    "tes t</w>",
    "Ã ©</w>",
];

/// Returns the characters that represent the 256 bytes. Printable ones represent themselves, the
/// others are U+0100 and following.
fn byte_characters() -> Vec<String> {
    let printable = |byte: &u32| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let others = (0..256).filter(|byte| !printable(byte)).enumerate().map(|(i, _)| 256 + i as u32);
    (0..256).filter(printable).chain(others).filter_map(char::from_u32).map(String::from).collect()
}

/// Writes a tokenizer folder with a small vocabulary.
fn write_folder(merges: &str) -> Result<TempDir, Box<dyn Error>> {
    let temporary = TempDir::new()?;
    let folder = temporary.path();
    let bytes = byte_characters();
    let mut tokens = bytes.clone();
    tokens.extend(bytes.iter().map(|b| format!("{b}</w>")));
    tokens.extend(MERGES.iter().map(|merge| merge.replace(' ', "")));
    tokens.extend(["<|startoftext|>", "<|endoftext|>"].map(str::to_owned));
    let vocab: BTreeMap<&String, usize> = tokens.iter().enumerate().map(|(i, token)| (token, i)).collect();
    std::fs::write(folder.join("vocab.json"), serde_json::to_vec(&vocab)?)?;
    std::fs::write(folder.join("merges.txt"), format!("#version: 0.2\n{merges}\n"))?;
    std::fs::write(folder.join("tokenizer_config.json"), r#"{"pad_token": "!", "model_max_length": 20}"#)?;
    Ok(temporary)
}

#[test]
fn ids_equal_those_of_transformers() -> Result<(), Box<dyn Error>> {
    let folder = write_folder(&MERGES.join("\n"))?;
    let tokenizer = ClipTokenizer::from_folder(folder.path())?;
    for (text, tokens) in [
        ("", &[][..]),
        ("remove the shadows", &[524, 519, 517]),
        ("It's  A\tTEST 12!", &[525, 526, 320, 530, 272, 273, 0]),
        ("café shadows?!", &[66, 64, 69, 531, 517, 286, 0]),
        ("the the the the the the the the the the the the the the the the the the the the the", &[519; 18]),
        ("don't", &[67, 78, 333, 6, 339]),
        (" \n ", &[]),
        ("SHADOWS' test's", &[517, 262, 530, 526]),
    ] {
        let mut expected = vec![532];
        expected.extend(tokens);
        expected.push(533);
        expected.resize(20, 0);
        assert_eq!(tokenizer.encode(text)?, expected, "{text:?}");
    }
    Ok(())
}

/// The two files of SD 2.1 disagree.
#[test]
fn the_map_of_special_tokens_wins_unless_added_tokens_are_listed() -> Result<(), Box<dyn Error>> {
    let folder = write_folder(&MERGES.join("\n"))?;
    let path = folder.path();
    std::fs::write(path.join("special_tokens_map.json"), r#"{"pad_token": "!"}"#)?;
    let mut padding: Vec<u32> = Vec::new();
    for config in [
        r#"{"pad_token": "<|endoftext|>", "model_max_length": 20}"#,
        r#"{"pad_token": "<|endoftext|>", "model_max_length": 20, "added_tokens_decoder": {}}"#,
    ] {
        std::fs::write(path.join("tokenizer_config.json"), config)?;
        padding.extend(ClipTokenizer::from_folder(path)?.encode("")?.last());
    }
    assert_eq!(padding, [0, 533]);
    Ok(())
}

#[test]
fn a_malformed_merge_is_named() -> Result<(), Box<dyn Error>> {
    let folder = write_folder("s h\nshadow")?;
    match ClipTokenizer::from_folder(folder.path()) {
        Err(ModelError::Tokenizer { path, source }) => {
            assert!(path.ends_with("merges.txt"));
            assert!(source.to_string().contains("shadow"));
            Ok(())
        }
        other => Err(format!("{other:?}").into()),
    }
}
