//! A repository in the published layout, and helpers for its cache.

use std::{
    collections::BTreeMap,
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

use hunyuan_paint_hub::{DownloadCallback, HubError, HubOptions, ModelFolder, RepoId, fetch_folders};

use super::{Server, hash};

pub(crate) const PAINT: &str = "hunyuan3d-paint-v2-0";
pub(crate) const DELIGHT: &str = "hunyuan3d-delight-v2-0";
pub(crate) const UNET: &str = "hunyuan3d-paint-v2-0/unet/diffusion_pytorch_model.safetensors";
pub(crate) const UNET_SIZE: usize = 300_000;

/// The needed files of the paint model.
pub(crate) const PAINT_FILES: [&str; 6] = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.bin",
];

/// The needed files of the delight model.
pub(crate) const DELIGHT_FILES: [&str; 12] = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/merges.txt",
    "tokenizer/special_tokens_map.json",
    "tokenizer/tokenizer_config.json",
    "tokenizer/vocab.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.fp16.safetensors",
];

/// Further files of the published repository.
const NOT_NEEDED: [&str; 9] = [
    ".gitattributes",
    "README.md",
    "hunyuan3d-dit-v2-0/model.fp16.safetensors",
    "hunyuan3d-paint-v2-0/README.md",
    "hunyuan3d-paint-v2-0/text_encoder/model.safetensors",
    "hunyuan3d-paint-v2-0/unet/diffusion_pytorch_model.bin",
    "hunyuan3d-paint-v2-0/unet/diffusion_pytorch_model.fp16.safetensors",
    "hunyuan3d-paint-v2-0/vae/diffusion_pytorch_model.fp16.safetensors",
    "hunyuan3d-delight-v2-0/unet/diffusion_pytorch_model.bin",
];

/// Returns bytes that differ between files and positions.
pub(crate) fn content(path: &str, size: usize) -> Vec<u8> {
    let mut state = path
        .bytes()
        .fold(size as u64 | 1, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

pub(crate) fn repository() -> BTreeMap<String, Vec<u8>> {
    let paint = PAINT_FILES.map(|file| format!("{PAINT}/{file}"));
    let delight = DELIGHT_FILES.map(|file| format!("{DELIGHT}/{file}"));
    let paths = paint.into_iter().chain(delight).chain(NOT_NEEDED.map(str::to_owned));
    let size = |path: &str| match path {
        UNET => UNET_SIZE,
        path if super::is_large(path) => 20_000,
        _ => 500,
    };
    paths.map(|path| (path.clone(), content(&path, size(&path)))).collect()
}

pub(crate) fn tencent() -> Result<RepoId, HubError> {
    "tencent/Hunyuan3D-2".parse()
}

/// Options without retries, and with a timeout that is long enough for a busy machine.
pub(crate) fn options(server: &Server, cache: &Path) -> HubOptions {
    HubOptions {
        endpoint: server.endpoint(),
        stall_timeout: Duration::from_secs(20),
        retries: 0,
        retry_wait: Duration::from_millis(10),
        ..HubOptions::new(cache)
    }
}

pub(crate) fn fetch_paint(options: &HubOptions) -> Result<PathBuf, HubError> {
    fetch_folders(&tencent()?, &[ModelFolder::multiview(PAINT)], options)
}

/// Returns the paths of all files in a folder, including hidden ones, in order.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<String>> {
    fn visit(root: &Path, folder: &Path, found: &mut Vec<String>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                visit(root, &path, found)?;
            } else if let Ok(relative) = path.strip_prefix(root) {
                found.push(relative.to_string_lossy().replace('\\', "/"));
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    if folder.exists() {
        visit(folder, folder, &mut found)?;
    }
    found.sort();
    Ok(found)
}

/// Returns the paths of a file's blob and of its partial download.
pub(crate) fn blob(cache: &Path, server: &Server, file: &str) -> (PathBuf, PathBuf) {
    let hash = hash(file, &server.state().files[file]);
    let blobs = cache.join("models--tencent--Hunyuan3D-2/blobs");
    (blobs.join(&hash), blobs.join(format!("{hash}.incomplete")))
}

/// Cancels when this many bytes of a file have arrived.
pub(crate) fn cancel_at(file: &'static str, bytes: u64) -> Option<DownloadCallback> {
    Some(DownloadCallback::new(move |progress| {
        if progress.file == file && progress.bytes >= bytes {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }))
}
