//! Preview of a textured mesh.

use hunyuan_paint_mesh::{Camera, CanonicalMesh};
use hunyuan_paint_raster::interpolate_at;
use image::RgbImage;
use rayon::prelude::*;

use crate::{BakeError, check, drawn_view::DrawnView};

/// Renders the textured mesh, unlit, on a white background, `size` pixels a side.
///
/// The texture is sampled as viewers do it: bilinearly, with texel centers at (index + 0.5) / size,
/// and clamped to its edge.
///
/// # Errors
/// If the mesh is empty or inconsistent, or the image or the texture is not 1 to
/// [`Size::LIMIT`](hunyuan_paint_raster::Size::LIMIT) pixels a side.
pub fn render_textured(
    mesh: &CanonicalMesh,
    texture: &RgbImage,
    camera: &Camera,
    size: u32,
) -> Result<RgbImage, BakeError> {
    check::mesh(mesh)?;
    check::size("texture", texture.width(), texture.height())?;
    let DrawnView { visibility, .. } = DrawnView::new(mesh, camera, check::size("preview", size, size)?)?;
    let uvs: Vec<[f32; 2]> = mesh.uvs.iter().map(|uv| uv.to_array()).collect();
    let mut image = RgbImage::new(size, size);
    image.as_chunks_mut().0.par_iter_mut().enumerate().for_each(|(pixel, color)| {
        let uv = interpolate_at(&uvs, &mesh.faces, &visibility, pixel);
        *color = uv.map_or([255; 3], |uv| sample_bilinear(texture, uv));
    });
    Ok(image)
}

/// Returns the color at a UV, whose origin is the top left; the texture must not be empty.
fn sample_bilinear(texture: &RgbImage, [u, v]: [f32; 2]) -> [u8; 3] {
    let (left, right, x) = neighbors(u, texture.width());
    let (top, bottom, y) = neighbors(v, texture.height());
    let [a, b, c, d] = [(left, top), (right, top), (left, bottom), (right, bottom)]
        .map(|(x, y)| texture.get_pixel(x, y).0.map(f32::from));
    std::array::from_fn(|i| {
        let upper = a[i] + (b[i] - a[i]) * x;
        let lower = c[i] + (d[i] - c[i]) * x;
        (upper + (lower - upper) * y).round() as u8
    })
}

/// Returns the two texels around a coordinate, and its fractional position between them, 0 to 1.
fn neighbors(coordinate: f32, texel_count: u32) -> (u32, u32, f32) {
    let last = texel_count - 1;
    // `max` turns NaN into 0.
    let texel = (coordinate * texel_count as f32 - 0.5).max(0.0).min(last as f32);
    let first = texel as u32;
    (first, (first + 1).min(last), texel - first as f32)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn lookups_blend_between_texel_centers() {
        let texture = RgbImage::from_fn(2, 1, |x, _| Rgb([100 * x as u8, 50, 0]));
        let red = |u| sample_bilinear(&texture, [u, 0.5])[0];
        assert_eq!(
            [-1.0, 0.0, 0.25, 0.5, 0.625, 0.75, 1.0, 2.0, f32::NAN].map(red),
            [0, 0, 0, 50, 75, 100, 100, 100, 0]
        );
    }
}
