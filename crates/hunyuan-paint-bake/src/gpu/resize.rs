//! Pillow's bicubic resize of images with a word per pixel.

use hunyuan_paint_image::ResizeKernel;
use hunyuan_paint_raster::{Size, gpu::wgpu};

use super::{passes::params, work::Work};
use crate::BakeError;

/// A resize kernel on the GPU.
pub(super) struct Kernel {
    taps: wgpu::Buffer,
    weights: wgpu::Buffer,
}

/// Uploads a kernel into the two named buffers, taps and weights.
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

/// Appends the steps that scale an image, and returns the buffer of the result.
pub(super) fn plan(
    work: &mut Work,
    source: &wgpu::Buffer,
    from: Size,
    to: Size,
) -> Result<wgpu::Buffer, BakeError> {
    let row_kernel = ResizeKernel::new(from.width, to.width);
    let row_kernel = upload(work, ["taps of rows", "weights of rows"], &row_kernel)?;
    let column_kernel = ResizeKernel::new(from.height, to.height);
    let column_kernel = upload(work, ["taps of columns", "weights of columns"], &column_kernel)?;
    let columns_first = ResizeKernel::columns_first((from.width, from.height), (to.width, to.height));
    let between =
        if columns_first { Size::new(from.width, to.height) } else { Size::new(to.width, from.height) };
    let half_scaled = work.buffer("scaled in one direction", 4 * between.pixel_count() as u64)?;
    let scaled = work.buffer("scaled", 4 * to.pixel_count() as u64)?;
    let widths = [from.width, to.width];
    if columns_first {
        plan_columns(work, &column_kernel, from.width, to.height, [0, 0], source, &half_scaled)?;
        plan_rows(work, &row_kernel, widths, to.height, &half_scaled, &scaled)?;
    } else {
        plan_rows(work, &row_kernel, widths, from.height, source, &half_scaled)?;
        plan_columns(work, &column_kernel, to.width, to.height, [0, 0], &half_scaled, &scaled)?;
    }
    Ok(scaled)
}

/// Appends the pass that resamples `row_count` rows from `source_width` to `target_width`.
pub(super) fn plan_rows(
    work: &mut Work,
    kernel: &Kernel,
    [source_width, target_width]: [u32; 2],
    row_count: u32,
    source: &wgpu::Buffer,
    target: &wgpu::Buffer,
) -> Result<(), BakeError> {
    let params =
        params::ResizeRows { source_width, target_width, row_count, source_start: 0, target_start: 0 };
    let buffers = [&kernel.taps, &kernel.weights, source, target];
    work.dispatch(&params, &buffers, target_width * row_count)
}

/// Appends the pass that resamples `width` columns to `row_count` rows. The image starts at pixel
/// `source_start` of the source and at pixel `target_start` of the target.
pub(super) fn plan_columns(
    work: &mut Work,
    kernel: &Kernel,
    width: u32,
    row_count: u32,
    [source_start, target_start]: [u32; 2],
    source: &wgpu::Buffer,
    target: &wgpu::Buffer,
) -> Result<(), BakeError> {
    let params = params::ResizeColumns {
        source_width: width,
        target_width: width,
        row_count,
        source_start,
        target_start,
    };
    let buffers = [&kernel.taps, &kernel.weights, source, target];
    work.dispatch(&params, &buffers, width * row_count)
}
