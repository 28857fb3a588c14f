//! Runner of case folders.

use std::path::Path;

use burn::tensor::Device;
use hunyuan_paint::ComputeDevice;

use crate::{
    case::{Case, CaseError},
    kinds::{self, raster::Gpu},
    report::{Line, Report},
};

/// Device of a run: it computes networks and the rasterizer; all other stages run on the CPU.
#[derive(Clone, Debug)]
pub struct RunnerDevice {
    networks: ComputeDevice,
    raster: Option<Gpu>,
}

impl RunnerDevice {
    /// The CPU for everything.
    pub const CPU: Self = Self { networks: ComputeDevice::Cpu, raster: None };

    /// Opens a device, and for a GPU also the rasterizer's GPU.
    ///
    /// # Errors
    /// If the build does not support the device, or the machine has none.
    pub fn new(device: ComputeDevice) -> Result<Self, CaseError> {
        // Fails in a build without this device.
        device.init().map_err(CaseError::under_test)?;
        Ok(Self { networks: device, raster: device.is_gpu().then(kinds::raster::open_gpu).transpose()? })
    }

    fn networks(&self) -> Result<Device, CaseError> {
        self.networks.init().map_err(CaseError::under_test)
    }
}

/// Checks a case folder, and returns a line per output. A case that cannot be checked gives a
/// failing line.
pub fn run_case(dir: &Path, device: &RunnerDevice) -> Vec<Line> {
    let case = match Case::read(dir) {
        Ok(case) => case,
        Err(error) => return vec![Line::error(&dir.display().to_string(), "unknown", "case", &error)],
    };
    let failed = |error| Line::error(&case.name(), case.kind(), "case", &error);
    let mut report = match Report::new(&case, device.raster.is_some()) {
        Ok(report) => report,
        Err(error) => return vec![failed(error)],
    };
    let result = check(&case, &mut report, device);
    let mut lines = report.lines().to_vec();
    if let Err(error) = result {
        lines.push(failed(error));
    }
    // Recorded outputs that the kind did not compare are failures.
    for output in case.names("out.") {
        if !lines.iter().any(|line| line.output == output) {
            let error = CaseError::Array {
                name: output.clone(),
                expected: "an output of this kind".to_owned(),
                found: "one that was not compared".to_owned(),
            };
            lines.push(Line::error(&case.name(), case.kind(), &output, &error));
        }
    }
    lines
}

fn check(case: &Case, report: &mut Report, device: &RunnerDevice) -> Result<(), CaseError> {
    match case.kind() {
        "scheduler" => kinds::scheduler::check_scheduler(case, report),
        "torch_cpu_randn" => kinds::random::check_torch_cpu_randn(case, report),
        "torch_cuda_randn" => kinds::random::check_torch_cuda_randn(case, report),
        "unet2d_condition" => kinds::networks::check_unet2d_condition(case, report, &device.networks()?),
        "unet2p5d" => kinds::networks::check_unet2p5d(case, report, &device.networks()?),
        "autoencoder_kl" => kinds::networks::check_autoencoder_kl(case, report, &device.networks()?),
        "clip_text" => kinds::networks::check_clip_text(case, report, &device.networks()?),
        "instruct_pix2pix" => kinds::pipelines::check_instruct_pix2pix(case, report, &device.networks()?),
        "paint_multiview" => kinds::pipelines::check_paint_multiview(case, report, &device.networks()?),
        "rasterize" => kinds::raster::check_rasterize(case, report, device.raster.as_ref()),
        "camera" => kinds::camera::check_camera(case, report),
        "condition_maps" => kinds::bake::check_condition_maps(case, report),
        "bake" => kinds::bake::check_bake(case, report),
        "resize" => kinds::image::check_resize(case, report),
        "canny_erode" => kinds::image::check_canny_erode(case, report),
        "inpaint_ns" => kinds::image::check_inpaint_ns(case, report),
        "reference_image_prep" => kinds::image::check_reference_image_prep(case, report),
        other => Err(CaseError::UnknownKind(other.to_owned())),
    }
}
