//! The stages that need no network, each on its own: from a mesh to what the cameras see of it, and from
//! views to a texture.

use std::{ops::ControlFlow, sync::Mutex};

use ::image::RgbImage;
use hunyuan_paint_bake::{
    Backend, BakeOptions, BakeProgress, BakeView, ReliableDepth, RenderedView, Transfer, bake_with,
};
use hunyuan_paint_image::resize_bicubic_rgb;
use hunyuan_paint_mesh::{
    Camera, CameraView, Mesh, CanonicalMesh, UnwrapOptions, UnwrapProgress, UnwrapStage, UvMode, UvSource,
    prepare_uvs, validate_views,
};

use crate::{
    PaintError, Progress, ProgressCallback, PaintStage, TexturedMesh, options::check_size, progress::report,
};

/// A mesh that is ready to be painted: with UVs, and in canonical space.
#[derive(Clone, Debug)]
pub struct Surface {
    /// The mesh as it came, with UVs; vertices on chart borders are there twice.
    pub mesh: Mesh,
    /// The same vertices and faces in the space that the cameras stand in.
    pub canonical_mesh: CanonicalMesh,
    /// Whether the UVs are the mesh's own.
    pub uv_source: UvSource,
}

/// Gives a mesh UVs, or keeps its own, and puts it in canonical space.
///
/// # Errors
/// If the mesh is not one that can be painted, an option is out of range, or the callback cancels.
pub fn prepare_surface(
    mesh: &Mesh,
    uv: UvMode,
    options: &UnwrapOptions,
    on_progress: &mut ProgressCallback<'_>,
) -> Result<Surface, PaintError> {
    report(on_progress, &Progress::new(PaintStage::Unwrap, 0.0))?;
    let prepared = {
        // The unwrapper calls from its own threads, one at a time.
        let on_progress = Mutex::new(&mut *on_progress);
        let unwrap_progress = |progress: UnwrapProgress| match on_progress.lock() {
            Ok(mut on_progress) => on_progress(&Progress::new(PaintStage::Unwrap, unwrapped_fraction(progress))),
            Err(_) => ControlFlow::Break(()),
        };
        prepare_uvs(mesh, uv, options, unwrap_progress)?
    };
    let canonical_mesh = CanonicalMesh::new(&prepared.mesh)?;
    report(on_progress, &Progress::new(PaintStage::Unwrap, 1.0))?;
    Ok(Surface { mesh: prepared.mesh, canonical_mesh, uv_source: prepared.uv_source })
}

/// Flattening is most of the work; packing does not know how long it will take.
fn unwrapped_fraction(progress: UnwrapProgress) -> f32 {
    let share = progress.total.map_or(0.5, |total| progress.done as f32 / total.max(1) as f32).min(1.0);
    let (start, end) = match progress.stage {
        UnwrapStage::Segmenting => (0.0, 0.1),
        UnwrapStage::Flattening => (0.1, 0.7),
        UnwrapStage::Packing => (0.7, 0.95),
        _ => (0.95, 0.99),
    };
    start + share * (end - start)
}

/// What the cameras see of the geometry: the conditions of the paint model.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// The cameras, with their weights in the texture.
    pub views: Vec<CameraView>,
    /// One for each camera; see [`ConditionMaps`](hunyuan_paint_bake::ConditionMaps).
    pub normal_maps: Vec<RgbImage>,
    /// Likewise.
    pub position_maps: Vec<RgbImage>,
    /// For each camera where its view can be relied on once it is painted; empty where the backend keeps that to
    /// itself.
    pub depths: Vec<ReliableDepth>,
}

/// Renders normal and position maps, `render_size` pixels a side, and scales them to `view_size`. Every backend gives the
/// same bytes.
///
/// # Errors
/// If a size or the camera list is not allowed, the backend's device fails, or the callback cancels.
pub fn render_conditions(
    backend: &mut dyn Backend,
    surface: &Surface,
    views: &[CameraView],
    render_size: u32,
    view_size: u32,
    on_progress: &mut ProgressCallback<'_>,
) -> Result<Conditions, PaintError> {
    check_size("render_size", render_size)?;
    check_size("view_size", view_size)?;
    validate_views(views)?;
    let cameras: Vec<Camera> = views.iter().map(|view| view.camera).collect();
    let mut on_view =
        |view| on_progress(&Progress::new(PaintStage::Conditions, view as f32 / cameras.len() as f32));
    let rendered =
        backend.render_views(&surface.canonical_mesh, &cameras, render_size, view_size, &mut on_view)?;
    let mut conditions = Conditions {
        views: views.to_vec(),
        normal_maps: Vec::new(),
        position_maps: Vec::new(),
        depths: Vec::new(),
    };
    for RenderedView { maps, depth } in rendered {
        conditions.normal_maps.push(maps.normal);
        conditions.position_maps.push(maps.position);
        conditions.depths.extend(depth);
    }
    let preview = || Ok(conditions.normal_maps.clone());
    report(on_progress, &Progress::new(PaintStage::Conditions, 1.0).with_preview(&preview))?;
    Ok(conditions)
}

/// Painted views, on their way into the texture.
#[derive(Clone, Copy, Debug)]
pub struct PaintedViews<'a> {
    /// The cameras and their weights.
    pub views: &'a [CameraView],
    /// What each camera sees, of any size.
    pub images: &'a [RgbImage],
    /// Where each view can be relied on, if that is known from [`render_conditions`]; empty otherwise.
    pub depths: &'a [ReliableDepth],
}

/// Makes a texture of painted views. What a view can be relied on for is found out, or if
/// pixels are to be splatted the images are projected, at `render_size` pixels a side.
///
/// # Errors
/// If a size or the camera list is not allowed, there is not one image for each camera, no view sees
/// anything, the backend's device fails, or the callback cancels.
pub fn bake_views(
    backend: &mut dyn Backend,
    surface: &Surface,
    painted: &PaintedViews<'_>,
    render_size: u32,
    texture_size: u32,
    options: &BakeOptions,
    on_progress: &mut ProgressCallback<'_>,
) -> Result<TexturedMesh, PaintError> {
    let PaintedViews { views, images, depths } = *painted;
    check_size("render_size", render_size)?;
    check_size("texture_size", texture_size)?;
    validate_views(views)?;
    let one_each = |option, found| match views.len() {
        expected if expected == found => Ok(()),
        expected => Err(PaintError::option(option, format!("one for each of {expected} views"), found)),
    };
    one_each("images", images.len())?;
    if !depths.is_empty() {
        one_each("depths", depths.len())?;
    }
    report(on_progress, &Progress::new(PaintStage::Bake, 0.0))?;
    let mut scaled = Vec::new();
    if options.transfer != Transfer::Gather {
        for image in images {
            scaled.push(resize_bicubic_rgb(image, render_size, render_size)?);
        }
    }
    let images = if scaled.is_empty() { images } else { &scaled };
    let bake_views: Vec<BakeView<'_>> = (views.iter().zip(images).enumerate())
        .map(|(i, (view, image))| BakeView {
            depth: depths.get(i),
            ..BakeView::new(view.camera, view.weight, image)
        })
        .collect();
    let options = BakeOptions { depth_size: options.depth_size.or(Some(render_size)), ..*options };
    let mut bake_progress = |progress| on_progress(&Progress::new(PaintStage::Bake, baked_fraction(progress)));
    let mesh = &surface.canonical_mesh;
    let baked = bake_with(backend, mesh, &bake_views, texture_size, &options, &mut bake_progress)?;
    let preview = || Ok(vec![baked.image.clone()]);
    report(on_progress, &Progress::new(PaintStage::Bake, 1.0).with_preview(&preview))?;
    Ok(TexturedMesh { mesh: surface.mesh.clone(), texture: baked.image, painted: baked.painted })
}

fn baked_fraction(progress: BakeProgress) -> f32 {
    match progress {
        BakeProgress::View { view, view_count } => 0.6 * view as f32 / view_count as f32,
        BakeProgress::FillSurface => 0.7,
        BakeProgress::FillGutter => 0.8,
        _ => 0.9,
    }
}
