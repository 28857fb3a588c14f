//! Uncovered texels take the colors of their neighbors on the surface, not of those in the texture.

use glam::{Vec2, Vec3};
use hunyuan_paint_bake::{BakeError, BakedTexture, Fill, Transfer, draw_charts, fill_gutter, fill_surface};
use hunyuan_paint_mesh::CanonicalMesh;
use hunyuan_paint_raster::NO_FACE;
use image::{GrayImage, Luma, Rgb, RgbImage};

const SIZE: u32 = 64;
const RED: Rgb<u8> = Rgb([200, 10, 20]);
const BLUE: Rgb<u8> = Rgb([0, 30, 220]);

/// Squares of side 0.1 at the given x (in units of 0.1), each with a chart of its own. The charts
/// lie in a row in the texture.
fn squares(lefts: &[f32]) -> CanonicalMesh {
    let mut mesh = CanonicalMesh { positions: Vec::new(), faces: Vec::new(), uvs: Vec::new() };
    for (i, &left) in lefts.iter().enumerate() {
        let first = mesh.positions.len() as u32;
        for (x, y) in [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)] {
            mesh.positions.push(Vec3::new(left + x, y, 0.0) * 0.1);
            mesh.uvs.push(Vec2::new(0.05 + 0.32 * i as f32 + 0.25 * x, 0.1 + 0.25 * y));
        }
        mesh.faces.extend([[first, first + 1, first + 2], [first, first + 2, first + 3]]);
    }
    mesh
}

/// Returns the square that a face belongs to.
fn square_of(face: u32) -> Option<usize> {
    (face != NO_FACE).then_some(face as usize / 2)
}

/// Returns a texture in which the squares with a color are covered.
fn covered_texture(mesh: &CanonicalMesh, colors: &[Option<Rgb<u8>>]) -> Result<BakedTexture, BakeError> {
    let charts = draw_charts(mesh, SIZE)?;
    let mut texture = BakedTexture { image: RgbImage::new(SIZE, SIZE), coverage: GrayImage::new(SIZE, SIZE) };
    for (i, &face) in (0..).zip(&charts.face_index) {
        if let Some(color) = square_of(face).and_then(|square| colors[square]) {
            texture.image.put_pixel(i % SIZE, i / SIZE, color);
            texture.coverage.put_pixel(i % SIZE, i / SIZE, Luma([255]));
        }
    }
    Ok(texture)
}

#[test]
fn colors_diffuse_across_seams_but_not_across_the_gutter() -> Result<(), BakeError> {
    // In space, the third square adjoins the first. In the texture, it lies next to the second.
    let mesh = squares(&[0.0, 5.0, 1.0]);
    let charts = draw_charts(&mesh, SIZE)?;
    let mut texture = covered_texture(&mesh, &[Some(RED), Some(BLUE), None])?;
    let coverage = texture.coverage.clone();
    fill_surface(&mesh, &charts, &mut texture)?;
    fill_gutter(&charts, &mut texture.image)?;
    assert_eq!(texture.coverage, coverage);
    for ((x, y, &color), &face) in texture.image.enumerate_pixels().zip(&charts.face_index) {
        match square_of(face) {
            Some(0 | 2) => assert_eq!(color, RED, "texel ({x}, {y})"),
            Some(_) => assert_eq!(color, BLUE, "texel ({x}, {y})"),
            None => assert!(color == RED || color == BLUE, "texel ({x}, {y}) is {color:?}"),
        }
    }
    Ok(())
}

#[test]
fn a_square_between_two_colors_is_a_gradient() -> Result<(), BakeError> {
    let mesh = squares(&[0.0, 2.0, 1.0]);
    let charts = draw_charts(&mesh, SIZE)?;
    let mut texture = covered_texture(&mesh, &[Some(RED), Some(BLUE), None])?;
    fill_surface(&mesh, &charts, &mut texture)?;
    let reds: Vec<u8> = texture
        .image
        .enumerate_pixels()
        .zip(&charts.face_index)
        .filter(|((_, y, _), face)| *y == 14 && square_of(**face) == Some(2))
        .map(|((.., color), _)| color.0[0])
        .collect();
    // Red decreases from the side of the first square to that of the second.
    assert!(reds.is_sorted_by(|a, b| a >= b), "{reds:?}");
    let middle = reds[reds.len() / 2];
    assert!(reds[0] > 180 && reds[reds.len() - 1] < 20 && (70..130).contains(&middle), "{reds:?}");
    Ok(())
}

#[test]
fn unconnected_parts_take_the_nearest_color() -> Result<(), BakeError> {
    let mesh = squares(&[0.0, 5.0, 3.7]);
    let charts = draw_charts(&mesh, SIZE)?;
    let mut texture = covered_texture(&mesh, &[Some(RED), Some(BLUE), None])?;
    fill_surface(&mesh, &charts, &mut texture)?;
    for (color, &face) in texture.image.pixels().zip(&charts.face_index) {
        assert!(square_of(face) != Some(2) || *color == BLUE, "{color:?}");
    }
    Ok(())
}

#[test]
fn textures_of_another_size_are_rejected() -> Result<(), BakeError> {
    let mesh = squares(&[0.0]);
    let charts = draw_charts(&mesh, SIZE)?;
    let mut small = BakedTexture { image: RgbImage::new(8, 8), coverage: GrayImage::new(8, 8) };
    assert!(matches!(fill_surface(&mesh, &charts, &mut small), Err(BakeError::TextureSize { found: 8, .. })));
    assert!(matches!(fill_gutter(&charts, &mut small.image), Err(BakeError::TextureSize { found: 8, .. })));
    assert_eq!((Transfer::default(), Fill::default()), (Transfer::Gather, Fill::Surface));
    Ok(())
}
