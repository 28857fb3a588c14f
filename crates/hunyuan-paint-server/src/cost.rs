//! An estimate of the work of rasterizing a mesh, to refuse what would block a painter for hours:
//! neither rasterizer can be cancelled within a view.

use hunyuan_paint::mesh::Mesh;

/// The object's diameter as a share of the width of a view: 1.15 units, seen by an orthographic
/// camera of 1.2 units.
const DIAMETER_IN_VIEW: f64 = 1.15 / 1.2;

/// Estimates the pixels that are tested in all views: the sum of the triangles' bounding
/// rectangles, each averaged over the views along the three axes.
pub(crate) fn view_pixel_tests(mesh: &Mesh, render_size: u32, view_count: usize) -> u64 {
    let radius = radius(mesh);
    let pixels = f64::from(render_size) * DIAMETER_IN_VIEW / (2.0 * radius);
    let tests = triangles(mesh, |vertex| mesh.positions.get(vertex).map(|p| p.to_array()));
    let tests: f64 = tests
        .map(|corners| {
            let [x, y, z] = extents(corners).map(|extent| extent * pixels + 1.0);
            (x * y + y * z + z * x) / 3.0
        })
        .sum();
    // A float cast saturates, and maps NaN to 0: the pipeline refuses such meshes by itself.
    (tests * view_count as f64) as u64
}

/// Estimates the texels that are tested when the mesh's own UVs are rasterized: the sum of the
/// triangles' bounding rectangles. 0 without UVs.
pub(crate) fn texture_pixel_tests(mesh: &Mesh, texture_size: u32) -> u64 {
    let Some(uvs) = &mesh.uvs else { return 0 };
    let tests = triangles(mesh, |vertex| uvs.get(vertex).map(|uv| uv.to_array()));
    let tests: f64 = tests
        .map(|corners| {
            let [u, v] = extents(corners).map(|extent| extent.min(1.0) * f64::from(texture_size) + 1.0);
            u * v
        })
        .sum();
    tests as u64
}

/// The corners of each triangle. Triangles with an index out of range are skipped.
fn triangles<const N: usize>(
    mesh: &Mesh,
    corner: impl Fn(usize) -> Option<[f32; N]>,
) -> impl Iterator<Item = [[f32; N]; 3]> {
    mesh.faces.iter().filter_map(move |face| {
        let [a, b, c] = face.map(|vertex| corner(vertex as usize));
        Some([a?, b?, c?])
    })
}

/// The extent of three points along each axis.
fn extents<const N: usize>([a, b, c]: [[f32; N]; 3]) -> [f64; N] {
    std::array::from_fn(|axis| {
        let (low, high) = (a[axis].min(b[axis]).min(c[axis]), a[axis].max(b[axis]).max(c[axis]));
        f64::from(high) - f64::from(low)
    })
}

/// The largest distance of a vertex from the center of the bounding box.
fn radius(mesh: &Mesh) -> f64 {
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    let points = || mesh.positions.iter().map(|p| p.to_array().map(f64::from));
    for point in points() {
        for axis in 0..3 {
            low[axis] = low[axis].min(point[axis]);
            high[axis] = high[axis].max(point[axis]);
        }
    }
    let squared =
        |p: [f64; 3]| -> f64 { (0..3).map(|axis| (p[axis] - (low[axis] + high[axis]) / 2.0).powi(2)).sum() };
    points().map(squared).fold(0.0, f64::max).sqrt()
}

#[cfg(test)]
mod tests {
    use hunyuan_paint::mesh::{MeshError, MeshFormat, read_mesh_from_bytes};

    use super::*;

    /// Equal triangles on top of each other, which fill the view.
    fn stack(count: usize) -> Result<Mesh, MeshError> {
        let faces = "f 1/1 2/2 3/3\n".repeat(count);
        let obj = format!("v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\n{faces}");
        read_mesh_from_bytes(obj.as_bytes(), MeshFormat::Obj)
    }

    #[test]
    fn the_cost_grows_with_triangles_views_and_pixels() -> Result<(), MeshError> {
        let one = view_pixel_tests(&stack(1)?, 1000, 1);
        assert!((100_000..=1_000_000).contains(&one), "{one}");
        let ratio = |mesh: Mesh, size, views| view_pixel_tests(&mesh, size, views) as f64 / one as f64;
        assert!((ratio(stack(100)?, 1000, 1) - 100.0).abs() < 0.1);
        assert!((ratio(stack(1)?, 1000, 6) - 6.0).abs() < 0.1);
        assert!((ratio(stack(1)?, 2000, 1) - 4.0).abs() < 0.1);
        Ok(())
    }

    #[test]
    fn the_texture_counts_only_with_uvs() -> Result<(), MeshError> {
        let mut mesh = stack(3)?;
        let found = texture_pixel_tests(&mesh, 1000);
        assert!((3_000_000..3_100_000).contains(&found), "{found}");
        mesh.uvs = None;
        assert_eq!(texture_pixel_tests(&mesh, 1000), 0);
        Ok(())
    }

    #[test]
    fn a_mesh_without_extent_costs_nothing() {
        assert_eq!(view_pixel_tests(&Mesh::default(), 1000, 6), 0);
    }
}
