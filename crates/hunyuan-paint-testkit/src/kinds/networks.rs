//! One forward pass of each network: `unet2d_condition`, `unet2p5d`, `autoencoder_kl`, `clip_text`.

use burn::tensor::{Device, Tensor, TensorData};
use hunyuan_paint_models::{
    AutoencoderKlConfig, Branch, ClipTextConfig, UNet2DConditionConfig, UNet2p5DConditionConfig,
    ViewConditions,
};
use serde::Deserialize;

use crate::{
    case::{Array, Case, CaseError},
    report::Report,
};

/// Checks a `UNet2DConditionModel` on one sample, at each timestep of the case.
pub fn check_unet2d_condition(case: &Case, report: &mut Report, device: &Device) -> Result<(), CaseError> {
    #[derive(Deserialize)]
    struct Parameters {
        timesteps: Vec<f64>,
    }
    let Parameters { timesteps } = case.parameters()?;
    let config = UNet2DConditionConfig::read(&case.dir.join("config.json")).map_err(CaseError::under_test)?;
    let unet = config.load(&case.file("weights.safetensors")?, device).map_err(CaseError::under_test)?;
    let sample: Tensor<4> = tensor(case, "in.sample", device)?;
    let text: Tensor<3> = tensor(case, "in.encoder_hidden_states", device)?;
    for timestep in timesteps {
        let output = unet.forward(sample.clone(), timestep, text.clone()).map_err(CaseError::under_test)?;
        report.compare(case, &format!("out.t{timestep}"), &array(output)?)?;
    }
    Ok(())
}

/// Checks a `UNet2p5DConditionModel` in each run of the case, with or without guidance.
pub fn check_unet2p5d(case: &Case, report: &mut Report, device: &Device) -> Result<(), CaseError> {
    #[derive(Deserialize)]
    struct Run {
        output: String,
        timestep: f64,
    }
    #[derive(Deserialize)]
    struct Parameters {
        num_reference_embeddings: usize,
        num_view_embeddings: usize,
        runs: Vec<Run>,
    }
    let parameters: Parameters = case.parameters()?;
    let config = UNet2p5DConditionConfig {
        unet: UNet2DConditionConfig::read(&case.dir.join("config.json")).map_err(CaseError::under_test)?,
        num_reference_embeddings: parameters.num_reference_embeddings,
        num_view_embeddings: parameters.num_view_embeddings,
    };
    let weights = case.file("weights.safetensors")?;
    let multiview = config.load_multiview(&weights, device).map_err(CaseError::under_test)?;
    let reference = config.load_reference(&weights, device).map_err(CaseError::under_test)?;

    // The recordings have a leading dimension of one object.
    let views = |name: &str| tensor::<5>(case, name, device).map(|t| t.squeeze_dim::<4>(0));
    let (_, indices) = case.i64("in.camera_info_gen")?;
    let conditions = ViewConditions {
        normal_latents: views("in.normal_latents")?,
        position_latents: views("in.position_latents")?,
        view_indices: indices.iter().map(|&i| u32::try_from(i).unwrap_or(u32::MAX)).collect(),
    };
    let latents = views("in.latents")?;
    let references = reference.encode_references(views("in.ref_latents")?).map_err(CaseError::under_test)?;
    for Run { output, timestep } in parameters.runs {
        // A run uses guidance if its recording has twice as many samples as views.
        let guided = case.f32(&output)?.0[0] == 2 * latents.dims()[0];
        let branches: &[Branch] =
            if guided { &[Branch::Unconditional, Branch::Conditional] } else { &[Branch::Conditional] };
        let prediction = multiview
            .forward(latents.clone(), timestep, &conditions, &references, branches)
            .map_err(CaseError::under_test)?;
        report.compare(case, &output, &array(prediction)?)?;
    }
    Ok(())
}

/// Checks an `AutoencoderKL`: moments of an image, and image of latents.
pub fn check_autoencoder_kl(case: &Case, report: &mut Report, device: &Device) -> Result<(), CaseError> {
    let config = AutoencoderKlConfig::read(&case.dir.join("config.json")).map_err(CaseError::under_test)?;
    let vae = config.load(&case.file("weights.safetensors")?, device).map_err(CaseError::under_test)?;
    let moments = vae.encode(tensor(case, "in.image", device)?).map_err(CaseError::under_test)?;
    report.compare(case, "out.mean", &array(moments.mean)?)?;
    report.compare(case, "out.logvar", &array(moments.logvar)?)?;
    let decoded = vae.decode(tensor(case, "in.latents", device)?).map_err(CaseError::under_test)?;
    report.compare(case, "out.decoded", &array(decoded)?)
}

/// Checks a `CLIPTextModel` on given token ids.
pub fn check_clip_text(case: &Case, report: &mut Report, device: &Device) -> Result<(), CaseError> {
    let config = ClipTextConfig::read(&case.dir.join("config.json")).map_err(CaseError::under_test)?;
    let model = config.load(&case.file("weights.safetensors")?, device).map_err(CaseError::under_test)?;
    let (shape, ids) = case.i64("in.input_ids")?;
    let length = shape.last().copied().unwrap_or(1).max(1);
    let ids: Vec<Vec<u32>> = ids
        .chunks(length)
        .map(|row| row.iter().map(|&id| u32::try_from(id).unwrap_or(u32::MAX)).collect())
        .collect();
    let output = model.forward(&ids, device).map_err(CaseError::under_test)?;
    report.compare(case, "out.last_hidden_state", &array(output)?)
}

fn tensor<const D: usize>(case: &Case, name: &str, device: &Device) -> Result<Tensor<D>, CaseError> {
    let (shape, values) = case.f32(name)?;
    if shape.len() != D {
        return Err(CaseError::Array {
            name: name.to_owned(),
            expected: format!("{D} dimensions"),
            found: format!("{shape:?}"),
        });
    }
    Ok(Tensor::from_data(TensorData::new(values.to_vec(), shape), device))
}

fn array<const D: usize>(tensor: Tensor<D>) -> Result<Array, CaseError> {
    let shape = tensor.dims();
    let values = tensor.into_data().convert::<f32>().try_into_vec().map_err(CaseError::under_test)?;
    Ok(Array::f32(&shape, values))
}
