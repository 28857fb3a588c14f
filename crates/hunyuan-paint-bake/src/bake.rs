//! The whole way from views to a finished texture.

use std::ops::ControlFlow;

use hunyuan_paint_mesh::Camera;
use hunyuan_paint_raster::Size;
use image::{GrayImage, RgbImage};
use rayon::prelude::*;

use crate::{
    Backend, BakeError, BakeRequest, Cpu, OnView, PartialTexture, ReliableDepth, WeightedMerge, back_project,
    backend::report, check, draw_charts, fill_gaps, fill_gutter, fill_surface, fill_vertices,
};

/// The method that transfers colors from the views to the texture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transfer {
    /// Each texel looks up its color in the views that see its point of the surface. Texel centers
    /// lie where viewers sample them, at u = (column + 0.5) / size. The texels just outside a chart
    /// get the colors beyond the seam.
    #[default]
    Gather,
    /// Each pixel of a view is scattered over the four texels around its UV; texel centers lie at u
    /// = column / (size − 1). This is the original's method, with the same bits ([`back_project`],
    /// then [`WeightedMerge`]). Viewers show its textures shifted by up to half a texel, and texels
    /// between the pixels stay uncovered. It runs on the CPU, whatever the backend.
    Reference,
}

/// The method that colors uncovered texels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fill {
    /// Colors diffuse over the surface and across seams ([`fill_surface`]). Then each texel of the
    /// gutter takes the color of the nearest chart ([`fill_gutter`]).
    #[default]
    Surface,
    /// The original's method: [`fill_vertices`], then [`fill_gaps`].
    Reference,
}

/// How views become a texture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BakeOptions {
    /// Maximum angle between the surface's normal and the camera's axis, in degrees, 0 to 90. A
    /// view does not cover surfaces at a larger angle.
    pub view_angle_max_degrees: f32,
    /// Exponent of the cosine of that angle in the blend weight of a view; at least 1.
    pub cosine_exponent: u32,
    /// How colors are transferred from the views to the texture.
    pub transfer: Transfer,
    /// How uncovered texels are filled.
    pub fill: Fill,
    /// Side, in pixels, of the square depth map that [`Transfer::Gather`] renders for a view
    /// without [`BakeView::depth`]; `None` stands for the size of the view's image.
    pub depth_size: Option<u32>,
}

impl Default for BakeOptions {
    /// The original's angle and exponent, 75° and 4, with this library's own transfer and fill.
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
    /// Returns the original's methods and values throughout.
    pub fn reference() -> Self {
        Self { transfer: Transfer::Reference, fill: Fill::Reference, ..Self::default() }
    }

    /// Checks the ranges of the fields.
    ///
    /// # Errors
    /// If the angle is not 0 to 90 degrees, the exponent is 0, or the depth size is not 1 to
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

    /// Returns the size at which the depth of a view is rendered.
    pub(crate) fn depth_size_of(&self, view: &BakeView<'_>) -> Size {
        let of_image = Size::new(view.image.width(), view.image.height());
        self.depth_size.map_or(of_image, Size::square)
    }

    pub(crate) fn cosine_min(&self) -> f32 {
        libm::cos(f64::from(self.view_angle_max_degrees).to_radians()) as f32
    }
}

/// An image of the object and its camera.
#[derive(Clone, Copy, Debug)]
pub struct BakeView<'a> {
    /// The camera of the image.
    pub camera: Camera,
    /// Weight relative to the other views; at least 0.
    pub weight: f32,
    /// The image; its background does not matter. [`Transfer::Reference`] draws the mesh at the
    /// image's size.
    pub image: &'a RgbImage,
    /// Reliable depth of the view, if known; only [`Transfer::Gather`] uses it. Its size may differ
    /// from the image's; finer is better.
    pub depth: Option<&'a ReliableDepth>,
}

impl<'a> BakeView<'a> {
    /// Returns a view without a depth.
    pub const fn new(camera: Camera, weight: f32, image: &'a RgbImage) -> Self {
        Self { camera, weight, image, depth: None }
    }
}

/// The stage that [`bake`] is about to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BakeProgress {
    /// The transfer of one view.
    View {
        /// Index of the view.
        view: usize,
        /// Number of views.
        view_count: usize,
    },
    /// Filling of uncovered texels of the surface.
    FillSurface,
    /// Filling of the gutter.
    FillGutter,
}

/// A texture and its coverage.
#[derive(Clone, Debug, PartialEq)]
pub struct BakedTexture {
    /// The colors; square, the top row first as in image files.
    pub image: RgbImage,
    /// 255 where a view colored the texel, 0 elsewhere; filling does not change it.
    pub coverage: GrayImage,
}

/// Makes a texture from views of the object: transfers their colors to the texture, averaged by
/// blend weight, and fills uncovered texels.
///
/// With [`Transfer::Reference`], the order of the views matters: see [`WeightedMerge::add`]. The
/// result does not depend on the number of threads. `progress` is called before each stage; `Break`
/// cancels the work.
///
/// # Errors
/// If the mesh is empty or inconsistent, there are no views, a weight, an option or a size is out
/// of range, no texel is covered, or `progress` breaks.
pub fn bake(
    request: &BakeRequest<'_>,
    progress: &mut dyn FnMut(BakeProgress) -> ControlFlow<()>,
) -> Result<BakedTexture, BakeError> {
    bake_with(&mut Cpu, request, progress)
}

/// Like [`bake`], but runs [`Transfer::Gather`] on a given backend. [`Transfer::Reference`] runs on
/// the CPU. The result is the same, bit for bit.
///
/// # Errors
/// As [`bake`], or if a device fails.
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
    let check_coverage = |is_any_texel_covered: bool| match is_any_texel_covered {
        true => Ok(()),
        false => Err(BakeError::NothingPainted { view_count }),
    };

    // 1. Transfer the colors of the views.
    let mut on_view = |view| progress(BakeProgress::View { view, view_count });
    let (texture, charts) = match options.transfer {
        Transfer::Gather => {
            let gathered = backend.gather(request, &mut on_view)?;
            check_coverage(gathered.texture.coverage.iter().any(|&coverage| coverage != 0))?;
            (Transferred::Bytes(gathered.texture), gathered.charts)
        }
        Transfer::Reference => {
            let texture = project_and_merge(request, &mut on_view)?;
            check_coverage(texture.coverage.contains(&true))?;
            (Transferred::Floats(texture), None)
        }
    };

    // 2. Fill the uncovered texels.
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
            let coverage = texture.mask();
            fill_vertices(mesh, &mut texture)?;
            on_stage(BakeProgress::FillGutter)?;
            Ok(BakedTexture { image: fill_gaps(&texture)?, coverage })
        }
    }
}

/// Scatters the pixels of all views into a texture ([`Transfer::Reference`]).
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

/// A texture in the representation of its transfer.
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
            coverage: texture.coverage.iter().map(|&coverage| coverage != 0).collect(),
            texture_size: texture.image.width(),
        }
    }
}
