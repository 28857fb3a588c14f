//! Pillow's bicubic resize of images of a word a pixel.

use hunyuan_paint_image::ResizeKernel;
use hunyuan_paint_raster::gpu::wgpu;

use super::{stages::Stage, work::Work};
use crate::BakeError;

/// A kernel on the GPU.
pub(super) struct Kernel {
    taps: wgpu::Buffer,
    weights: wgpu::Buffer,
}

/// Uploads a kernel.
pub(super) fn upload(
    work: &mut Work,
    what: [&'static str; 2],
    kernel: &ResizeKernel,
) -> Result<Kernel, BakeError> {
    let taps: Vec<u32> = (kernel.taps().iter())
        .flat_map(|taps| [taps.first, taps.first_weight, taps.count].map(|number| number as u32))
        .collect();
    Ok(Kernel {
        taps: work.upload(what[0], bytemuck::cast_slice(&taps))?,
        weights: work.upload(what[1], bytemuck::cast_slice(kernel.weights()))?,
    })
}

/// Appends how each of so many rows is resampled from one width to another.
pub(super) fn plan_rows(
    work: &mut Work,
    kernel: &Kernel,
    [source_width, target_width]: [u32; 2],
    row_count: u32,
    source: &wgpu::Buffer,
    target: &wgpu::Buffer,
) -> Result<(), BakeError> {
    let params = [source_width, target_width, row_count, 0, 0];
    let buffers = [&kernel.taps, &kernel.weights, source, target];
    work.dispatch(Stage::ResizeRows, &params, &buffers, target_width * row_count)
}

/// Appends how each of `width` columns is resampled to so many rows. `starts` are where the image begins in the source
/// and in the target, in pixels.
pub(super) fn plan_columns(
    work: &mut Work,
    kernel: &Kernel,
    width: u32,
    row_count: u32,
    [source_start, target_start]: [u32; 2],
    source: &wgpu::Buffer,
    target: &wgpu::Buffer,
) -> Result<(), BakeError> {
    let params = [width, width, row_count, source_start, target_start];
    let buffers = [&kernel.taps, &kernel.weights, source, target];
    work.dispatch(Stage::ResizeColumns, &params, &buffers, width * row_count)
}
