//! The devices that render views and bake them into the texture.

use std::{borrow::Cow, fmt, ops::ControlFlow};

use hunyuan_paint_image::resize_bicubic_rgb;
use hunyuan_paint_mesh::{Camera, CanonicalMesh};
use hunyuan_paint_raster::{Size, VisibilityBuffer};

use crate::{
    BakeError, BakeOptions, BakeView, BakedTexture, ConditionMaps, ReliableDepth, ViewRenderer, draw_charts,
    gather,
};

/// Callback before each view, with the view's index; `Break` cancels the work.
pub type OnView<'a> = dyn FnMut(usize) -> ControlFlow<()> + 'a;

/// The input of [`Backend::render_views`].
#[derive(Clone, Copy, Debug)]
pub struct RenderRequest<'a> {
    /// The mesh.
    pub mesh: &'a CanonicalMesh,
    /// The cameras, one for each view.
    pub cameras: &'a [Camera],
    /// Side of the rendered images in pixels.
    pub render_size: u32,
    /// Side of the returned maps in pixels; the rendered images are scaled to it.
    pub view_size: u32,
}

/// The input of [`bake`](crate::bake()) and [`Backend::gather`].
#[derive(Clone, Copy, Debug)]
pub struct BakeRequest<'a> {
    /// The mesh; its UVs map the surface to the texture.
    pub mesh: &'a CanonicalMesh,
    /// The views, the most important ones first; see
    /// [`WeightedMerge::add`](crate::WeightedMerge::add).
    pub views: &'a [BakeView<'a>],
    /// Side of the texture in texels.
    pub texture_size: u32,
    /// How views become a texture.
    pub options: &'a BakeOptions,
}

/// The mesh rendered from one camera, as input of the diffusion model.
#[derive(Clone, Debug)]
pub struct RenderedView {
    /// Normal and position map, scaled to [`RenderRequest::view_size`].
    pub maps: ConditionMaps,
    /// Reliable depth of the view, if the backend returns it. The GPU recomputes it instead.
    pub depth: Option<ReliableDepth>,
}

/// A texture colored by [`Transfer::Gather`](crate::Transfer::Gather).
#[derive(Clone, Debug)]
pub struct GatheredTexture {
    /// The texture; uncovered texels are still to be filled.
    pub texture: BakedTexture,
    /// The charts, if the backend drew them on the CPU.
    pub charts: Option<VisibilityBuffer>,
}

/// Renders views and gathers them into the texture, on the CPU ([`Cpu`]) or a GPU
/// (`gpu::GpuBaker`). All backends return the same bits.
pub trait Backend: fmt::Debug + Send {
    /// Renders normal and position maps for all cameras and scales them.
    ///
    /// # Errors
    /// If the mesh or a size cannot be used, `on_view` breaks, or a device fails.
    fn render_views(
        &mut self,
        request: &RenderRequest<'_>,
        on_view: &mut OnView<'_>,
    ) -> Result<Vec<RenderedView>, BakeError>;

    /// Looks up the color of each texel in the views; see [`gather`](crate::gather()).
    ///
    /// # Errors
    /// If the mesh, a view, an option or the size cannot be used, `on_view` breaks, or a device
    /// fails.
    fn gather(
        &mut self,
        request: &BakeRequest<'_>,
        on_view: &mut OnView<'_>,
    ) -> Result<GatheredTexture, BakeError>;

    /// Returns whether the backend's device is lost. It may still work, more slowly, on a fallback.
    fn is_lost(&self) -> bool {
        false
    }
}

/// The CPU, with the threads of rayon's current pool.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu;

impl Backend for Cpu {
    fn render_views(
        &mut self,
        request: &RenderRequest<'_>,
        on_view: &mut OnView<'_>,
    ) -> Result<Vec<RenderedView>, BakeError> {
        let RenderRequest { mesh, cameras, render_size, view_size } = *request;
        let renderer = ViewRenderer::new(mesh)?;
        let render = |(view, camera)| {
            report(on_view, view)?;
            let (maps, depth) = renderer.render(camera, render_size)?;
            let maps = ConditionMaps {
                normal: resize_bicubic_rgb(&maps.normal, view_size, view_size)?,
                position: resize_bicubic_rgb(&maps.position, view_size, view_size)?,
            };
            Ok(RenderedView { maps, depth: Some(depth) })
        };
        cameras.iter().enumerate().map(render).collect()
    }

    fn gather(
        &mut self,
        request: &BakeRequest<'_>,
        on_view: &mut OnView<'_>,
    ) -> Result<GatheredTexture, BakeError> {
        let BakeRequest { mesh, views, texture_size, options } = *request;
        let mut depths: Vec<Cow<'_, ReliableDepth>> = Vec::with_capacity(views.len());
        for (i, view) in views.iter().enumerate() {
            report(on_view, i)?;
            depths.push(match view.depth {
                Some(depth) => Cow::Borrowed(depth),
                None => {
                    let Size { width, height } = options.depth_size_of(view);
                    Cow::Owned(ReliableDepth::render(mesh, &view.camera, width, height)?)
                }
            });
        }
        let charts = draw_charts(mesh, texture_size)?;
        let texture = gather(mesh, &charts, views, &depths, options)?;
        Ok(GatheredTexture { texture, charts: Some(charts) })
    }
}

pub(crate) fn report(on_view: &mut OnView<'_>, view: usize) -> Result<(), BakeError> {
    match on_view(view) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(BakeError::Cancelled),
    }
}
