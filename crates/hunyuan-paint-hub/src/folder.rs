//! The needed files of a published model folder.

use crate::{HubError, options::is_plain_path};

/// A model folder of a repository, and its needed parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelFolder<'a> {
    /// The path in the repository.
    pub name: &'a str,
    /// The needed parts.
    pub components: &'a [Component],
    /// Whether a repository without the folder is an error.
    pub required: bool,
}

impl<'a> ModelFolder<'a> {
    /// A folder of the multiview model, such as `hunyuan3d-paint-v2-0`.
    pub fn multiview(name: &'a str) -> Self {
        Self { name, components: Component::MULTIVIEW, required: true }
    }

    /// A folder of an `InstructPix2Pix` model, such as `hunyuan3d-delight-v2-0`.
    pub fn instruct_pix2pix(name: &'a str) -> Self {
        Self { name, components: Component::ALL, required: true }
    }

    /// Makes the folder optional.
    #[must_use]
    pub fn optional(self) -> Self {
        Self { required: false, ..self }
    }

    pub(crate) fn check(&self) -> Result<(), HubError> {
        if !is_plain_path(self.name) {
            let expected = "a path of letters, digits, '-', '_' and '.' in the repository";
            return Err(HubError::Option { option: "folder", expected, found: self.name.to_owned() });
        }
        Ok(())
    }

    /// Selects the needed files among those that exist, and lists the missing ones. All paths are
    /// those in the repository.
    pub fn select(&self, exists: impl Fn(&str) -> bool) -> Selection {
        let mut selection = Selection::default();
        selection.take_if_there(format!("{}/model_index.json", self.name), &exists);
        for component in self.components {
            let path = |file: &str| format!("{}/{}/{file}", self.name, component.folder());
            for file in component.optional_files() {
                selection.take_if_there(path(file), &exists);
            }
            for file in component.files() {
                selection.take(path(file), &exists);
            }
            let weights = component.weight_files();
            match weights.iter().map(|file| path(file)).find(|path| exists(path)) {
                Some(found) => selection.files.push(found),
                None if weights.is_empty() => {}
                None => selection.missing.push(path(&weights.join(" or "))),
            }
        }
        if selection.files.is_empty() && !self.required {
            selection.missing.clear();
        }
        selection
    }
}

/// The needed files of a model folder, by their paths in the repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selection {
    /// The needed files that exist.
    pub files: Vec<String>,
    /// The needed files that do not exist. Alternatives are joined by "or".
    pub missing: Vec<String>,
}

impl Selection {
    fn take(&mut self, path: String, exists: impl Fn(&str) -> bool) {
        if exists(&path) { self.files.push(path) } else { self.missing.push(path) }
    }

    fn take_if_there(&mut self, path: String, exists: impl Fn(&str) -> bool) {
        if exists(&path) {
            self.files.push(path);
        }
    }
}

/// A part of a model folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Component {
    /// The denoising network.
    Unet,
    /// The autoencoder.
    Vae,
    /// The noise schedule.
    Scheduler,
    /// CLIP's text encoder.
    TextEncoder,
    /// CLIP's tokenizer.
    Tokenizer,
}

impl Component {
    /// All parts.
    pub const ALL: &'static [Self] =
        &[Self::Unet, Self::Vae, Self::Scheduler, Self::TextEncoder, Self::Tokenizer];

    /// The parts of the multiview model, which needs no text encoder: its text embedding is
    /// learned.
    pub const MULTIVIEW: &'static [Self] = &[Self::Unet, Self::Vae, Self::Scheduler];

    fn folder(self) -> &'static str {
        match self {
            Self::Unet => "unet",
            Self::Vae => "vae",
            Self::Scheduler => "scheduler",
            Self::TextEncoder => "text_encoder",
            Self::Tokenizer => "tokenizer",
        }
    }

    fn files(self) -> &'static [&'static str] {
        match self {
            Self::Unet | Self::Vae | Self::TextEncoder => &["config.json"],
            Self::Scheduler => &["scheduler_config.json"],
            Self::Tokenizer => &["vocab.json", "merges.txt"],
        }
    }

    fn optional_files(self) -> &'static [&'static str] {
        match self {
            Self::Tokenizer => &["tokenizer_config.json", "special_tokens_map.json"],
            _ => &[],
        }
    }

    /// Returns the names of weight files, most preferred first: single before half precision, and
    /// safetensors before pickled. The first that exists is downloaded.
    ///
    /// `hunyuan-paint-models` prefers the files in the same order when it loads one. A test of
    /// `hunyuan-paint`, which uses both crates, compares the two.
    pub fn weight_files(self) -> &'static [&'static str] {
        match self {
            Self::Unet | Self::Vae => &[
                "diffusion_pytorch_model.safetensors",
                "diffusion_pytorch_model.bin",
                "diffusion_pytorch_model.fp16.safetensors",
                "diffusion_pytorch_model.fp16.bin",
            ],
            Self::TextEncoder => &[
                "model.safetensors",
                "pytorch_model.bin",
                "model.fp16.safetensors",
                "pytorch_model.fp16.bin",
            ],
            Self::Scheduler | Self::Tokenizer => &[],
        }
    }
}
