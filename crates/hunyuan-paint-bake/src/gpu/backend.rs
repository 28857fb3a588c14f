//! The GPU as a backend, with the CPU as its fallback.

use hunyuan_paint_raster::RasterError;
use pollster::block_on;

use super::GpuBaker;
use crate::{
    Backend, BakeError, BakeRequest, Cpu, Fill, GatheredTexture, OnView, RenderRequest, RenderedView,
    backend::report, draw_charts,
};

/// The methods block until the device is done. From the device, `render_views` returns no depth,
/// because drawing it again takes less time than reading it back.
///
/// If the device fails (it is lost, is out of memory, or cannot bind a buffer of the needed size),
/// the CPU repeats the work with the same bits and logs a warning. The views are then reported
/// twice. A lost device is not tried again.
impl Backend for GpuBaker {
    fn render_views(
        &mut self,
        request: &RenderRequest<'_>,
        on_view: &mut OnView<'_>,
    ) -> Result<Vec<RenderedView>, BakeError> {
        if self.device.is_lost() {
            return Cpu.render_views(request, on_view);
        }
        let RenderRequest { mesh, cameras, render_size, view_size } = *request;
        (0..cameras.len()).try_for_each(|view| report(on_view, view))?;
        match block_on(self.condition_maps(mesh, cameras, render_size, view_size)) {
            Err(error) if is_device_failure(&error) => {
                warn("rendering views", &error);
                Cpu.render_views(request, on_view)
            }
            maps => Ok(maps?.into_iter().map(|maps| RenderedView { maps, depth: None }).collect()),
        }
    }

    fn gather(
        &mut self,
        request: &BakeRequest<'_>,
        on_view: &mut OnView<'_>,
    ) -> Result<GatheredTexture, BakeError> {
        if self.device.is_lost() {
            return Cpu.gather(request, on_view);
        }
        let BakeRequest { mesh, views, texture_size, options } = *request;
        (0..views.len()).try_for_each(|view| report(on_view, view))?;
        // Filling needs the charts on the CPU, which is idle while the GPU works.
        let (texture, charts) = rayon::join(
            || block_on(self.gather_async(mesh, views, texture_size, options)),
            || (options.fill == Fill::Surface).then(|| draw_charts(mesh, texture_size)).transpose(),
        );
        match texture {
            Err(error) if is_device_failure(&error) => {
                warn("baking", &error);
                Cpu.gather(request, on_view)
            }
            texture => Ok(GatheredTexture { texture: texture?, charts: charts? }),
        }
    }

    fn is_lost(&self) -> bool {
        self.device.is_lost()
    }
}

/// Returns whether the device caused the error, so that the CPU can do the same work.
fn is_device_failure(error: &BakeError) -> bool {
    matches!(
        error,
        BakeError::TooLargeForGpu { .. }
            | BakeError::Raster { source: RasterError::Gpu { .. } | RasterError::RowTooLarge { .. } }
    )
}

fn warn(work: &'static str, error: &BakeError) {
    let error = error as &dyn std::error::Error;
    tracing::warn!(error, "{work} on the GPU failed; the CPU repeats it with the same result");
}
