#![doc = include_str!("../README.md")]

mod autoencoder_kl;
mod clip_text;
mod config;
mod error;
mod folder;
mod layers;
pub mod pipelines;
mod precision;
mod tokenizer;
mod unet2d_condition;
mod unet2p5d;
mod weights;

pub use self::{
    autoencoder_kl::{AutoencoderKl, AutoencoderKlConfig, DiagonalGaussian},
    clip_text::{ClipTextConfig, ClipTextModel, HiddenAct},
    config::PerBlock,
    error::ModelError,
    precision::Precision,
    tokenizer::ClipTokenizer,
    unet2d_condition::{DownBlockType, UNet2DConditionConfig, UNet2DConditionModel, UpBlockType},
    unet2p5d::{Branch, ReferenceFeatures, UNet2p5DConditionConfig, UNet2p5DConditionModel, ViewConditions},
};
