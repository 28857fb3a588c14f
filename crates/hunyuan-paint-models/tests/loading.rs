//! A load callback may use the pipeline whose networks are being loaded.

use std::{
    error::Error,
    ops::ControlFlow,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

use burn::tensor::Device;
use hunyuan_paint_models::{
    LoadCallback, LoadOptions, MemoryPlan, ModelError,
    folders::PAINT_FOLDER,
    pipelines::{MultiviewOptions, MultiviewPipeline},
};

#[test]
fn a_load_callback_can_use_its_pipeline_without_deadlock() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../hunyuan-paint-testkit/cases/model_tiny")
        .join(PAINT_FOLDER);
    let pipeline = Arc::new(OnceLock::<Weak<MultiviewPipeline>>::new());
    let nested = Arc::new(Mutex::new(Vec::new()));
    let callback = LoadCallback::new({
        let (pipeline, nested) = (pipeline.clone(), nested.clone());
        move |_| {
            if let Some(pipeline) = pipeline.get().and_then(Weak::upgrade) {
                let needs = pipeline.memory_needs(1, 2, (64, 64), &MultiviewOptions::standard());
                let networks = [pipeline.unet().err(), pipeline.vae().err()];
                nested.lock().unwrap_or_else(PoisonError::into_inner).push((needs, networks));
            }
            ControlFlow::Continue(())
        }
    });
    let options =
        LoadOptions::new(Device::flex()).with_memory_plan(MemoryPlan::ReloadPerStage).with_on_load(callback);
    let opened = Arc::new(MultiviewPipeline::from_pretrained(&folder, options)?);
    pipeline.set(Arc::downgrade(&opened)).map_err(|_| "set twice")?;
    drop(opened.unet()?);

    let nested = nested.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(!nested.is_empty());
    for (needs, networks) in nested.iter() {
        assert!(needs.iter().all(|need| need.weights > 0), "{needs:?}");
        let [unet, vae] = networks;
        assert!(matches!(unet, Some(ModelError::NestedLoad { network: "multiview UNet" })), "{unet:?}");
        assert!(matches!(vae, Some(ModelError::NestedLoad { network: "autoencoder" })), "{vae:?}");
    }
    Ok(())
}
