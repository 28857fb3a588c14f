#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod autoencoder_kl;
mod clip_text;
mod config;
mod error;
pub mod folders;
mod layers;
mod load_options;
mod memory_budget;
mod parameters;
pub mod pipelines;
mod precision;
#[cfg(any(test, feature = "random-weights"))]
mod random_weights;
mod tokenizer;
mod unet2d_condition;
mod unet2p5d;
mod weights;

#[cfg(any(test, feature = "random-weights"))]
pub use self::random_weights::{WeightsFormat, write_random_weights};
pub use self::{
    autoencoder_kl::{AutoencoderKl, AutoencoderKlConfig, DiagonalGaussian},
    clip_text::{ClipTextConfig, ClipTextModel, HiddenAct},
    config::PerBlock,
    error::ModelError,
    load_options::{LoadCallback, LoadOptions, LoadProgress, MemoryPlan},
    memory_budget::{MemoryBudget, MemoryNeed},
    precision::Precision,
    tokenizer::ClipTokenizer,
    unet2d_condition::{
        DownBlockType, UNet2DConditionConfig, UNet2DConditionModel, UNet2DDenoiser, UpBlockType,
    },
    unet2p5d::{
        Branch, MultiviewDenoiser, MultiviewUNet, ReferenceFeatures, ReferenceUNet, UNet2p5DConditionConfig,
        ViewConditions,
    },
};
