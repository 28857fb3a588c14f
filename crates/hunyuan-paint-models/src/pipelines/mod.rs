//! Whole denoising runs: from images and random numbers to images.

mod denoise;
mod images;
mod instruct_pix2pix;
mod multiview;

pub use self::{
    denoise::{DenoiseOptions, StepProgress},
    instruct_pix2pix::{InstructPix2PixOptions, InstructPix2PixPipeline},
    multiview::{MultiviewInputs, MultiviewOptions, MultiviewPipeline, TURBO_STEPS, turbo_timesteps},
};
