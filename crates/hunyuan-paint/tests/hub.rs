//! A model that the hub's cache has is opened by the repository's name.
#![cfg(all(feature = "cpu", feature = "hub"))]

use std::{error::Error, fs, io, path::Path};

use hunyuan_paint::{
    Device, LoadOptions, PaintError, PaintPipeline, Variant,
    hub::{HubError, HubOptions},
};

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

#[test]
fn a_cached_repository_is_a_model() -> Result<(), Box<dyn Error>> {
    let cache = tempfile::tempdir()?;
    let options = HubOptions { offline: true, ..HubOptions::new(cache.path()) };
    let repository = "somebody/small-paint".parse()?;
    let open = |variant| {
        PaintPipeline::builder()
            .variant(variant)
            .load_options(LoadOptions::new(Device::flex()))
            .from_hub(&repository, &options)
    };
    let missing = open(Variant::Standard).map(drop);
    assert!(matches!(&missing, Err(PaintError::Hub(HubError::NotCached { .. }))), "{missing:?}");

    let commit = "0123456789abcdef0123456789abcdef01234567";
    let root = cache.path().join("models--somebody--small-paint");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hunyuan-paint-testkit/cases/model_tiny");
    copy(&model, &root.join("snapshots").join(commit))?;
    fs::create_dir_all(root.join("refs"))?;
    fs::write(root.join("refs/main"), commit)?;
    let from_folder =
        PaintPipeline::builder().load_options(LoadOptions::new(Device::flex())).from_pretrained(&model)?;
    assert_eq!(open(Variant::Standard)?.native_view_size(), from_folder.native_view_size());
    Ok(())
}
