//! Operations and networks, each with the permitted difference between two devices in single
//! precision.

use burn::tensor::Tensor;
use hunyuan_paint_models::{AutoencoderKl, Branch, ViewConditions, pipelines::ModuleGuard};

use super::{
    fixture::{DeviceFixture, values},
    operations::operations,
};
use crate::case::CaseError;

/// Side of the autoencoder's test image in pixels; the `UNets` are tested with latents of that
/// image's size.
const IMAGE_SIDE: usize = 64;

/// A timestep in the middle of a run.
const TIMESTEP: f64 = 601.0;

/// View indices of the six default cameras.
const VIEW_INDICES: [u32; 6] = [21, 12, 15, 18, 43, 37];

/// A computation that runs on any device.
#[derive(Debug)]
pub struct Component {
    /// Name in the tables.
    pub name: &'static str,
    /// The largest absolute difference between two devices in single precision.
    pub limit: f64,
    run: fn(&DeviceFixture) -> Result<Vec<f32>, CaseError>,
    exact: Option<fn() -> Vec<f64>>,
}

impl Component {
    pub(super) fn operation(
        name: &'static str,
        limit: f64,
        run: fn(&DeviceFixture) -> Result<Vec<f32>, CaseError>,
        exact: fn() -> Vec<f64>,
    ) -> Self {
        Self { name, limit, run, exact: Some(exact) }
    }

    /// Returns the result on a device, in row-major order. Inputs are the same on all devices.
    ///
    /// # Errors
    /// If the device cannot do the computation.
    pub fn run(&self, on: &DeviceFixture) -> Result<Vec<f32>, CaseError> {
        (self.run)(on)
    }

    /// Returns the result of an independent implementation in double precision. Only single
    /// operations have one.
    pub fn exact(&self) -> Option<Vec<f32>> {
        self.exact.map(|exact| exact().into_iter().map(|x| x as f32).collect())
    }
}

/// Returns all components, the single operations first. The limits of the networks are for the
/// small checkpoint of the parity cases.
pub fn components() -> Vec<Component> {
    let network = |name, limit, run| Component { name, limit, run, exact: None };
    let mut all = operations();
    all.extend([
        network("VAE encode", 1e-5, vae_encode),
        network("VAE decode", 5e-5, vae_decode),
        network("text encoder", 2e-5, text_encoder),
        network("UNet", 2e-5, unet),
        network("2.5-D UNet", 2e-5, unet2p5d),
    ]);
    all
}

fn vae(on: &DeviceFixture) -> Result<ModuleGuard<AutoencoderKl>, CaseError> {
    on.multiview.vae().map_err(CaseError::under_test)
}

fn latents(on: &DeviceFixture, seed: u64, count: usize) -> Result<Tensor<4>, CaseError> {
    let vae = vae(on)?;
    let side = IMAGE_SIDE / vae.spatial_factor();
    Ok(on.randn(seed, [count, vae.latent_channels(), side, side]))
}

/// Encodes an image of noise; returns mean and log variance of the posterior.
fn vae_encode(on: &DeviceFixture) -> Result<Vec<f32>, CaseError> {
    let image = on.randn(1, [1, 3, IMAGE_SIDE, IMAGE_SIDE]).clamp(-1.0, 1.0);
    let posterior = vae(on)?.encode(image).map_err(CaseError::under_test)?;
    values(Tensor::cat(vec![posterior.mean, posterior.logvar], 1))
}

fn vae_decode(on: &DeviceFixture) -> Result<Vec<f32>, CaseError> {
    values(vae(on)?.decode(latents(on, 1, 1)?).map_err(CaseError::under_test)?)
}

fn empty_prompt(on: &DeviceFixture) -> Result<Tensor<3>, CaseError> {
    let ids = on.delight.tokenize("").map_err(CaseError::under_test)?;
    on.delight
        .text_encoder()
        .and_then(|encoder| encoder.forward(&[ids], &on.device))
        .map_err(CaseError::under_test)
}

fn text_encoder(on: &DeviceFixture) -> Result<Vec<f32>, CaseError> {
    values(empty_prompt(on)?)
}

fn unet(on: &DeviceFixture) -> Result<Vec<f32>, CaseError> {
    let sample = Tensor::cat(vec![latents(on, 1, 1)?, latents(on, 2, 1)?], 1);
    let text = empty_prompt(on)?;
    let output = on.delight.unet().and_then(|unet| unet.forward(sample, TIMESTEP, text));
    values(output.map_err(CaseError::under_test)?)
}

/// Runs the paint UNet on six views and one reference, with both branches of guidance.
fn unet2p5d(on: &DeviceFixture) -> Result<Vec<f32>, CaseError> {
    let unet = on.multiview.unet().map_err(CaseError::under_test)?;
    let reference_unet = on.multiview.reference_unet().map_err(CaseError::under_test)?;
    let views = VIEW_INDICES.len();
    let conditions = ViewConditions {
        normal_latents: latents(on, 2, views)?,
        position_latents: latents(on, 3, views)?,
        view_indices: VIEW_INDICES.to_vec(),
    };
    let references = reference_unet.encode_references(latents(on, 4, 1)?).map_err(CaseError::under_test)?;
    let branches = [Branch::Unconditional, Branch::Conditional];
    let output = unet.forward(latents(on, 1, views)?, TIMESTEP, &conditions, &references, &branches);
    values(output.map_err(CaseError::under_test)?)
}
