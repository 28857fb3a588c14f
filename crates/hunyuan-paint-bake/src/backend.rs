//! Where views are rendered and brought into the texture.

use std::{borrow::Cow, fmt, ops::ControlFlow};

use hunyuan_paint_image::resize_bicubic_rgb;
use hunyuan_paint_mesh::{Camera, CanonicalMesh};
use hunyuan_paint_raster::{Size, VisibilityBuffer};

use crate::{
    BakeError, BakeOptions, BakeView, BakedTexture, ConditionMaps, PartialTexture, ReliableDepth, WeightedMerge,
    ViewRenderer, back_project, draw_charts, gather,
};

/// Called before each view, with its number; `Break` ends the work.
pub type OnView<'a> = dyn FnMut(usize) -> ControlFlow<()> + 'a;

/// A view of the mesh for the diffusion model.
#[derive(Clone, Debug)]
pub struct RenderedView {
    /// Normals and positions, at the model's size.
    pub maps: ConditionMaps,
    /// Where the view can be relied on when it comes back, if that was a by-product.
    pub depth: Option<ReliableDepth>,
}

/// A texture colored by [`Transfer::Gather`](crate::Transfer::Gather).
#[derive(Clone, Debug)]
pub struct GatheredTexture {
    /// What the views see; the rest is yet to be filled.
    pub texture: BakedTexture,
    /// The charts, if they were a by-product.
    pub charts: Option<VisibilityBuffer>,
}

/// Where views are rendered and brought into the texture: on the CPU ([`Cpu`]) or a GPU (`gpu::GpuBaker`). All give the
/// same bits.
pub trait Backend: fmt::Debug + Send {
    /// Renders what the cameras see, `render_size` pixels a side, and scales the maps to `view_size`.
    ///
    /// # Errors
    /// If the mesh or a size cannot be used, `on_view` breaks, or a device fails.
    fn render_views(
        &mut self,
        mesh: &CanonicalMesh,
        cameras: &[Camera],
        render_size: u32,
        view_size: u32,
        on_view: &mut OnView<'_>,
    ) -> Result<Vec<RenderedView>, BakeError>;

    /// Has each texel look up its color: [`gather`](crate::gather()).
    ///
    /// # Errors
    /// If the mesh, a view, an option or the size cannot be used, `on_view` breaks, or a device fails.
    fn gather(
        &mut self,
        mesh: &CanonicalMesh,
        views: &[BakeView<'_>],
        texture_size: u32,
        options: &BakeOptions,
        on_view: &mut OnView<'_>,
    ) -> Result<GatheredTexture, BakeError>;

    /// Scatters the views' pixels, and merges them: [`back_project`] and [`WeightedMerge`].
    ///
    /// # Errors
    /// As [`gather`](Self::gather).
    fn splat(
        &mut self,
        mesh: &CanonicalMesh,
        views: &[BakeView<'_>],
        texture_size: u32,
        options: &BakeOptions,
        on_view: &mut OnView<'_>,
    ) -> Result<PartialTexture, BakeError>;
}

/// All cores of the CPU.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu;

impl Backend for Cpu {
    fn render_views(
        &mut self,
        mesh: &CanonicalMesh,
        cameras: &[Camera],
        render_size: u32,
        view_size: u32,
        on_view: &mut OnView<'_>,
    ) -> Result<Vec<RenderedView>, BakeError> {
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
        mesh: &CanonicalMesh,
        views: &[BakeView<'_>],
        texture_size: u32,
        options: &BakeOptions,
        on_view: &mut OnView<'_>,
    ) -> Result<GatheredTexture, BakeError> {
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

    fn splat(
        &mut self,
        mesh: &CanonicalMesh,
        views: &[BakeView<'_>],
        texture_size: u32,
        options: &BakeOptions,
        on_view: &mut OnView<'_>,
    ) -> Result<PartialTexture, BakeError> {
        let mut merge = WeightedMerge::new(texture_size, options)?;
        for (i, BakeView { camera, weight, image, .. }) in views.iter().enumerate() {
            report(on_view, i)?;
            merge.add(&back_project(mesh, camera, image, texture_size, options)?, *weight)?;
        }
        Ok(merge.finish())
    }
}

pub(crate) fn report(on_view: &mut OnView<'_>, view: usize) -> Result<(), BakeError> {
    match on_view(view) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(BakeError::Cancelled),
    }
}
