//! The downloader and the loader must prefer the same weight file.

#![cfg(feature = "hub")]

use std::{error::Error, fs, path::Path};

use hunyuan_paint::{
    Device, LoadOptions,
    hub::Component,
    models::{ModelError, pipelines::InstructPix2PixPipeline},
};
use tempfile::TempDir;

#[test]
fn downloads_and_loading_prefer_the_same_file() -> Result<(), Box<dyn Error>> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hunyuan-paint-testkit/cases");
    let published = cases.join("model_tiny/hunyuan3d-delight-v2-0");
    for (component, name) in
        [(Component::Unet, "unet"), (Component::Vae, "vae"), (Component::TextEncoder, "text_encoder")]
    {
        // A model folder in which one network has no weights: the error lists the names in order.
        let folder = TempDir::new()?;
        copy(&published, folder.path(), name)?;
        let options = LoadOptions::new(Device::flex());
        let error = InstructPix2PixPipeline::from_pretrained(folder.path(), options).err();
        let Some(ModelError::NoWeights { expected, .. }) = error else {
            return Err(format!("{name}: expected an error about weights, found {error:?}").into());
        };
        assert_eq!(expected, component.weight_files().join(", "), "{name}");
    }
    Ok(())
}

/// Copies a model folder, except for the weights in one of its folders.
fn copy(from: &Path, to: &Path, without: &str) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let is_weights =
            source.extension().is_some_and(|extension| extension == "safetensors" || extension == "bin");
        if source.is_dir() {
            fs::create_dir(&target)?;
            copy(&source, &target, without)?;
        } else if !(is_weights && from.ends_with(without)) {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}
