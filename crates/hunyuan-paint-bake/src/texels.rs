//! The point of the surface at each texel.

use glam::{Vec2, Vec4};
use hunyuan_paint_mesh::{CanonicalMesh, vertex_normals};
use hunyuan_paint_raster::{NO_FACE, Size, View, VisibilityBuffer, rasterize, texture};
use rayon::prelude::*;

use crate::{BakeError, check, dilate::BitMask};

/// Extrapolated barycentrics with an absolute value above this are rejected: the face is so small,
/// compared with its distance from the texel, that rounding errors dominate.
const EXTRAPOLATION_MAX: f32 = 64.0;

/// Offsets (columns, rows) of the eight neighbors of a texel; those that share a side come first.
const NEIGHBORS: [[i32; 2]; 8] = [[-1, 0], [1, 0], [0, -1], [0, 1], [-1, -1], [1, -1], [-1, 1], [1, 1]];

/// Rasterizes the charts of a mesh: returns the face and the barycentrics of each texel. As in
/// viewers, texel (column, row) is sampled at its center, u = (column + 0.5) / size, v = (row +
/// 0.5) / size of canonical space.
///
/// A texel whose center lies outside the charts, but that has a neighbor (one of eight) inside,
/// gets that neighbor's face and the extrapolated point of the face's plane. Beyond a seam the
/// surface continues close to that plane, so bilinear lookups near the seam find matching colors.
/// Some barycentrics of these texels are below 0.
///
/// # Errors
/// If the mesh is empty or inconsistent, or the texture is not 1 to [`Size::LIMIT`] texels a side.
pub fn draw_charts(mesh: &CanonicalMesh, texture_size: u32) -> Result<VisibilityBuffer, BakeError> {
    check::mesh(mesh)?;
    check::size("texture", texture_size, texture_size)?;
    let clip_positions = chart_positions(mesh);
    let view = View::new(&clip_positions, Size::square(texture_size));
    let mut charts = rasterize(&view, &mesh.faces, texture::OPTIONS)?;

    let size = texture_size as usize;
    let extended = |texel: usize| {
        let (face, neighbor) = neighbor_face(&charts.face_index, texture_size, texel)?;
        let corners = mesh.faces[face as usize].map(|vertex| mesh.uvs[vertex as usize]);
        let center =
            Vec2::new((texel % size) as f32 + 0.5, (texel / size) as f32 + 0.5) / texture_size as f32;
        Some((texel, face, extrapolate(corners, center).unwrap_or(charts.barycentrics[neighbor])))
    };
    let near = BitMask::new(size, size, |texel| charts.face_index[texel] != NO_FACE).dilate(1);
    let in_row = |row: usize| {
        let mut found = Vec::new();
        near.for_each_in_row(row, |column| {
            let texel = row * size + column;
            if charts.face_index[texel] == NO_FACE {
                found.extend(extended(texel));
            }
        });
        found
    };
    let found: Vec<(usize, u32, [f32; 3])> = (0..size).into_par_iter().flat_map_iter(in_row).collect();
    for (texel, face, barycentrics) in found {
        charts.face_index[texel] = face;
        charts.barycentrics[texel] = barycentrics;
    }
    Ok(charts)
}

/// Returns the vertices in clip space for drawing the charts.
pub(crate) fn chart_positions(mesh: &CanonicalMesh) -> Vec<Vec4> {
    mesh.uvs.iter().map(|uv| Vec4::new(2.0 * uv.x - 1.0, 2.0 * uv.y - 1.0, 0.0, 1.0)).collect()
}

/// Returns the first neighbor that has a face, as (face, neighbor).
fn neighbor_face(face_index: &[u32], texture_size: u32, texel: usize) -> Option<(u32, usize)> {
    let near = neighbors(texture_size, texel as u32).flatten().map(|near| near as usize);
    near.map(|near| (face_index[near], near)).find(|(face, _)| *face != NO_FACE)
}

/// Returns the eight neighbors of a texel, in the order of [`NEIGHBORS`]; `None` outside the
/// texture.
pub(crate) fn neighbors(texture_size: u32, texel: u32) -> impl Iterator<Item = Option<u32>> {
    let size = texture_size as i32;
    let (column, row) = ((texel % texture_size) as i32, (texel / texture_size) as i32);
    NEIGHBORS.into_iter().map(move |[right, down]| {
        let (x, y) = (column + right, row + down);
        ((0..size).contains(&x) && (0..size).contains(&y)).then_some((y * size + x) as u32)
    })
}

/// Returns the barycentrics of a point with respect to a triangle of the texture; `None` for a
/// degenerate triangle, or if one exceeds [`EXTRAPOLATION_MAX`].
fn extrapolate([a, b, c]: [Vec2; 3], point: Vec2) -> Option<[f32; 3]> {
    let (ab, ac, ap) = (b - a, c - a, point - a);
    let area = ab.x * ac.y - ab.y * ac.x;
    if !area.is_normal() {
        return None;
    }
    let beta = (ap.x * ac.y - ap.y * ac.x) / area;
    let gamma = (ab.x * ap.y - ab.y * ap.x) / area;
    let alpha = 1.0 - beta - gamma;
    let weights = [alpha, beta, gamma];
    weights.iter().all(|weight| weight.abs() <= EXTRAPOLATION_MAX).then_some(weights)
}

/// Returns the position and the normal of each vertex, as attributes for
/// [`interpolate_at`](hunyuan_paint_raster::interpolate_at).
pub(crate) fn point_attributes(mesh: &CanonicalMesh) -> Vec<[f32; 6]> {
    let normals = vertex_normals(&mesh.positions, &mesh.faces);
    (mesh.positions.iter().zip(&normals)).map(|(p, n)| [p.x, p.y, p.z, n.x, n.y, n.z]).collect()
}

/// Returns the side of a square whose area is the mean area of a texel on the surface, in units of
/// canonical space.
pub(crate) fn mean_texel_side(mesh: &CanonicalMesh, charts: &VisibilityBuffer) -> f64 {
    let has_face = |face: &&u32| (**face as usize) < mesh.faces.len();
    texel_side(mesh, charts.face_index.par_iter().filter(has_face).count())
}

/// [`mean_texel_side`] for a given number of texels that have a face.
pub(crate) fn texel_side(mesh: &CanonicalMesh, texel_count: usize) -> f64 {
    let area = |face: &[u32; 3]| {
        let [a, b, c] = face.map(|vertex| mesh.positions[vertex as usize].as_dvec3());
        (b - a).cross(c - a).length() / 2.0
    };
    // Sequential, so that the sum does not depend on the number of threads.
    let area: f64 = mesh.faces.iter().map(area).sum();
    (area / texel_count.max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use glam::Vec3;

    use super::*;

    /// A right triangle over a quarter of the texture, whose positions are its UVs.
    fn triangle() -> CanonicalMesh {
        let uvs = [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75]].map(Vec2::from);
        CanonicalMesh {
            positions: uvs.iter().map(|uv| Vec3::new(uv.x, uv.y, 0.0)).collect(),
            faces: vec![[0, 1, 2]],
            uvs: uvs.to_vec(),
        }
    }

    #[test]
    fn texels_are_sampled_at_their_center_inside_and_beside_the_chart() -> Result<(), BakeError> {
        let mesh = triangle();
        let charts = draw_charts(&mesh, 16)?;
        let inside = |x: usize, y: usize| {
            (4..12).contains(&x) && (4..12).contains(&y) && (x as f32 + y as f32 + 1.0) / 16.0 < 1.0
        };
        for y in 0..16_usize {
            for x in 0..16_usize {
                let texel = y * 16 + x;
                let near = (x.saturating_sub(1)..=x + 1)
                    .any(|x| (y.saturating_sub(1)..=y + 1).any(|y| inside(x, y)));
                let drawn = charts.face_index[texel] == 0;
                assert!(drawn == near || (x + y).abs_diff(15) <= 2, "texel ({x}, {y})");
                if drawn {
                    let [alpha, beta, gamma] = charts.barycentrics[texel];
                    let at = mesh.uvs[0] * alpha + mesh.uvs[1] * beta + mesh.uvs[2] * gamma;
                    assert!(at.distance(Vec2::new(x as f32 + 0.5, y as f32 + 0.5) / 16.0) < 1e-5);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn tiny_and_degenerate_faces_are_not_extrapolated() {
        let tiny = [Vec2::ZERO, Vec2::new(1e-6, 0.0), Vec2::new(0.0, 1e-6)];
        assert_eq!(extrapolate(tiny, Vec2::splat(0.1)), None);
        assert_eq!(extrapolate([Vec2::ZERO; 3], Vec2::splat(0.1)), None);
    }
}
