//! The report about a model folder.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use hunyuan_paint::{DELIGHT_FOLDER, Variant, hub::ModelFolder};
use serde::Serialize;
use serde_json::Value;

use super::{Problem, is_usable, write_problems};
use crate::error::CliError;

#[derive(Debug, Serialize)]
pub(crate) struct ModelReport {
    kind: &'static str,
    path: PathBuf,
    models: Vec<Model>,
    /// Whether there is a paint model that has every file.
    pub(crate) usable: bool,
    problems: Vec<Problem>,
}

/// A model folder of the published layout.
#[derive(Debug, Serialize)]
struct Model {
    name: String,
    found: bool,
    files: Vec<ModelFile>,
    bytes: u64,
    missing: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ModelFile {
    /// The path below the folder that was asked about.
    path: String,
    bytes: u64,
    /// Of a weights file.
    weights: Option<Weights>,
}

#[derive(Debug, Serialize)]
struct Weights {
    format: &'static str,
    /// Number of parameters in each data type; empty if the format does not tell without being loaded.
    parameters: BTreeMap<String, u64>,
}

impl ModelReport {
    pub(crate) fn new(path: &Path) -> Result<Self, CliError> {
        let mut problems = Vec::new();
        let variants = Variant::ALL.iter().map(|variant| ModelFolder::multiview(variant.folder_name()));
        let folders = variants.chain([ModelFolder::instruct_pix2pix(DELIGHT_FOLDER)]);
        let models: Vec<Model> =
            folders.map(|folder| Model::new(path, &folder, &mut problems)).collect::<Result<_, _>>()?;
        let is_complete = |model: &Model| model.found && model.missing.is_empty();
        let has_paint_model = models.iter().any(|model| model.name != DELIGHT_FOLDER && is_complete(model));
        if !has_paint_model {
            let names: Vec<_> = Variant::ALL.iter().map(|variant| variant.folder_name()).collect();
            problems
                .push(Problem::error(format!("no complete paint model: expected {}", names.join(" or "))));
        }
        if models.iter().any(|model| model.name == DELIGHT_FOLDER && !model.found) {
            let message = format!("no delight model {DELIGHT_FOLDER}: only `paint --no-delight` works");
            problems.push(Problem::warning(message));
        }
        Ok(Self { kind: "model", path: path.to_owned(), models, usable: is_usable(&problems), problems })
    }
}

impl Model {
    fn new(root: &Path, folder: &ModelFolder<'_>, problems: &mut Vec<Problem>) -> Result<Self, CliError> {
        let found = root.join(folder.name).is_dir();
        let mut model =
            Self { name: folder.name.to_owned(), found, files: Vec::new(), bytes: 0, missing: Vec::new() };
        if !found {
            return Ok(model);
        }
        let selection = folder.select(|path| root.join(path).is_file());
        model.missing = selection.missing;
        if !model.missing.is_empty() {
            problems.push(Problem::error(format!("missing: {}", model.missing.join(", "))));
        }
        for path in selection.files {
            let file = ModelFile::new(root, path, problems)?;
            model.bytes += file.bytes;
            model.files.push(file);
        }
        Ok(model)
    }
}

impl ModelFile {
    fn new(root: &Path, path: String, problems: &mut Vec<Problem>) -> Result<Self, CliError> {
        let full = root.join(&path);
        let bytes = fs::metadata(&full).map_err(|error| CliError::input(&full, error))?.len();
        let weights = match full.extension().and_then(|extension| extension.to_str()) {
            Some("safetensors") => {
                let parameters = safetensors_parameters(&full, bytes).unwrap_or_else(|reason| {
                    problems.push(Problem::error(format!("{path}: {reason}")));
                    BTreeMap::new()
                });
                Some(Weights { format: "safetensors", parameters })
            }
            Some("bin") => Some(Weights { format: "pickle", parameters: BTreeMap::new() }),
            _ => None,
        };
        if weights.is_none() && path.ends_with(".json") {
            let text = fs::read(&full).map_err(|error| CliError::input(&full, error))?;
            if let Err(error) = serde_json::from_slice::<Value>(&text) {
                problems.push(Problem::error(format!("{path}: not JSON: {error}")));
            }
        }
        Ok(Self { path, bytes, weights })
    }
}

/// The longest header that is read; the format allows no more.
const HEADER_BYTES_MAX: u64 = 100_000_000;

/// Reads the header of a safetensors file, and checks that the file is as long as it says.
fn safetensors_parameters(path: &Path, file_bytes: u64) -> Result<BTreeMap<String, u64>, String> {
    let read = || -> std::io::Result<Option<Vec<u8>>> {
        let mut file = File::open(path)?;
        let mut length = [0; 8];
        file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > HEADER_BYTES_MAX.min(file_bytes) {
            return Ok(None);
        }
        let mut header = Vec::new();
        file.take(length).read_to_end(&mut header)?;
        Ok(Some(header))
    };
    let header = read().map_err(|error| error.to_string())?.ok_or("its header is longer than the file")?;
    let tensors: BTreeMap<String, Value> =
        serde_json::from_slice(&header).map_err(|error| format!("its header is not JSON: {error}"))?;
    let mut parameters = BTreeMap::new();
    let mut end = 0;
    for (name, tensor) in tensors.iter().filter(|(name, _)| *name != "__metadata__") {
        let malformed = || format!("tensor '{name}' has no dtype, shape or data_offsets");
        let dtype = tensor["dtype"].as_str().ok_or_else(malformed)?;
        let shape = tensor["shape"].as_array().ok_or_else(malformed)?;
        let sizes: Option<Vec<u64>> = shape.iter().map(Value::as_u64).collect();
        let count = sizes.ok_or_else(malformed)?.into_iter().try_fold(1_u64, u64::checked_mul);
        *parameters.entry(dtype.to_owned()).or_insert(0) += count.ok_or_else(malformed)?;
        end = end.max(tensor["data_offsets"][1].as_u64().ok_or_else(malformed)?);
    }
    let expected = (8 + header.len() as u64).saturating_add(end);
    if expected != file_bytes {
        return Err(format!("expected {expected} bytes, found {file_bytes}"));
    }
    Ok(parameters)
}

impl fmt::Display for ModelReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "model folder {}", self.path.display())?;
        for model in &self.models {
            if !model.found {
                writeln!(f, "{}: not there", model.name)?;
                continue;
            }
            writeln!(f, "{}: {:.1} MB", model.name, model.bytes as f64 / 1e6)?;
            for file in &model.files {
                write!(f, "  {:<70} {:>9.3} MB", file.path, file.bytes as f64 / 1e6)?;
                if let Some(Weights { format, parameters }) = &file.weights {
                    write!(f, "  {format}")?;
                    for (dtype, count) in parameters {
                        write!(f, ", {:.1} M {dtype}", *count as f64 / 1e6)?;
                    }
                }
                writeln!(f)?;
            }
            for missing in &model.missing {
                writeln!(f, "  {missing:<70}   missing")?;
            }
        }
        write_problems(f, &self.problems)
    }
}
