//! The stages that need no network, each on its own: from a mesh to condition maps, and from views to a texture.

use std::{ops::ControlFlow, sync::Mutex};

use hunyuan_paint_bake::{
    Backend, BakeOptions, BakeProgress, BakeRequest, BakeView, ReliableDepth, RenderRequest, RenderedView,
    Transfer, bake_with, orient_outward,
};
use hunyuan_paint_image::resize_bicubic_rgb;
use hunyuan_paint_mesh::{
    Camera, CameraView, CanonicalMesh, Mesh, UnwrapOptions, UnwrapProgress, UnwrapStage, UvMode, UvSource,
    prepare_uvs, validate_views,
};
use image::RgbImage;

use crate::{
    PaintError, PaintStage, PaintWarning, Progress, ProgressCallback, TexturedMesh, check::check_size,
    progress::report,
};

/// A mesh that is ready to be painted.
#[derive(Clone, Debug)]
pub struct Surface {
    /// The mesh in object space, with UVs. Vertices on chart borders occur twice.
    pub mesh: Mesh,
    /// The same vertices and faces in canonical space, wound outward (see [`orient_outward`]).
    pub canonical_mesh: CanonicalMesh,
    /// The number of faces that `canonical_mesh` winds the other way than `mesh`.
    pub flipped_faces: usize,
    /// Where the UVs come from.
    pub uv_source: UvSource,
}

impl Surface {
    /// Returns what the user should know about the mesh.
    pub fn warnings(&self) -> Vec<PaintWarning> {
        let flipped = (self.flipped_faces > 0).then_some(PaintWarning::FlippedFaces {
            count: self.flipped_faces,
            face_count: self.mesh.faces.len(),
        });
        self.mesh.warnings.iter().cloned().map(PaintWarning::Mesh).chain(flipped).collect()
    }
}

/// Gives a mesh UVs, or keeps its own, and transforms it to canonical space. Faces that are wound
/// the wrong way are turned there, and only there.
///
/// # Errors
/// If the mesh cannot be painted, an option is out of range, or the callback cancels.
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
            Ok(mut on_progress) => {
                on_progress(&Progress::new(PaintStage::Unwrap, unwrapped_fraction(progress)))
            }
            Err(_) => ControlFlow::Break(()),
        };
        prepare_uvs(mesh, uv, options, unwrap_progress)?
    };
    let mut canonical_mesh = CanonicalMesh::new(&prepared.mesh)?;
    let flipped_faces = orient_outward(&mut canonical_mesh)?;
    report(on_progress, &Progress::new(PaintStage::Unwrap, 1.0))?;
    Ok(Surface { mesh: prepared.mesh, canonical_mesh, flipped_faces, uv_source: prepared.uv_source })
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
    /// One for each camera, in their order.
    pub views: Vec<ConditionView>,
}

/// What one camera sees of the geometry.
#[derive(Clone, Debug)]
pub struct ConditionView {
    /// The camera, and its weight in the texture.
    pub view: CameraView,
    /// The normal map; see [`ConditionMaps`](hunyuan_paint_bake::ConditionMaps).
    pub normal: RgbImage,
    /// The position map.
    pub position: RgbImage,
    /// Where the view will be reliable once it is painted, if the backend returned it. The GPU recomputes it instead.
    pub depth: Option<ReliableDepth>,
}

/// Renders normal and position maps, `render_size` pixels a side, and scales them to `view_size`. Every backend returns the
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
    let request = RenderRequest { mesh: &surface.canonical_mesh, cameras: &cameras, render_size, view_size };
    let rendered = backend.render_views(&request, &mut on_view)?;
    let views = views.iter().zip(rendered).map(|(view, RenderedView { maps, depth })| ConditionView {
        view: *view,
        normal: maps.normal,
        position: maps.position,
        depth,
    });
    let conditions = Conditions { views: views.collect() };
    let preview = || Ok(conditions.views.iter().map(|view| view.normal.clone()).collect());
    report(on_progress, &Progress::new(PaintStage::Conditions, 1.0).with_preview(&preview))?;
    Ok(conditions)
}

/// A painted view on its way into the texture.
#[derive(Clone, Copy, Debug)]
pub struct GeneratedView<'a> {
    /// The camera, and its weight in the texture.
    pub view: CameraView,
    /// What the camera sees, of any size.
    pub image: &'a RgbImage,
    /// Where the view is reliable, if [`render_conditions`] returned it.
    pub depth: Option<&'a ReliableDepth>,
}

/// How [`bake_views`] makes a texture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BakeStageOptions {
    /// Side of the depth maps that tell where a view is reliable, in pixels. The original's way of baking also scales
    /// the views to it.
    pub render_size: u32,
    /// Side of the texture in texels.
    pub texture_size: u32,
    /// How views become a texture.
    pub bake: BakeOptions,
}

/// Makes a texture of painted views.
///
/// # Errors
/// If a size or the camera list is not allowed, no view sees anything, the backend's device fails, or the callback
/// cancels.
pub fn bake_views(
    backend: &mut dyn Backend,
    surface: &Surface,
    views: &[GeneratedView<'_>],
    options: &BakeStageOptions,
    on_progress: &mut ProgressCallback<'_>,
) -> Result<TexturedMesh, PaintError> {
    let BakeStageOptions { render_size, texture_size, bake } = *options;
    check_size("render_size", render_size)?;
    check_size("texture_size", texture_size)?;
    validate_views(&views.iter().map(|view| view.view).collect::<Vec<_>>())?;
    report(on_progress, &Progress::new(PaintStage::Bake, 0.0))?;
    let mut scaled = Vec::new();
    if bake.transfer != Transfer::Gather {
        for view in views {
            scaled.push(resize_bicubic_rgb(view.image, render_size, render_size)?);
        }
    }
    let bake_views: Vec<BakeView<'_>> = (views.iter().enumerate())
        .map(|(i, &GeneratedView { view, image, depth })| BakeView {
            depth,
            ..BakeView::new(view.camera, view.weight, scaled.get(i).unwrap_or(image))
        })
        .collect();
    let bake = BakeOptions { depth_size: bake.depth_size.or(Some(render_size)), ..bake };
    let mut bake_progress =
        |progress| on_progress(&Progress::new(PaintStage::Bake, baked_fraction(progress)));
    let mesh = &surface.canonical_mesh;
    let request = BakeRequest { mesh, views: &bake_views, texture_size, options: &bake };
    let baked = bake_with(backend, &request, &mut bake_progress)?;
    let preview = || Ok(vec![baked.image.clone()]);
    report(on_progress, &Progress::new(PaintStage::Bake, 1.0).with_preview(&preview))?;
    Ok(TexturedMesh { mesh: surface.mesh.clone(), texture: baked.image, coverage: baked.coverage })
}

fn baked_fraction(progress: BakeProgress) -> f32 {
    match progress {
        BakeProgress::View { view, view_count } => 0.6 * view as f32 / view_count as f32,
        BakeProgress::FillSurface => 0.7,
        BakeProgress::FillGutter => 0.8,
        _ => 0.9,
    }
}
