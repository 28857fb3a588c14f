//! Measures whether a mesh's own UVs are suitable for painting.

use glam::{DVec2, Vec2};

use crate::{Mesh, MeshError};

/// Side, in cells, of the grid in which overlaps are counted.
const GRID_SIZE_MAX: f64 = 1024.0;

/// Smallest side, in cells, of the grid. The grid gets coarser where many large faces overlap,
/// which bounds the cost.
const GRID_SIZE_MIN: f64 = 16.0;

/// Largest sum of the areas of the faces' bounding boxes, relative to the texture, at which the
/// grid keeps its full size. Good UVs reach about 2.
const COVERAGE_MAX: f64 = 4.0;

/// Largest distance outside 0 to 1 that is taken for a rounding error and clamped. UVs farther
/// outside tile the texture.
const OUTSIDE_TOLERANCE: f32 = 1e-4;

/// Twice the area of a UV triangle, relative to the texture, below which its face counts as
/// unmapped.
const UV_AREA_MIN: f64 = 1e-12;

/// Area of a face in the texture, relative to its share of the surface, below which the face counts
/// as starved.
const STARVED_DENSITY: f64 = 0.05;

/// Quality of a mesh's own UVs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UvQuality {
    /// Overlap, 0 to 1: of the cells of a grid over the texture whose center lies inside a face,
    /// the share whose center lies inside two or more. Such faces would have to share their colors.
    /// The grid has 1024² cells, or fewer if faces overlap a lot.
    pub overlap: f32,
    /// Share of the surface area, 0 to 1, that belongs to faces without area in the texture.
    pub unmapped: f32,
    /// Share of the surface area, 0 to 1, that belongs to faces with less than a twentieth of the
    /// texels that they would have if the surface filled the texture evenly. Such UVs, for example
    /// those of a color palette, cannot hold a painting.
    pub starved: f32,
}

impl UvQuality {
    /// Default of [`UnwrapOptions::overlap_max`](crate::UnwrapOptions::overlap_max): the largest
    /// overlap with which UVs are kept.
    pub const OVERLAP_MAX: f32 = 0.01;
    /// Largest share of unmapped surface with which UVs are kept.
    pub const UNMAPPED_MAX: f32 = 0.01;
    /// Largest share of starved surface with which UVs are kept.
    pub const STARVED_MAX: f32 = 0.2;

    /// Returns whether the UVs are usable by the default limits.
    pub fn is_usable(&self) -> bool {
        self.is_within(Self::OVERLAP_MAX)
    }

    /// Returns whether the UVs are usable if an overlap of up to `overlap_max` is allowed.
    pub(crate) fn is_within(&self, overlap_max: f32) -> bool {
        self.overlap <= overlap_max
            && self.unmapped <= Self::UNMAPPED_MAX
            && self.starved <= Self::STARVED_MAX
    }

    /// Measures the UVs of a valid mesh.
    pub(crate) fn measure(mesh: &Mesh, uvs: &[Vec2]) -> Self {
        let corners = |face: &[u32; 3]| face.map(|i| uvs[i as usize].as_dvec2());
        let box_area = |[a, b, c]: [DVec2; 3]| (a.max(b).max(c) - a.min(b).min(c)).element_product();
        let coverage: f64 = mesh.faces.iter().map(|face| box_area(corners(face))).sum();
        let coarseness = (coverage / COVERAGE_MAX).max(1.0).sqrt();
        let grid_size = (GRID_SIZE_MAX / coarseness).max(GRID_SIZE_MIN) as usize;

        let mut cells = vec![0_u8; grid_size * grid_size];
        // Twice the areas of a face.
        let surface_area = |face: &[u32; 3]| {
            let [a, b, c] = face.map(|i| mesh.positions[i as usize].as_dvec3());
            (b - a).cross(c - a).length()
        };
        let uv_area = |face: &[u32; 3]| {
            let [a, b, c] = corners(face);
            (b - a).perp_dot(c - a).abs()
        };
        let area: f64 = mesh.faces.iter().map(surface_area).sum();
        let (mut area_unmapped, mut area_starved) = (0.0, 0.0);
        for face in &mesh.faces {
            let face_area = surface_area(face);
            // The whole texture has an area of 1, the face half of `uv_area`.
            if 0.5 * uv_area(face) < STARVED_DENSITY * face_area / area {
                area_starved += face_area;
            }
            let [a, b, c] = corners(face);
            if uv_area(face) < UV_AREA_MIN {
                area_unmapped += face_area;
            } else {
                for_each_cell([a, b, c].map(|uv| uv * grid_size as f64), grid_size, |cell| {
                    cells[cell] = cells[cell].saturating_add(1);
                });
            }
        }
        let used = cells.iter().filter(|&&faces| faces > 0).count();
        let shared = cells.iter().filter(|&&faces| faces > 1).count();
        Self {
            overlap: shared as f32 / used.max(1) as f32,
            unmapped: (area_unmapped / area) as f32,
            starved: (area_starved / area) as f32,
        }
    }
}

/// Calls `visit` with each cell whose center lies strictly inside the triangle, so that adjacent
/// triangles share no cell.
fn for_each_cell([a, b, c]: [DVec2; 3], grid_size: usize, mut visit: impl FnMut(usize)) {
    let min = a.min(b).min(c);
    let max = a.max(b).max(c);
    let area = (b - a).perp_dot(c - a);
    // Rounding may put a center on a shared edge inside both triangles; the margin excludes such
    // centers.
    let margin = area.abs() * 1e-9;
    let inside = |p: DVec2| {
        let weights = [(b - a).perp_dot(p - a), (c - b).perp_dot(p - b), (a - c).perp_dot(p - c)];
        weights.iter().all(|w| w * area.signum() > margin)
    };
    let range = |min: f64, max: f64| {
        let last = max.ceil().clamp(0.0, grid_size as f64) as usize;
        (min.floor().max(0.0) as usize).min(last)..last
    };
    for row in range(min.y, max.y) {
        for column in range(min.x, max.x) {
            if inside(DVec2::new(column as f64 + 0.5, row as f64 + 0.5)) {
                visit(row * grid_size + column);
            }
        }
    }
}

/// Returns the mesh's UVs, clamped to 0 to 1 where they are outside by at most
/// [`OUTSIDE_TOLERANCE`].
///
/// # Errors
/// Fails if the mesh has no UVs, or one is not finite or farther outside.
pub(crate) fn uvs_inside_texture(mesh: &Mesh) -> Result<Vec<Vec2>, MeshError> {
    let uvs = mesh.uvs.as_ref().ok_or(MeshError::MissingUvs)?;
    let inside = |(vertex, uv): (usize, &Vec2)| {
        let clamped = uv.clamp(Vec2::ZERO, Vec2::ONE);
        if !uv.is_finite() {
            Err(MeshError::NotFinite { attribute: "UV", vertex })
        } else if (clamped - *uv).abs().max_element() > OUTSIDE_TOLERANCE {
            Err(MeshError::UvOutsideTexture { vertex, u: uv.x, v: uv.y })
        } else {
            Ok(clamped)
        }
    };
    uvs.iter().enumerate().map(inside).collect()
}

#[cfg(test)]
mod tests {
    use glam::Vec3;

    use super::*;

    /// Returns a mesh of two squares, of two triangles each, and the UVs of their eight corners.
    fn two_squares(uvs: [(f32, f32); 8]) -> (Mesh, Vec<Vec2>) {
        let square = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)];
        let positions = [0.0, 5.0].iter().flat_map(|&z| square.map(|(x, y)| Vec3::new(x, y, z))).collect();
        let faces = vec![[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]];
        let mesh = Mesh { positions, faces, ..Mesh::default() };
        (mesh, uvs.map(Vec2::from).to_vec())
    }

    fn square(left: f32, size: f32) -> [(f32, f32); 4] {
        [(left, 0.0), (left + size, 0.0), (left + size, size), (left, size)]
    }

    fn measure(first: [(f32, f32); 4], second: [(f32, f32); 4]) -> UvQuality {
        let mut uvs = [(0.0, 0.0); 8];
        uvs[..4].copy_from_slice(&first);
        uvs[4..].copy_from_slice(&second);
        let (mesh, uvs) = two_squares(uvs);
        UvQuality::measure(&mesh, &uvs)
    }

    #[test]
    fn adjacent_charts_do_not_overlap() {
        let apart = measure(square(0.0, 0.5), square(0.5, 0.5));
        assert_eq!(apart, UvQuality { overlap: 0.0, unmapped: 0.0, starved: 0.0 });
    }

    #[test]
    fn overlap_is_relative_to_the_used_cells() {
        let half = measure(square(0.0, 0.5), square(0.25, 0.5));
        assert!((half.overlap - 1.0 / 3.0).abs() < 0.01, "{half:?}");
        assert!(!half.is_usable());
        let mirrored = measure(square(0.0, 0.5), square(0.5, -0.5).map(|(u, v)| (u, v.abs())));
        assert!(mirrored.overlap > 0.99, "{mirrored:?}");
    }

    #[test]
    fn overlap_of_many_stacked_faces_is_found() {
        let (square, uvs) = two_squares([(0.0, 0.0); 8]);
        let uvs: Vec<Vec2> = square.positions.iter().map(|p| p.truncate()).chain(uvs).collect();
        let mesh = Mesh { faces: square.faces.repeat(50_000), ..square };
        assert!(UvQuality::measure(&mesh, &uvs).overlap > 0.9);
    }

    #[test]
    fn faces_without_uv_area_are_unmapped() {
        let collapsed = measure(square(0.0, 0.5), [(0.7, 0.7); 4]);
        assert_eq!(collapsed, UvQuality { overlap: 0.0, unmapped: 0.5, starved: 0.5 });
        assert!(!collapsed.is_usable());
    }

    #[test]
    fn faces_with_few_texels_are_starved() {
        let palette = measure(square(0.0, 0.05), square(0.5, 0.05));
        assert_eq!(palette.starved, 1.0);
        assert!(!palette.is_usable());
        // Half of the surface has a hundredth of the texture.
        assert_eq!(measure(square(0.0, 0.9), square(0.9, 0.1)).starved, 0.5);
        // A sixteenth of the texture each is little, but enough.
        assert!(measure(square(0.0, 0.25), square(0.5, 0.25)).is_usable());
    }

    #[test]
    fn uvs_are_clamped_only_within_the_tolerance() {
        let mesh = |v| Mesh { uvs: Some(vec![Vec2::new(0.5, v)]), ..Mesh::default() };
        assert_eq!(uvs_inside_texture(&mesh(1.00005)).ok(), Some(vec![Vec2::new(0.5, 1.0)]));
        assert!(matches!(uvs_inside_texture(&mesh(1.01)), Err(MeshError::UvOutsideTexture { .. })));
        assert!(matches!(uvs_inside_texture(&mesh(f32::NAN)), Err(MeshError::NotFinite { .. })));
        assert!(matches!(uvs_inside_texture(&Mesh::default()), Err(MeshError::MissingUvs)));
    }
}
