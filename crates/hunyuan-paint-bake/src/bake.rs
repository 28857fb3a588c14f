//! All stages in a row.

use std::ops::ControlFlow;

use hunyuan_paint_mesh::{Camera, PaintMesh};
use image::{GrayImage, RgbImage};

use crate::{BakeError, TrustMerge, back_project, check, fill_gaps, fill_vertices};

/// How views become a texture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BakeOptions {
    /// Surfaces seen at a larger angle are not trusted; degrees, 0 to 90.
    pub view_angle_max_degrees: f32,
    /// A view is trusted at a texel by the cosine of the view angle to this power; at least 1.
    pub cosine_exponent: u32,
}

impl Default for BakeOptions {
    /// The original's: 75° and 4.
    fn default() -> Self {
        Self { view_angle_max_degrees: 75.0, cosine_exponent: 4 }
    }
}

impl BakeOptions {
    pub(crate) fn check(&self) -> Result<(), BakeError> {
        let Self { view_angle_max_degrees, cosine_exponent } = *self;
        if !(0.0..=90.0).contains(&view_angle_max_degrees) {
            let (option, expected) = ("view_angle_max_degrees", "0 to 90");
            return Err(BakeError::Option { option, expected, found: view_angle_max_degrees });
        }
        if cosine_exponent == 0 {
            return Err(BakeError::Option { option: "cosine_exponent", expected: "at least 1", found: 0.0 });
        }
        Ok(())
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
    /// What was taken, at the size at which it is projected; the background does not matter.
    pub image: &'a RgbImage,
}

/// What [`bake`] is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BakeProgress {
    /// Projects a view into the texture.
    View {
        /// The view, counted from 0.
        view: usize,
        /// How many there are.
        view_count: usize,
    },
    /// Spreads colours along the mesh.
    FillVertices,
    /// Fills the rest of the texture.
    FillGaps,
}

/// A finished texture.
#[derive(Clone, Debug, PartialEq)]
pub struct BakedTexture {
    /// The colours, square, rows from the top as in image files.
    pub image: RgbImage,
    /// 255 where a view has painted a texel, 0 where it was filled in.
    pub painted: GrayImage,
}

/// Makes a texture from views of the object: projects each, merges them by trust, and fills what none sees.
///
/// Views that come first go first: see [`TrustMerge::add`]. The result does not depend on the number of threads.
/// `progress` is called before each stage and may end it all.
///
/// # Errors
/// If the mesh is empty or inconsistent, there are no views, a weight, an option or a size is out of range,
/// no view paints anything, or `progress` breaks.
pub fn bake(
    mesh: &PaintMesh,
    views: &[BakeView<'_>],
    texture_size: u32,
    options: &BakeOptions,
    progress: &mut dyn FnMut(BakeProgress) -> ControlFlow<()>,
) -> Result<BakedTexture, BakeError> {
    let view_count = views.len();
    check::views(views)?;
    let mut report = |stage| match progress(stage) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(BakeError::Cancelled),
    };

    let mut merge = TrustMerge::new(texture_size, options)?;
    for (view, BakeView { camera, weight, image }) in views.iter().enumerate() {
        report(BakeProgress::View { view, view_count })?;
        merge.add(&back_project(mesh, camera, image, texture_size, options)?, *weight)?;
    }
    let mut texture = merge.finish();
    if !texture.painted.contains(&true) {
        return Err(BakeError::NothingPainted { view_count });
    }
    let painted = texture.mask();

    report(BakeProgress::FillVertices)?;
    fill_vertices(mesh, &mut texture)?;

    report(BakeProgress::FillGaps)?;
    Ok(BakedTexture { image: fill_gaps(&texture)?, painted })
}
