//! Loads published weights into modules. This is the only module that knows files, keys and
//! renames.
//!
//! The path of a module's field is its checkpoint key, except for the renames of [`KeyMap`] and for
//! norms, whose `weight` and `bias` burn calls `gamma` and `beta`.

pub(crate) mod convert;
mod read_ahead;
mod safetensors_file;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use burn::{
    module::Module,
    store::{
        ApplyError, ModuleAdapter, ModuleContext, ModuleSnapshot, ModuleStore, PytorchStore, bridge,
        burn_pack::{Error as PackError, Tensor as StoredTensor},
    },
};

use self::{convert::Convert, read_ahead::ReadAhead};
use crate::{LoadCallback, LoadOptions, LoadProgress, ModelError, parameters::parameters};

/// How the keys of a file map to the paths of the module's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyMap {
    /// A network saved by diffusers or transformers.
    Diffusers,
    /// The main network of the 2.5-D UNet. Its transformer blocks are wrapped: their keys begin
    /// with `transformer_blocks.0.transformer.`, and the additional attentions stand beside
    /// `transformer`.
    MultiviewUNet,
    /// The reference network of the 2.5-D UNet, whose transformer blocks are wrapped too.
    ReferenceUNet,
}

/// Fragments of keys, and the fragments of field paths that replace them.
const RENAMES: [(&str, &str); 5] = [
    (".to_out.0.", ".to_out."),
    (".ff.net.0.proj.", ".ff.proj_in."),
    (".ff.net.2.", ".ff.proj_out."),
    (".downsamplers.0.", ".downsampler."),
    (".upsamplers.0.", ".upsampler."),
];

/// Names that old versions of diffusers gave the autoencoder's attention.
const DEPRECATED: [(&str, &str); 4] = [
    (".attentions.0.query.", ".attentions.0.to_q."),
    (".attentions.0.key.", ".attentions.0.to_k."),
    (".attentions.0.value.", ".attentions.0.to_v."),
    (".attentions.0.proj_attn.", ".attentions.0.to_out."),
];

const BLOCKS: &str = ".transformer_blocks.";
const WRAPPER: &str = "transformer.";
const LEARNED_TEXT: &str = "learned_text_clip_";

impl KeyMap {
    /// Returns whether a key belongs to this network. A file may hold two networks.
    fn owns(self, key: &str) -> bool {
        let of_reference = key.starts_with("unet_dual.") || key.ends_with("learned_text_clip_ref");
        match self {
            Self::Diffusers => true,
            Self::MultiviewUNet => !of_reference,
            Self::ReferenceUNet => of_reference,
        }
    }

    /// Maps a key in the file to the path of the module's field.
    fn field_path(self, key: &str) -> String {
        let mut path = key.to_owned();
        for (from, to) in RENAMES.into_iter().chain(DEPRECATED) {
            path = path.replace(from, to);
        }
        if self != Self::Diffusers {
            path = path.replace(&format!("unet.{LEARNED_TEXT}"), LEARNED_TEXT);
            if let Some((start, block, rest)) = split_block(&path)
                && let Some(inner) = rest.strip_prefix(WRAPPER)
            {
                path = format!("{start}{BLOCKS}{block}.{inner}");
            }
        }
        path
    }

    /// Returns whether a key is of a tensor that published files have and the network never uses.
    fn ignores(self, key: &str) -> bool {
        match self {
            // transformers saved the positions 0..77 as a buffer until version 4.31.
            Self::Diffusers => key.ends_with("embeddings.position_ids"),
            // The turbo model's safetensors file has an image adapter that upstream never runs.
            Self::MultiviewUNet | Self::ReferenceUNet => key.contains("image_proj") || key.contains("_ip"),
        }
    }

    /// Maps the path of a module's field to its key in the file.
    pub(crate) fn file_key(self, path: &str) -> String {
        let mut key = path.to_owned();
        if self != Self::Diffusers {
            if key.starts_with(LEARNED_TEXT) {
                key = format!("unet.{key}");
            }
            if let Some((start, block, rest)) = split_block(&key)
                && !rest.starts_with("attn_")
            {
                key = format!("{start}{BLOCKS}{block}.{WRAPPER}{rest}");
            }
        }
        for (from, to) in RENAMES {
            key = key.replace(to, from);
        }
        match key.rsplit_once('.') {
            Some((module, "gamma")) => format!("{module}.weight"),
            Some((module, "beta")) => format!("{module}.bias"),
            _ => key,
        }
    }
}

/// Splits `a.transformer_blocks.0.rest` into (`a`, `0`, `rest`).
fn split_block(path: &str) -> Option<(&str, &str, &str)> {
    let (start, tail) = path.split_once(BLOCKS)?;
    let (block, rest) = tail.split_once('.')?;
    Some((start, block, rest))
}

/// Loads a file's tensors into `module`, converted to the options' precision. Tensors are applied
/// one after the other while the next ones are read ahead.
///
/// `.bin`, `.pt` and `.pth` files are read as pickled PyTorch checkpoints, without executing
/// anything in them. All other files are read as safetensors.
pub(crate) fn load<M: Module>(
    mut module: M,
    file: &Path,
    keys: KeyMap,
    options: &LoadOptions,
) -> Result<M, ModelError> {
    let precision = options.precision;
    precision.check(&module)?;
    let (mut file_keys, mut shapes) = (BTreeMap::new(), BTreeMap::new());
    let mut tensors = Vec::new();
    for (key, mut tensor) in read(file)? {
        if !keys.owns(&key) {
            continue;
        }
        if keys.ignores(&key) {
            tracing::warn!(file = %file.display(), key, "tensor ignored: the network does not use it");
            continue;
        }
        tensor.name = keys.field_path(&key);
        shapes.insert(tensor.name.clone(), tensor.shape.to_vec());
        if let Some(key) = file_keys.insert(tensor.name.clone(), key) {
            // Two keys map to one field, so one of the tensors would be lost.
            return Err(ModelError::UnusedKey { file: file.to_owned(), key, count: 1 });
        }
        tensors.push(tensor);
    }

    let is_cancelled = Arc::new(AtomicBool::new(false));
    let adapter = Convert(precision.dtype());
    let adapter: Box<dyn ModuleAdapter> = match &options.on_load {
        Some(callback) => Box::new(adapter.chain(Report::new(file, callback, &tensors, &is_cancelled))),
        None => Box::new(adapter),
    };
    let paths = parameters(&module).into_iter().map(|parameter| parameter.path.join("."));
    let wanted: BTreeMap<String, usize> = paths.map(|path| keys.file_key(&path)).zip(0..).collect();
    tensors.sort_by_key(|tensor| wanted.get(&file_keys[&tensor.name]).copied().unwrap_or(usize::MAX));
    let ahead = ReadAhead::new(tensors);
    let tensors = ahead.tensors();
    let result = ahead.run(|| module.apply(tensors, None, Some(adapter), true));

    if is_cancelled.load(Ordering::Relaxed) {
        return Err(ModelError::Cancelled);
    }
    let file_key = |path: &String| file_keys.get(path).cloned().unwrap_or_else(|| keys.file_key(path));
    if let Some(error) = result.errors.into_iter().next() {
        return Err(apply_error(file, error, &shapes, file_key));
    }
    if let Some((path, _)) = result.missing.first() {
        let (key, count) = (keys.file_key(path), result.missing.len());
        return Err(ModelError::MissingKey { file: file.to_owned(), key, count });
    }
    if let Some(path) = result.unused.first() {
        let (key, count) = (file_key(path), result.unused.len());
        return Err(ModelError::UnusedKey { file: file.to_owned(), key, count });
    }
    precision.convert(module)
}

/// Calls the callback for every tensor. Once the callback cancels, every tensor is an error.
#[derive(Clone)]
struct Report {
    file: PathBuf,
    callback: LoadCallback,
    is_cancelled: Arc<AtomicBool>,
    loaded: Arc<AtomicU64>,
    /// Bytes of each tensor, by the path of its field.
    sizes: Arc<BTreeMap<String, u64>>,
}

impl Report {
    fn new(
        file: &Path,
        callback: &LoadCallback,
        tensors: &[StoredTensor],
        is_cancelled: &Arc<AtomicBool>,
    ) -> Self {
        let size = |tensor: &StoredTensor| (tensor.shape.num_elements() * tensor.dtype.size()) as u64;
        let sizes = tensors.iter().map(|tensor| (tensor.name.clone(), size(tensor))).collect();
        Self {
            file: file.to_owned(),
            callback: callback.clone(),
            is_cancelled: is_cancelled.clone(),
            loaded: Arc::default(),
            sizes: Arc::new(sizes),
        }
    }
}

impl ModuleAdapter for Report {
    fn adapt(&self, tensor: StoredTensor, _context: ModuleContext<'_>) -> StoredTensor {
        if self.is_cancelled.load(Ordering::Relaxed) {
            let (name, dtype, shape) = (tensor.name.clone(), tensor.dtype, tensor.shape.clone());
            let cancelled = || Err(PackError::ValidationError("cancelled".to_owned()));
            return bridge::deferred(name, dtype, shape, tensor.param_id, cancelled);
        }
        // The weights of norms are already renamed.
        let renamed = |from, to| self.sizes.get(&tensor.name.replace(from, to));
        let size = self.sizes.get(&tensor.name).or_else(|| renamed(".gamma", ".weight"));
        let size = size.or_else(|| renamed(".beta", ".bias")).copied().unwrap_or_default();
        let bytes = self.loaded.fetch_add(size, Ordering::Relaxed) + size;
        let total = self.sizes.values().sum();
        if self.callback.call(&LoadProgress { file: &self.file, bytes, total }).is_break() {
            self.is_cancelled.store(true, Ordering::Relaxed);
        }
        tensor
    }

    fn clone_box(&self) -> Box<dyn ModuleAdapter> {
        Box::new(self.clone())
    }
}

fn read(file: &Path) -> Result<Vec<(String, StoredTensor)>, ModelError> {
    let is_pickle = file.extension().is_some_and(|e| e == "bin" || e == "pt" || e == "pth");
    if !is_pickle {
        return safetensors_file::tensors(file);
    }
    std::fs::File::open(file).map_err(|source| ModelError::Io { path: file.to_owned(), source })?;
    let mut store = PytorchStore::from_file(file).map_indices_contiguous(false);
    let tensors = store
        .get_all_tensors()
        .map_err(|error| ModelError::UnreadableWeights { file: file.to_owned(), source: error.into() })?;
    Ok(tensors.iter().map(|(key, tensor)| (key.clone(), tensor.clone())).collect())
}

fn apply_error(
    file: &Path,
    error: ApplyError,
    shapes: &BTreeMap<String, Vec<usize>>,
    file_key: impl Fn(&String) -> String,
) -> ModelError {
    let file = file.to_owned();
    match error {
        ApplyError::ShapeMismatch { path, expected, found } => {
            let (mut expected, mut found) = (expected.to_vec(), found.to_vec());
            // The module stores the transpose of linear weights; the message is about the file.
            if shapes.get(&path).is_some_and(|shape| *shape != found) {
                expected.reverse();
                found.reverse();
            }
            ModelError::WrongShape { file, key: file_key(&path), expected, found }
        }
        ApplyError::DTypeMismatch { path, expected, found } => ModelError::UnreadableTensor {
            file,
            key: file_key(&path),
            reason: format!("expected {expected:?}, found {found:?}"),
        },
        ApplyError::AdapterError { path, message } | ApplyError::LoadError { path, message } => {
            ModelError::UnreadableTensor { file, key: file_key(&path), reason: message }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;
    use crate::{Precision, WeightsFormat, random_weights::write_small_networks};

    /// Opens a file, changes it, then reads its tensors.
    fn read_after(
        name: &str,
        format: WeightsFormat,
        change: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Result<Vec<Result<(), String>>, Box<dyn Error>> {
        let (_, file) = write_small_networks(name, format, Precision::F32, 1)?;
        let tensors = read(&file)?;
        change(&file)?;
        std::fs::remove_file(&file)?;
        let read = |(_, tensor): &(String, StoredTensor)| match bridge::to_data(tensor) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        Ok(tensors.iter().map(read).collect())
    }

    #[test]
    fn a_file_truncated_during_reading_is_an_error() -> Result<(), Box<dyn Error>> {
        for format in [WeightsFormat::Safetensors, WeightsFormat::Bin] {
            let cut = |file: &Path| {
                let file = std::fs::OpenOptions::new().write(true).open(file)?;
                file.set_len(file.metadata()?.len() / 2)
            };
            let read = read_after("cut", format, cut)?;
            assert!(read.iter().any(Result::is_ok), "{format:?}: no tensor before the cut is readable");
            assert!(read.iter().any(Result::is_err), "{format:?}: every tensor after the cut is readable");
        }
        Ok(())
    }

    #[test]
    fn a_file_replaced_during_reading_keeps_its_content() -> Result<(), Box<dyn Error>> {
        for format in [WeightsFormat::Safetensors, WeightsFormat::Bin] {
            let replace = |file: &Path| {
                let other = file.with_extension("other");
                std::fs::write(&other, "nonsense")?;
                std::fs::rename(&other, file)
            };
            let read = read_after("replaced", format, replace)?;
            assert!(!read.is_empty() && read.iter().all(Result::is_ok), "{format:?}: {read:?}");
        }
        Ok(())
    }

    #[test]
    fn keys_and_field_paths_are_inverse() {
        for (map, key) in [
            (KeyMap::Diffusers, "down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_out.0.bias"),
            (KeyMap::Diffusers, "up_blocks.1.upsamplers.0.conv.weight"),
            (
                KeyMap::MultiviewUNet,
                "unet.mid_block.attentions.0.transformer_blocks.0.transformer.ff.net.2.bias",
            ),
            (
                KeyMap::MultiviewUNet,
                "unet.mid_block.attentions.0.transformer_blocks.0.attn_refview.to_out.0.bias",
            ),
            (KeyMap::MultiviewUNet, "unet.learned_text_clip_gen"),
            (
                KeyMap::ReferenceUNet,
                "unet_dual.mid_block.attentions.0.transformer_blocks.0.transformer.ff.net.2.bias",
            ),
            (KeyMap::ReferenceUNet, "unet.learned_text_clip_ref"),
        ] {
            assert!(map.owns(key));
            let path = map.field_path(key);
            assert_ne!(path, key);
            assert_eq!(map.file_key(&path), key);
        }
        assert_eq!(KeyMap::Diffusers.file_key("conv_norm_out.gamma"), "conv_norm_out.weight");
    }

    #[test]
    fn only_the_image_adapter_of_turbo_is_ignored() {
        let paint = KeyMap::MultiviewUNet;
        assert!(paint.ignores("unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k_ip.weight"));
        assert!(paint.ignores("image_proj_model.proj.weight"));
        assert!(!paint.ignores("unet.conv_in.weight"));
        assert!(!KeyMap::Diffusers.ignores("image_proj_model.proj.weight"));
    }
}
