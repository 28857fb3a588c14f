//! CLIP's byte-pair tokenizer.

use std::{collections::HashMap, error::Error, path::Path};

use serde_json::Value;
use tokenizers::{
    AddedToken, NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer,
    models::bpe::{BPE, Vocab},
    normalizers::{Lowercase, NFC, Replace, Sequence, replace::ReplacePattern},
    pre_tokenizers::{
        byte_level::ByteLevel,
        sequence::Sequence as PreTokenizerSequence,
        split::{Split, SplitPattern},
    },
};

use crate::{ModelError, config::read_json};

const START_OF_TEXT: &str = "<|startoftext|>";
const END_OF_TEXT: &str = "<|endoftext|>";

/// CLIP's words: contractions, runs of letters, single digits, runs of other characters.
const WORD: &str = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// transformers' `CLIPTokenizer`.
#[derive(Debug)]
pub struct ClipTokenizer {
    /// `None` if only the empty text is supported.
    tokenizer: Option<Tokenizer>,
    start_of_text: u32,
    end_of_text: u32,
    pad: u32,
    model_max_length: usize,
}

impl ClipTokenizer {
    /// Reads the published `tokenizer` folder: `vocab.json`, `merges.txt` and, if present,
    /// `tokenizer_config.json` and `special_tokens_map.json`.
    ///
    /// # Errors
    /// If a file is missing or malformed, or a special token is not in the vocabulary.
    pub fn from_folder(folder: &Path) -> Result<Self, ModelError> {
        let vocab_path = folder.join("vocab.json");
        let merges_path = folder.join("merges.txt");
        let vocab: Vocab = read_json::<HashMap<String, u32>>(&vocab_path)?.into_iter().collect();
        let merges = read_merges(&merges_path)?;
        let id = |token: &str| {
            let missing = || error(&vocab_path, format!("token '{token}' is not in the vocabulary"));
            vocab.get(token).copied().ok_or_else(missing)
        };
        let (start_of_text, end_of_text) = (id(START_OF_TEXT)?, id(END_OF_TEXT)?);

        let settings = Settings::read(folder)?;
        let pad = match &settings.pad_token {
            Some(token) => id(token)?,
            None => end_of_text,
        };

        let wrong = |source: tokenizers::Error| error(folder, source);
        let bpe = BPE::builder()
            .vocab_and_merges(vocab, merges)
            .unk_token(END_OF_TEXT.to_owned())
            .end_of_word_suffix("</w>".to_owned())
            .build()
            .map_err(wrong)?;
        let mut tokenizer = Tokenizer::new(bpe);
        let single_spaces = Replace::new(ReplacePattern::Regex(r"\s+".to_owned()), " ").map_err(wrong)?;
        tokenizer.with_normalizer(Some(Sequence::new(vec![
            NormalizerWrapper::NFC(NFC),
            NormalizerWrapper::Replace(single_spaces),
            NormalizerWrapper::Lowercase(Lowercase),
        ])));
        let pattern = SplitPattern::Regex(WORD.to_owned());
        let words = Split::new(pattern, SplitDelimiterBehavior::Removed, true).map_err(wrong)?;
        tokenizer.with_pre_tokenizer(Some(PreTokenizerSequence::new(vec![
            PreTokenizerWrapper::Split(words),
            PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, false)),
        ])));
        // These are always whole tokens in a text, even a padding token like SD 2.1's "!".
        let special = [Some(START_OF_TEXT), Some(END_OF_TEXT), settings.pad_token.as_deref()];
        let special: Vec<AddedToken> =
            special.into_iter().flatten().map(|token| AddedToken::from(token, true)).collect();
        tokenizer.add_special_tokens(&special);
        let model_max_length = settings.model_max_length.unwrap_or(77);
        Ok(Self { tokenizer: Some(tokenizer), start_of_text, end_of_text, pad, model_max_length })
    }

    /// Creates a tokenizer for the empty text only, with the ids of Stable Diffusion 2.1.
    #[cfg(any(test, feature = "random-weights"))]
    pub(crate) fn of_empty_text() -> Self {
        Self { tokenizer: None, start_of_text: 49_406, end_of_text: 49_407, pad: 0, model_max_length: 77 }
    }

    /// Returns the `model_max_length` ids of a text: start, at most `model_max_length − 2` tokens,
    /// end, padding.
    ///
    /// # Errors
    /// If the text cannot be split into tokens of the vocabulary.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let wrong = |expected: &str, found: String| ModelError::input("prompt", expected, found);
        let words = match &self.tokenizer {
            Some(tokenizer) => {
                let encoding = tokenizer.encode(text, false);
                let split = "text that the tokenizer can split";
                encoding.map_err(|found| wrong(split, found.to_string()))?.get_ids().to_vec()
            }
            None if text.trim().is_empty() => Vec::new(),
            None => return Err(wrong("an empty text, because there is no tokenizer", text.to_owned())),
        };
        let mut ids = vec![self.start_of_text];
        ids.extend(words.iter().take(self.model_max_length - 2));
        ids.push(self.end_of_text);
        ids.resize(self.model_max_length, self.pad);
        Ok(ids)
    }
}

/// The settings in the two optional files.
#[derive(Default)]
struct Settings {
    pad_token: Option<String>,
    model_max_length: Option<usize>,
}

impl Settings {
    fn read(folder: &Path) -> Result<Self, ModelError> {
        let mut settings = Self::default();
        for name in ["tokenizer_config.json", "special_tokens_map.json"] {
            let path = folder.join(name);
            if !path.is_file() {
                continue;
            }
            let json: Value = read_json(&path)?;
            // As in transformers, the map overrides the configuration, unless the latter lists its
            // added tokens.
            let is_final = name == "tokenizer_config.json" && json["added_tokens_decoder"].is_object();
            // Either the token, or an object with its text.
            let pad = json["pad_token"].as_str().or_else(|| json["pad_token"]["content"].as_str());
            if let Some(pad) = pad {
                settings.pad_token = Some(pad.to_owned());
            }
            if let Some(length) = json["model_max_length"].as_u64() {
                if !(2..=1 << 16).contains(&length) {
                    let reason = format!("model_max_length: expected 2 to 65536, found {length}");
                    return Err(error(&path, reason));
                }
                settings.model_max_length = Some(length as usize);
            }
            if is_final {
                break;
            }
        }
        Ok(settings)
    }
}

fn read_merges(path: &Path) -> Result<Vec<(String, String)>, ModelError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ModelError::Io { path: path.to_owned(), source })?;
    let lines = text.lines().filter(|line| !line.starts_with("#version") && !line.is_empty());
    lines
        .map(|line| match line.split_once(' ') {
            Some((left, right)) => Ok((left.to_owned(), right.to_owned())),
            None => Err(error(path, format!("expected two tokens in each line, found '{line}'"))),
        })
        .collect()
}

fn error(path: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> ModelError {
    ModelError::Tokenizer { path: path.to_owned(), source: source.into() }
}
