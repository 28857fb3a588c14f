//! Complete denoising runs: from images and random numbers to images.

mod common;
mod decoder;
mod denoise;
mod images;
mod instruct_pix2pix;
mod lazy_module;
mod multiview;
#[cfg(any(test, feature = "random-weights"))]
mod random;
mod weights_source;
mod working_memory;

use burn::tensor::{Device, Tensor, TensorData};

pub use self::{
    denoise::{DenoiseOptions, StepProgress},
    instruct_pix2pix::{InstructPix2PixOptions, InstructPix2PixPipeline},
    lazy_module::ModuleGuard,
    multiview::{MultiviewInputs, MultiviewOptions, MultiviewPipeline, TURBO_STEPS, turbo_timesteps},
};

/// Returns whether a device still computes: adds two numbers there and reads the sums back. A
/// device that was lost or refuses memory fails.
pub fn is_device_alive(device: &Device) -> bool {
    let numbers: Tensor<1> = Tensor::from_data(TensorData::new(vec![1.0_f32, 2.0], [2]), device);
    let sum = numbers.add_scalar(1.0).try_into_data().ok().map(TensorData::convert::<f32>);
    sum.and_then(|data| data.try_into_vec::<f32>().ok()).is_some_and(|sum| sum == [2.0, 3.0])
}
