//! Pictures of a result, for people to look at.

use std::path::Path;

use hunyuan_paint_bake::render_textured;
use hunyuan_paint_image::{DEFAULT_BORDER_RATIO, ImageError, ReferenceImage, resize_bicubic_rgb};
use hunyuan_paint_mesh::{Camera, CanonicalMesh};
use image::{Rgb, RgbImage, imageops};

use crate::{PaintError, Painting, TexturedMesh, output};

/// Space around the cells of a contact sheet, in pixels.
const MARGIN: u32 = 8;

/// Arranges rows of images on white, each image scaled to a square of `cell` pixels.
///
/// # Errors
/// If an image is empty.
pub fn contact_sheet(rows: &[Vec<&RgbImage>], cell: u32) -> Result<RgbImage, ImageError> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0) as u32;
    let side = |cells: u32| cells * (cell + MARGIN) + MARGIN;
    let mut sheet = RgbImage::from_pixel(side(columns), side(rows.len() as u32), Rgb([255; 3]));
    for (y, row) in rows.iter().enumerate() {
        for (x, image) in row.iter().enumerate() {
            let scaled = resize_bicubic_rgb(image, cell, cell)?;
            imageops::replace(&mut sheet, &scaled, side(x as u32).into(), side(y as u32).into());
        }
    }
    Ok(sheet)
}

/// Renders a textured mesh from four sides, slightly from above, `size` pixels a side.
///
/// # Errors
/// If the mesh cannot be rendered.
pub fn four_sides(textured: &TexturedMesh, size: u32) -> Result<Vec<RgbImage>, PaintError> {
    let mesh = CanonicalMesh::new(&textured.mesh)?;
    let side = |azimuth| {
        let camera = Camera::orthographic(azimuth, 15.0);
        Ok(render_textured(&mesh, &textured.texture, &camera, size)?)
    };
    [30.0, 120.0, 210.0, 300.0].into_iter().map(side).collect()
}

/// Arranges a painting and what it was made from on one sheet: the images, the references and the texture; normal
/// maps; position maps; views; the result from four sides.
///
/// # Errors
/// If an image is transparent everywhere, or the mesh cannot be rendered.
pub fn painting_sheet(images: &[ReferenceImage], painting: &Painting) -> Result<RgbImage, PaintError> {
    let centered = |image: &ReferenceImage| Ok(image.clone().recenter(DEFAULT_BORDER_RATIO)?.on_white());
    let originals = images.iter().map(centered).collect::<Result<Vec<_>, PaintError>>()?;
    let sides = four_sides(&painting.textured, 512)?;
    let mut inputs: Vec<&RgbImage> = originals.iter().chain(&painting.references).collect();
    inputs.push(&painting.textured.texture);
    let rows = [
        inputs,
        painting.conditions.views.iter().map(|view| &view.normal).collect(),
        painting.conditions.views.iter().map(|view| &view.position).collect(),
        painting.views.iter().collect(),
        sides.iter().collect(),
    ];
    Ok(contact_sheet(&rows, 256)?)
}

/// Writes an image as PNG. The file appears whole or not at all.
///
/// # Errors
/// If the file cannot be written.
pub fn write_png(path: impl AsRef<Path>, image: &RgbImage) -> Result<(), PaintError> {
    output::write_png(path.as_ref(), image)
}
