//! All stages in a row.

use std::ops::ControlFlow;

use hunyuan_paint_mesh::Camera;
use hunyuan_paint_raster::Size;
use image::{GrayImage, RgbImage};
use rayon::prelude::*;

use crate::{
    Backend, BakeError, BakeRequest, Cpu, OnView, PartialTexture, ReliableDepth, WeightedMerge, back_project,
    backend::report, check, draw_charts, fill_gaps, fill_gutter, fill_surface, fill_vertices,
};

/// How colors get from the views into the texture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transfer {
    /// Each texel looks up the views that see its point of the surface. Texels lie where viewers look for them, at
    /// u = (column + 0.5) / size, and a chart's outermost texels have what lies beyond the seam.
    #[default]
    Gather,
    /// Each pixel of a view is scattered over the four texels around its UV, which lie at
    /// u = column / (size − 1): the original's way, to its bits ([`back_project`], then
    /// [`WeightedMerge`]). Viewers then show the texture shifted by up to half a texel, and texels
    /// between the pixels stay blank. Runs on the CPU, whatever the backend.
    Reference,
}

/// How texels that no view has painted get their colors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fill {
    /// Colors diffuse over the surface, across seams; then each chart's border is carried into the space around it.
    #[default]
    Surface,
    /// The original's: [`fill_vertices`], then [`fill_gaps`].
    Reference,
}

/// How views become a texture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BakeOptions {
    /// Surfaces seen at a larger angle are not trusted; degrees, 0 to 90.
    pub view_angle_max_degrees: f32,
    /// A view is trusted at a texel by the cosine of the view angle to this power; at least 1.
    pub cosine_exponent: u32,
    /// From the views to the texels that they see.
    pub transfer: Transfer,
    /// From these texels to the others.
    pub fill: Fill,
    /// Side of the square in which [`Transfer::Gather`] draws the depth of a view that does not bring it, in pixels;
    /// `None` takes the size of the view's image.
    pub depth_size: Option<u32>,
}

impl Default for BakeOptions {
    /// The original's angle and exponent, 75° and 4; this library's own transfer and fill.
    fn default() -> Self {
        Self {
            view_angle_max_degrees: 75.0,
            cosine_exponent: 4,
            transfer: Transfer::Gather,
            fill: Fill::Surface,
            depth_size: None,
        }
    }
}

impl BakeOptions {
    /// The original's way throughout.
    pub fn reference() -> Self {
        Self { transfer: Transfer::Reference, fill: Fill::Reference, ..Self::default() }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// If the angle is not 0 to 90 degrees, the exponent 0, or the depth's size not 1 to
    /// [`Size::LIMIT`].
    pub fn validate(&self) -> Result<(), BakeError> {
        let Self { view_angle_max_degrees, cosine_exponent, .. } = *self;
        if !(0.0..=90.0).contains(&view_angle_max_degrees) {
            let (option, expected) = ("view_angle_max_degrees", "0 to 90");
            return Err(BakeError::Option { option, expected, found: view_angle_max_degrees });
        }
        if let Some(size) = self.depth_size {
            check::size("depth", size, size)?;
        }
        if cosine_exponent == 0 {
            return Err(BakeError::Option { option: "cosine_exponent", expected: "at least 1", found: 0.0 });
        }
        Ok(())
    }

    /// The size in which a view's depth is drawn.
    pub(crate) fn depth_size_of(&self, view: &BakeView<'_>) -> Size {
        let of_image = Size::new(view.image.width(), view.image.height());
        self.depth_size.map_or(of_image, Size::square)
    }

    pub(crate) fn cosine_min(&self) -> f32 {
        libm::cos(f64::from(self.view_angle_max_degrees).to_radians()) as f32
    }
}

/// An image of the object, and the camera that it was taken by.
#[derive(Clone, Copy, Debug)]
pub struct BakeView<'a> {
    /// Where it was taken from.
    pub camera: Camera,
    /// How much it counts against other views; at least 0.
    pub weight: f32,
    /// What was taken; the background does not matter. [`Transfer::Reference`] projects it
    /// at its own size.
    pub image: &'a RgbImage,
    /// Where the view can be relied on, for [`Transfer::Gather`], if that is known. It may have another size than the
    /// image; finer is better.
    pub depth: Option<&'a ReliableDepth>,
}

impl<'a> BakeView<'a> {
    /// A view whose depth is not known yet.
    pub const fn new(camera: Camera, weight: f32, image: &'a RgbImage) -> Self {
        Self { camera, weight, image, depth: None }
    }
}

/// What [`bake`] is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BakeProgress {
    /// Looks at a view.
    View {
        /// The view, counted from 0.
        view: usize,
        /// How many there are.
        view_count: usize,
    },
    /// Fills what no view sees.
    FillSurface,
    /// Fills the space between the charts.
    FillGutter,
}

/// A finished texture.
#[derive(Clone, Debug, PartialEq)]
pub struct BakedTexture {
    /// The colors, square, rows from the top as in image files.
    pub image: RgbImage,
    /// 255 where a view has painted a texel, 0 where it was filled in.
    pub coverage: GrayImage,
}

/// Makes a texture from views of the object: brings their colors into the texture, weighted by trust, and fills
/// what none sees.
///
/// With [`Transfer::Reference`] the order of the views matters: see [`WeightedMerge::add`]. The result
/// does not depend on the number of threads.
/// `progress` is called before each stage and may end it all.
///
/// # Errors
/// If the mesh is empty or inconsistent, there are no views, a weight, an option or a size is out of range,
/// no view paints anything, or `progress` breaks.
pub fn bake(
    request: &BakeRequest<'_>,
    progress: &mut dyn FnMut(BakeProgress) -> ControlFlow<()>,
) -> Result<BakedTexture, BakeError> {
    bake_with(&mut Cpu, request, progress)
}

/// [`bake`] with the views brought into the texture elsewhere than on the CPU. The result is the same, to the bit.
///
/// # Errors
/// As [`bake`], and if a device fails.
pub fn bake_with(
    backend: &mut dyn Backend,
    request: &BakeRequest<'_>,
    progress: &mut dyn FnMut(BakeProgress) -> ControlFlow<()>,
) -> Result<BakedTexture, BakeError> {
    let BakeRequest { mesh, views, texture_size, options } = *request;
    check::mesh(mesh)?;
    check::views(views)?;
    options.validate()?;
    check::size("texture", texture_size, texture_size)?;
    let view_count = views.len();
    let check_painted = |is_anything_painted: bool| match is_anything_painted {
        true => Ok(()),
        false => Err(BakeError::NothingPainted { view_count }),
    };

    // 1. What the views see.
    let mut on_view = |view| progress(BakeProgress::View { view, view_count });
    let (texture, charts) = match options.transfer {
        Transfer::Gather => {
            let gathered = backend.gather(request, &mut on_view)?;
            check_painted(gathered.texture.coverage.iter().any(|&painted| painted != 0))?;
            (Transferred::Bytes(gathered.texture), gathered.charts)
        }
        Transfer::Reference => {
            let texture = project_and_merge(request, &mut on_view)?;
            check_painted(texture.coverage.contains(&true))?;
            (Transferred::Floats(texture), None)
        }
    };

    // 2. The rest.
    let mut on_stage = |stage| match progress(stage) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(BakeError::Cancelled),
    };
    match options.fill {
        Fill::Surface => {
            on_stage(BakeProgress::FillSurface)?;
            let charts = charts.map_or_else(|| draw_charts(mesh, texture_size), Ok)?;
            let mut texture = BakedTexture::from(texture);
            fill_surface(mesh, &charts, &mut texture)?;
            on_stage(BakeProgress::FillGutter)?;
            fill_gutter(&charts, &mut texture.image)?;
            Ok(texture)
        }
        Fill::Reference => {
            on_stage(BakeProgress::FillSurface)?;
            let mut texture = PartialTexture::from(texture);
            let painted = texture.mask();
            fill_vertices(mesh, &mut texture)?;
            on_stage(BakeProgress::FillGutter)?;
            Ok(BakedTexture { image: fill_gaps(&texture)?, coverage: painted })
        }
    }
}

/// Scatters the pixels of all views into the texture.
fn project_and_merge(
    request: &BakeRequest<'_>,
    on_view: &mut OnView<'_>,
) -> Result<PartialTexture, BakeError> {
    let BakeRequest { mesh, views, texture_size, options } = *request;
    let mut merge = WeightedMerge::new(texture_size, options)?;
    for (i, BakeView { camera, weight, image, .. }) in views.iter().enumerate() {
        report(on_view, i)?;
        merge.add(&back_project(mesh, camera, image, texture_size, options)?, *weight)?;
    }
    Ok(merge.finish())
}

/// The texture after either transfer.
enum Transferred {
    Bytes(BakedTexture),
    Floats(PartialTexture),
}

impl From<Transferred> for BakedTexture {
    fn from(texture: Transferred) -> Self {
        match texture {
            Transferred::Bytes(texture) => texture,
            Transferred::Floats(texture) => texture.into(),
        }
    }
}

impl From<Transferred> for PartialTexture {
    fn from(texture: Transferred) -> Self {
        match texture {
            Transferred::Bytes(texture) => texture.into(),
            Transferred::Floats(texture) => texture,
        }
    }
}

impl From<PartialTexture> for BakedTexture {
    /// Rounds to the nearest byte.
    fn from(texture: PartialTexture) -> Self {
        let mut image = RgbImage::new(texture.texture_size, texture.texture_size);
        let pixels = image.as_chunks_mut::<3>().0.par_iter_mut().zip(&texture.colors);
        pixels.for_each(|(pixel, color)| *pixel = color.map(|channel| (channel * 255.0 + 0.5) as u8));
        Self { image, coverage: texture.mask() }
    }
}

impl From<BakedTexture> for PartialTexture {
    fn from(texture: BakedTexture) -> Self {
        let colors = texture.image.as_chunks::<3>().0;
        Self {
            colors: colors.par_iter().map(|color| color.map(|byte| f32::from(byte) / 255.0)).collect(),
            coverage: texture.coverage.iter().map(|&painted| painted != 0).collect(),
            texture_size: texture.image.width(),
        }
    }
}
