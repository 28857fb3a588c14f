//! The downloader and the loader must prefer the same weight file.

#![cfg(feature = "hub")]

use hunyuan_paint::{
    hub::Component,
    models::folders::{TEXT_ENCODER_WEIGHT_FILES, WEIGHT_FILES},
};

#[test]
fn downloads_and_loading_prefer_the_same_file() {
    for (component, files) in [
        (Component::Unet, WEIGHT_FILES),
        (Component::Vae, WEIGHT_FILES),
        (Component::TextEncoder, TEXT_ENCODER_WEIGHT_FILES),
    ] {
        assert_eq!(component.weight_files(), files, "{component:?}");
    }
}
