//! Reads `config.json` files, and refuses unsupported values by name.

use std::path::Path;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::ModelError;

/// One value for all blocks, or one value for each block.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum PerBlock {
    /// The value of all blocks.
    All(usize),
    /// The values of the blocks, outermost first.
    Each(Vec<usize>),
}

impl PerBlock {
    /// Returns the values of `blocks` blocks. `None` if it lists another number of values.
    pub(crate) fn expand(&self, blocks: usize) -> Option<Vec<usize>> {
        match self {
            Self::All(value) => Some(vec![*value; blocks]),
            Self::Each(values) => (values.len() == blocks).then(|| values.clone()),
        }
    }
}

pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ModelError> {
    let bytes = std::fs::read(path).map_err(|source| ModelError::Io { path: path.to_owned(), source })?;
    serde_json::from_slice(&bytes).map_err(|source| ModelError::Json { path: path.to_owned(), source })
}

/// Checks that a field of a configuration is absent, null or `supported`.
pub(crate) fn require(path: &Path, json: &Value, field: &str, supported: &Value) -> Result<(), ModelError> {
    match json.get(field) {
        None | Some(Value::Null) => Ok(()),
        Some(found) if found == supported => Ok(()),
        Some(found) => Err(unsupported(path, field, supported, found)),
    }
}

pub(crate) fn unsupported(
    path: &Path,
    field: &str,
    expected: impl ToString,
    found: impl ToString,
) -> ModelError {
    ModelError::Config {
        path: path.to_owned(),
        field: field.to_owned(),
        expected: expected.to_string(),
        found: found.to_string(),
    }
}

/// The largest number of layers in a row, and of blocks in a layer. Networks are built before their
/// weights are found, so a configuration must not ask for millions of layers.
pub(crate) const LAYERS_MAX: usize = 32;

/// Checks the levels of a network: 1 to 8 levels, one block type for each, and channels that are
/// divisible into `groups`.
pub(crate) fn check_levels(
    path: &Path,
    block_out_channels: &[usize],
    groups: usize,
    block_types: [(&str, usize); 2],
) -> Result<(), ModelError> {
    let levels = block_out_channels.len();
    if levels == 0 || levels > 8 {
        return Err(unsupported(path, "block_out_channels", "1 to 8 levels", levels));
    }
    for (field, count) in block_types {
        if count != levels {
            return Err(unsupported(path, field, format!("{levels} blocks"), count));
        }
    }
    if groups == 0 {
        return Err(unsupported(path, "norm_num_groups", "at least 1", groups));
    }
    for &channels in block_out_channels {
        if channels == 0 || channels % groups != 0 || channels > 1 << 16 {
            let expected = format!("multiples of norm_num_groups ({groups}), at most 65536");
            return Err(unsupported(path, "block_out_channels", expected, channels));
        }
    }
    Ok(())
}
