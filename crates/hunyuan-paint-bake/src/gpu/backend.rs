//! The GPU as one of the places where views are rendered and brought into the texture.

use hunyuan_paint_mesh::{Camera, CanonicalMesh};
use pollster::block_on;

use super::GpuBaker;
use crate::{
    Backend, BakeError, BakeOptions, BakeView, Cpu, Fill, GatheredTexture, OnView, PartialTexture,
    RenderedView, Transfer, backend::report, draw_charts,
};

/// Blocks until the device is done. A view's depth stays on the device: drawing it again takes less than the way there
/// and back. What the device cannot bind whole is done on the CPU, with the same bits; its views are then reported twice.
impl Backend for GpuBaker {
    fn render_views(
        &mut self,
        mesh: &CanonicalMesh,
        cameras: &[Camera],
        render_size: u32,
        view_size: u32,
        on_view: &mut OnView<'_>,
    ) -> Result<Vec<RenderedView>, BakeError> {
        (0..cameras.len()).try_for_each(|view| report(on_view, view))?;
        let maps = match block_on(self.condition_maps(mesh, cameras, render_size, view_size)) {
            Err(BakeError::TooLargeForGpu { .. }) => {
                return Cpu.render_views(mesh, cameras, render_size, view_size, on_view);
            }
            maps => maps?,
        };
        Ok(maps.into_iter().map(|maps| RenderedView { maps, depth: None }).collect())
    }

    fn gather(
        &mut self,
        mesh: &CanonicalMesh,
        views: &[BakeView<'_>],
        texture_size: u32,
        options: &BakeOptions,
        on_view: &mut OnView<'_>,
    ) -> Result<GatheredTexture, BakeError> {
        (0..views.len()).try_for_each(|view| report(on_view, view))?;
        // Filling needs the charts on the CPU, which has time to draw them.
        let (texture, charts) = rayon::join(
            || block_on(GpuBaker::gather(self, mesh, views, texture_size, options)),
            || (options.fill == Fill::Surface).then(|| draw_charts(mesh, texture_size)).transpose(),
        );
        match texture {
            Err(BakeError::TooLargeForGpu { .. }) => Cpu.gather(mesh, views, texture_size, options, on_view),
            texture => Ok(GatheredTexture { texture: texture?, charts: charts? }),
        }
    }

    fn splat(
        &mut self,
        mesh: &CanonicalMesh,
        views: &[BakeView<'_>],
        texture_size: u32,
        options: &BakeOptions,
        on_view: &mut OnView<'_>,
    ) -> Result<PartialTexture, BakeError> {
        if options.transfer == Transfer::Reference {
            return Cpu.splat(mesh, views, texture_size, options, on_view);
        }
        (0..views.len()).try_for_each(|view| report(on_view, view))?;
        match block_on(self.project_and_merge(mesh, views, texture_size, options)) {
            Err(BakeError::TooLargeForGpu { .. }) => Cpu.splat(mesh, views, texture_size, options, on_view),
            texture => texture,
        }
    }
}
