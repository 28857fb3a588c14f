//! Reading `config.json` files: what is wanted, and a clear refusal of what is not supported.

use std::path::Path;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::ModelError;

/// One value for all blocks, or one for each.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum PerBlock {
    /// The same everywhere.
    All(usize),
    /// From the outermost block to the innermost.
    Each(Vec<usize>),
}

impl PerBlock {
    /// The values of `blocks` blocks, or `None` if there is another number of them.
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

/// Refuses a configuration whose `field` is present, not null and not `supported`.
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

/// The most layers in a row, and blocks in a layer: networks are set up before it shows whether there are weights
/// for them.
pub(crate) const LAYERS_MAX: usize = 32;

/// Checks what every network with levels of channels needs: 1 to 8 levels, none empty, all divisible
/// into `groups`, one block type for each.
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
