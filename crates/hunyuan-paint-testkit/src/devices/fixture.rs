use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use hunyuan_paint::ComputeDevice;
use hunyuan_paint_models::{
    LoadOptions, Precision,
    folders::{DELIGHT_FOLDER, PAINT_FOLDER},
    pipelines::{InstructPix2PixPipeline, MultiviewPipeline},
};
use hunyuan_paint_scheduler::random::{NormalGenerator, Philox};

use crate::case::CaseError;

/// A device with both pipelines, in one precision.
#[derive(Debug)]
pub struct DeviceFixture {
    /// The requested device.
    pub compute_device: ComputeDevice,
    /// The opened device.
    pub device: Device,
    /// Precision of networks and operations.
    pub precision: Precision,
    /// Delight model.
    pub delight: InstructPix2PixPipeline,
    /// Paint model.
    pub multiview: MultiviewPipeline,
}

impl DeviceFixture {
    /// Loads both models from a folder in the published layout.
    ///
    /// # Errors
    /// If the device is missing or does not support the precision, or a model cannot be loaded.
    pub fn new(model: &Path, compute_device: ComputeDevice, precision: Precision) -> Result<Self, CaseError> {
        let device = compute_device.init().map_err(CaseError::under_test)?;
        let options = LoadOptions::new(device.clone()).with_precision(precision);
        let folder = |name| model.join(name);
        let delight = InstructPix2PixPipeline::from_pretrained(folder(DELIGHT_FOLDER), options.clone())
            .map_err(CaseError::under_test)?;
        let multiview = MultiviewPipeline::from_pretrained(folder(PAINT_FOLDER), options)
            .map_err(CaseError::under_test)?;
        Ok(Self { compute_device, device, precision, delight, multiview })
    }

    /// Returns the name in tables: device and precision.
    pub fn name(&self) -> String {
        format!("{} {}", self.compute_device, self.precision)
    }

    /// Returns standard normal numbers in single precision, the same on every device.
    pub(super) fn randn<const D: usize>(&self, seed: u64, shape: [usize; D]) -> Tensor<D> {
        let values = Philox::new(seed).randn(shape.iter().product());
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }
}

/// Returns the values of a tensor on the host, in single precision.
pub(super) fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, CaseError> {
    let data = tensor.try_into_data().map_err(CaseError::under_test)?;
    data.convert::<f32>().try_into_vec().map_err(|error| CaseError::Array {
        name: "result".to_owned(),
        expected: "floating-point numbers".to_owned(),
        found: format!("{error:?}"),
    })
}
