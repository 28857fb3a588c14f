//! The original's filling of uncovered texels: along the mesh's edges, then by inpainting.

use glam::Vec3;
use hunyuan_paint_image::inpaint_navier_stokes;
use hunyuan_paint_mesh::CanonicalMesh;
use image::RgbImage;
use rayon::prelude::*;

use crate::{BakeError, PartialTexture, check, condition_maps::to_byte, grouped::Grouped};

/// Minimum distance between neighbors in the weights, in units of canonical space; smaller
/// distances are clamped.
const DISTANCE_MIN: f64 = 1e-4;

/// Radius of the inpainting in texels.
const INPAINT_RADIUS: u32 = 3;

/// Spreads colors from covered vertices to their neighbors on the mesh, and writes them to the
/// texels of the vertices, which then count as covered.
///
/// A vertex whose texel is covered has the texel's color. All others, in the order of the faces'
/// corners, take the mean of their colored neighbors, weighted by the inverse square of the
/// distance. Such sweeps are repeated until the number of corners without a colored neighbor has
/// settled. They run in place, so the result depends on the order, and this stage runs on one
/// thread.
///
/// # Errors
/// If the mesh is empty or inconsistent, or the texture's buffers do not match its size.
pub fn fill_vertices(mesh: &CanonicalMesh, texture: &mut PartialTexture) -> Result<(), BakeError> {
    check::mesh(mesh)?;
    texture.check()?;
    let texels: Vec<usize> = mesh.uvs.iter().map(|uv| texel_of([uv.x, uv.y], texture.texture_size)).collect();

    // 1. Collect the colors of covered vertices, and the corners of uncovered ones.
    let mut colors: Vec<Option<[f32; 3]>> = vec![None; mesh.positions.len()];
    let mut uncovered_corners: Vec<u32> = Vec::new();
    for &vertex in mesh.faces.as_flattened() {
        let texel = texels[vertex as usize];
        if texture.coverage[texel] {
            colors[vertex as usize] = Some(texture.colors[texel]);
        } else {
            uncovered_corners.push(vertex);
        }
    }

    // 2. Sweep over the uncovered corners. The stopping rule is the original's: a sweep with as
    // many corners without a colored neighbor as the previous one takes one from the number of
    // sweeps left, any other adds one.
    let neighbors = neighbors_of_vertices(mesh);
    let mut sweeps_left = 2_u32;
    let mut stuck_before = 0;
    while sweeps_left > 0 {
        let mut stuck = 0;
        for &vertex in &uncovered_corners {
            match mean_of_neighbors(vertex, &neighbors, &mesh.positions, &colors) {
                Some(color) => colors[vertex as usize] = Some(color),
                None => stuck += 1,
            }
        }
        if stuck == stuck_before {
            sweeps_left -= 1;
        } else {
            sweeps_left += 1;
        }
        stuck_before = stuck;
    }

    // 3. Write the colors to the texture.
    for &vertex in mesh.faces.as_flattened() {
        if let Some(color) = colors[vertex as usize] {
            let texel = texels[vertex as usize];
            texture.colors[texel] = color;
            texture.coverage[texel] = true;
        }
    }
    Ok(())
}

/// Returns the index of the texel nearest to a UV. The arithmetic is the original's, whose v points
/// up at this stage.
fn texel_of([u, v]: [f32; 2], texture_size: u32) -> usize {
    let last = texture_size - 1;
    let v_up = 1.0 - v;
    let column = (u * last as f32).round() as usize;
    let row = ((1.0 - f64::from(v_up)) * f64::from(last)).round() as usize;
    let last = last as usize;
    row.min(last) * texture_size as usize + column.min(last)
}

/// Returns for each vertex the ends of the edges that start there, along the faces' winding. A
/// neighbor occurs once per edge.
fn neighbors_of_vertices(mesh: &CanonicalMesh) -> Grouped<u32> {
    let edges = |&[a, b, c]: &[u32; 3]| [(a as usize, b), (b as usize, c), (c as usize, a)];
    Grouped::new(mesh.positions.len(), mesh.faces.iter().flat_map(edges))
}

/// Returns the mean color of the colored neighbors, weighted by the inverse square of their
/// distance; `None` without such neighbors.
fn mean_of_neighbors(
    vertex: u32,
    neighbors: &Grouped<u32>,
    positions: &[Vec3],
    colors: &[Option<[f32; 3]>],
) -> Option<[f32; 3]> {
    let mut color_sum = [0.0_f32; 3];
    let mut weight_sum = 0.0_f32;
    for &neighbor in neighbors.group(vertex as usize) {
        let Some(color) = colors[neighbor as usize] else { continue };
        let [x, y, z] = (positions[vertex as usize] - positions[neighbor as usize]).to_array().map(f64::from);
        let distance = (x * x + y * y + z * z).sqrt();
        let inverse = (1.0 / distance.max(DISTANCE_MIN)) as f32;
        let weight = inverse * inverse;
        for (sum, channel) in color_sum.iter_mut().zip(color) {
            *sum += channel * weight;
        }
        weight_sum += weight;
    }
    (weight_sum > 0.0).then(|| color_sum.map(|sum| sum / weight_sum))
}

/// Converts the texture to bytes and fills all uncovered texels by Navier-Stokes inpainting.
///
/// The top row of the image comes first, as in image files. Without any covered texel, the image
/// has the colors of `texture.colors`.
///
/// # Errors
/// If the texture's buffers do not match its size.
pub fn fill_gaps(texture: &PartialTexture) -> Result<RgbImage, BakeError> {
    texture.check()?;
    let mut image = RgbImage::new(texture.texture_size, texture.texture_size);
    let bytes = image.as_chunks_mut().0;
    bytes.par_iter_mut().zip(&texture.colors).for_each(|(bytes, color)| *bytes = color.map(to_byte));
    let mut uncovered = texture.mask();
    uncovered.par_iter_mut().for_each(|byte| *byte = 255 - *byte);
    Ok(inpaint_navier_stokes(&image, &uncovered, INPAINT_RADIUS)?)
}

#[cfg(test)]
mod tests {
    use glam::Vec2;

    use super::*;

    /// A strip of four triangles, whose six vertices lie at the three left texels of the upper two
    /// rows.
    fn strip() -> CanonicalMesh {
        let grid = || (0..6).map(|i| (i % 3, i / 3));
        CanonicalMesh {
            positions: grid().map(|(x, y)| Vec3::new(x as f32 * 0.1, 0.0, y as f32 * 0.1)).collect(),
            faces: vec![[0, 1, 3], [1, 4, 3], [1, 2, 4], [2, 5, 4]],
            uvs: grid().map(|(x, y)| Vec2::new(x as f32, y as f32) / 3.0).collect(),
        }
    }

    fn blank(texture_size: u32) -> PartialTexture {
        let texel_count = (texture_size * texture_size) as usize;
        PartialTexture {
            colors: vec![[0.0; 3]; texel_count],
            coverage: vec![false; texel_count],
            texture_size,
        }
    }

    #[test]
    fn colors_spread_along_the_mesh() -> Result<(), BakeError> {
        let mut texture = blank(4);
        texture.colors[0] = [0.75, 0.5, 0.25];
        texture.coverage[0] = true;
        fill_vertices(&strip(), &mut texture)?;
        let vertices = [0, 1, 2, 4, 5, 6];
        for texel in 0..16 {
            assert_eq!(texture.coverage[texel], vertices.contains(&texel), "texel {texel}");
        }
        assert!(vertices.iter().all(|&texel| (texture.colors[texel][0] - 0.75).abs() < 1e-6));
        let image = fill_gaps(&texture)?;
        assert!(image.pixels().all(|pixel| pixel.0[0].abs_diff(191) <= 1));
        Ok(())
    }

    #[test]
    fn neighbors_are_weighted_by_inverse_squared_distance() {
        let mesh = strip();
        let colors = [Some([1.0; 3]), None, None, None, Some([0.0; 3]), None];
        // Vertex 3 has edges to vertices 0 (at distance 0.1) and 1; only vertex 0 has a color.
        let neighbors = neighbors_of_vertices(&mesh);
        assert_eq!(neighbors.group(3), [0, 1]);
        assert_eq!(mean_of_neighbors(3, &neighbors, &mesh.positions, &colors), Some([1.0; 3]));
        // Vertex 4 has edges to vertices 3, 1 (at distance 0.1) and 2 (at distance 0.14).
        let colors = [None, Some([1.0; 3]), Some([0.0; 3]), None, None, None];
        assert_eq!(neighbors.group(4), [3, 1, 2]);
        let mean = mean_of_neighbors(4, &neighbors, &mesh.positions, &colors);
        assert!(mean.is_some_and(|mean| (mean[0] - 2.0 / 3.0).abs() < 1e-6), "{mean:?}");
    }

    #[test]
    fn a_texture_without_coverage_does_not_change() -> Result<(), BakeError> {
        let mut texture = blank(4);
        fill_vertices(&strip(), &mut texture)?;
        assert_eq!(texture, blank(4));
        assert!(fill_gaps(&texture)?.iter().all(|&byte| byte == 0));
        Ok(())
    }

    #[test]
    fn texels_round_half_away_from_zero() {
        assert_eq!(texel_of([0.5, 0.0], 4), 2);
        assert_eq!(texel_of([0.0, 0.5], 4), 8);
        assert_eq!(texel_of([1.0, 1.0], 4), 15);
        assert_eq!(texel_of([9.0, -9.0], 4), 3);
    }
}
