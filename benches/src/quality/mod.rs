//! How well baking gets back what is known: objects whose color is known at every point are seen by the default
//! cameras, baked, and compared with the truth.
//!
//! 1. [`shapes`]: the objects
//! 2. [`color`]: their color, a function of the place alone
//! 3. [`render`]: pictures of them, by that function or with a texture
//! 4. [`TestObject`]: all that is known of one object: texels, seams, pictures from other cameras
//! 5. [`Figures`]: a texture compared with that
//! 6. [`report`]: the table and the contact sheets
//!
//! And how well the networks paint objects that they were not trained on:
//!
//! 1. [`colored_objects`]: the objects, in colors as things have them
//! 2. [`light`]: what a photograph has of them
//! 3. [`ViewFigures`]: views compared with the truth
//!
//! Colors are sRGB bytes, 0 to 255, never linear. A texture is looked up as viewers do it: texel centers lie at
//! half numbers, (column + 0.5) / size, row 0 at the top.

pub mod color;
pub mod colored_objects;
mod figures;
mod image_metrics;
pub mod light;
pub mod render;
pub mod report;
mod seams;
pub mod shapes;
mod test_object;
mod texture;
mod visibility;

use std::ops::ControlFlow;

use hunyuan_paint_bake::{
    BakeError, BakeOptions, BakeRequest, BakeView, BakedTexture, Fill, ReliableDepth, Transfer, bake,
};
use hunyuan_paint_image::resize_bicubic_rgb;
use hunyuan_paint_mesh::{CanonicalMesh, DEFAULT_VIEWS};
use image::RgbImage;

pub use self::{
    figures::{Figures, SquaredError},
    image_metrics::ViewFigures,
    test_object::TestObject,
    texture::{MIP_LEVELS, Texture},
};

/// The ways of baking that are compared.
pub fn modes() -> Vec<(&'static str, BakeOptions)> {
    let gather_only = BakeOptions { fill: Fill::Reference, ..BakeOptions::default() };
    let surface_only = BakeOptions { transfer: Transfer::Reference, ..BakeOptions::default() };
    vec![
        ("Reference", BakeOptions::reference()),
        ("Reference + Surface", surface_only),
        ("Gather + Reference", gather_only),
        ("Surface", BakeOptions::default()),
    ]
}

/// The sizes at which all is done, in pixels or texels a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Views, as the network paints them.
    pub view: u32,
    /// Views as they are projected.
    pub render: u32,
    /// The texture.
    pub texture: u32,
    /// The pictures from other cameras.
    pub picture: u32,
}

/// Makes a texture of what the default cameras see, by the pipeline's own path: the views are projected, or their
/// depth is drawn, at `sizes.render`.
///
/// # Errors
/// If a size is out of range, or nothing can be baked.
pub fn bake_views(
    mesh: &CanonicalMesh,
    views: &[RgbImage],
    sizes: &Sizes,
    options: &BakeOptions,
) -> Result<BakedTexture, BakeError> {
    let cameras = DEFAULT_VIEWS.iter();
    let mut images = views.to_vec();
    let mut depths = Vec::new();
    match options.transfer {
        Transfer::Reference => {
            for image in &mut images {
                *image = resize_bicubic_rgb(image, sizes.render, sizes.render)?;
            }
        }
        Transfer::Gather => {
            for view in cameras.clone() {
                depths.push(ReliableDepth::render(mesh, &view.camera, sizes.render, sizes.render)?);
            }
        }
    }
    let views: Vec<BakeView<'_>> = (cameras.zip(&images).enumerate())
        .map(|(i, (view, image))| BakeView {
            depth: depths.get(i),
            ..BakeView::new(view.camera, view.weight, image)
        })
        .collect();
    bake(&BakeRequest { mesh, views: &views, texture_size: sizes.texture, options }, &mut |_| {
        ControlFlow::Continue(())
    })
}
