//! `rasterize`: face index and barycentrics per pixel.

use glam::Vec4;
use hunyuan_paint_raster::{DepthPrior, NO_FACE, RasterOptions, Size, View, rasterize};
#[cfg(feature = "wgpu")]
use hunyuan_paint_raster::{
    RasterError, VisibilityBuffer,
    gpu::{GpuDevice, GpuDraw, GpuMesh, GpuRasterizer},
};
use serde::Deserialize;

use crate::{
    case::{Array, Case, CaseError},
    report::Report,
};

/// GPU of the rasterizer.
#[cfg(feature = "wgpu")]
pub type Gpu = GpuDevice;

/// GPU of the rasterizer; has no values in a build without the feature `wgpu`.
#[cfg(not(feature = "wgpu"))]
#[derive(Clone, Debug)]
pub enum Gpu {}

/// Opens the rasterizer's GPU.
///
/// # Errors
/// If there is none.
#[cfg(feature = "wgpu")]
pub fn open_gpu() -> Result<Gpu, CaseError> {
    pollster::block_on(GpuDevice::request()).map_err(CaseError::under_test)
}

/// Fails, because this build has no GPU rasterizer.
///
/// # Errors
/// Always: the feature `wgpu` is missing.
#[cfg(not(feature = "wgpu"))]
pub fn open_gpu() -> Result<Gpu, CaseError> {
    Err(CaseError::under_test(hunyuan_paint::PaintError::DeviceMissing {
        device: hunyuan_paint::ComputeDevice::Wgpu,
    }))
}

#[derive(Deserialize)]
struct Parameters {
    width: u32,
    height: u32,
    occlusion_truncation: f32,
}

/// Checks the kind `rasterize`, on a GPU if one is given.
///
/// # Errors
/// If an input is missing or the mesh cannot be rasterized.
pub fn check_rasterize(case: &Case, report: &mut Report, gpu: Option<&Gpu>) -> Result<(), CaseError> {
    let Parameters { width, height, occlusion_truncation } = case.parameters()?;
    let clip_positions: Vec<Vec4> =
        case.vectors::<4>("in.clip_positions")?.into_iter().map(Vec4::from).collect();
    let faces = case.faces("in.faces")?;
    let depth_prior = match case.get("in.depth_prior") {
        Some(_) => Some(DepthPrior { depth: case.f32("in.depth_prior")?.1, occlusion_truncation }),
        None => None,
    };

    let view = View { clip_positions: &clip_positions, size: Size::new(width, height), depth_prior };
    let visibility = match gpu {
        None => rasterize(&view, &faces, RasterOptions::default()),
        #[cfg(feature = "wgpu")]
        Some(device) => pollster::block_on(rasterize_on(device, view, &faces)),
        #[cfg(not(feature = "wgpu"))]
        Some(gpu) => match *gpu {},
    }
    .map_err(CaseError::under_test)?;

    // The recordings count faces from 1; 0 is the background.
    let ids = visibility.face_index.iter().map(|&f| if f == NO_FACE { 0 } else { f as i32 + 1 }).collect();
    let (width, height) = (width as usize, height as usize);
    let ids = Array::i32(&[height, width], ids);
    let barycentrics = Array::f32(&[height, width, 3], visibility.barycentrics.as_flattened().to_vec());
    report.compare_visibility(case, ("out.face_indices", &ids), ("out.barycentrics", &barycentrics))
}

#[cfg(feature = "wgpu")]
async fn rasterize_on(
    device: &GpuDevice,
    view: View<'_>,
    faces: &[[u32; 3]],
) -> Result<VisibilityBuffer, RasterError> {
    let mesh = GpuMesh::new(device, faces, view.clip_positions.len()).await?;
    let mut rasterizer = GpuRasterizer::new(device, RasterOptions::default()).await?;
    let mut drawn = rasterizer.draw(&mesh, &[GpuDraw::new(view)]).await?;
    drawn.remove(0).visibility().await
}
