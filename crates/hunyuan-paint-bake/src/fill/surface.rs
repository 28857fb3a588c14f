//! Diffusion of colors over the surface.

use hunyuan_paint_mesh::CanonicalMesh;
use hunyuan_paint_raster::{VisibilityBuffer, interpolate_at};
use rstar::{RTree, primitives::GeomWithData};

use super::surface_graph::SurfaceGraph;
use crate::{BakeError, BakedTexture, check};

/// Maximum number of covered texels among which the nearest color is searched.
const SAMPLE_COUNT: usize = 1 << 15;

/// Colors the uncovered texels of the charts. Each becomes the mean of its neighbors on the
/// surface, also across seams; covered texels keep their colors (the discrete Laplace equation).
/// Parts of the surface that are not connected to any covered texel take the color that is nearest
/// in space. `texture.coverage` does not change.
///
/// # Errors
/// If the mesh is empty, the mesh or the charts are inconsistent, or the texture and the charts
/// differ in size.
pub fn fill_surface(
    mesh: &CanonicalMesh,
    charts: &VisibilityBuffer,
    texture: &mut BakedTexture,
) -> Result<(), BakeError> {
    check::mesh(mesh)?;
    check::texture(charts, texture.image.dimensions())?;
    check::texture(charts, texture.coverage.dimensions())?;
    let SurfaceGraph { texels, graph } =
        SurfaceGraph::new(mesh, charts, &texture.image, texture.coverage.as_raw());
    if texels.is_empty() {
        return Ok(());
    }
    let positions: Vec<[f32; 3]> = mesh.positions.iter().map(|position| position.to_array()).collect();
    let position_of = |texel: usize| interpolate_at(&positions, &mesh.faces, charts, texel);
    let samples = std::sync::OnceLock::new();
    let color_near = |node: usize| {
        let tree: &RTree<_> = samples.get_or_init(|| {
            let covered: Vec<usize> =
                (0..texture.coverage.len()).filter(|&texel| texture.coverage.as_raw()[texel] != 0).collect();
            let colors = texture.image.as_chunks::<3>().0;
            let step = covered.len().div_ceil(SAMPLE_COUNT).max(1);
            let sample = |&texel: &usize| Some(GeomWithData::new(position_of(texel)?, colors[texel]));
            RTree::bulk_load(covered.iter().step_by(step).filter_map(sample).collect())
        });
        let nearest = position_of(texels[node] as usize).and_then(|position| tree.nearest_neighbor(position));
        nearest.map_or([0.0; 3], |sample| sample.data.map(f32::from))
    };
    let colors = graph.solve(&color_near);
    let image = texture.image.as_chunks_mut::<3>().0;
    for (texel, color) in texels.iter().zip(colors) {
        image[*texel as usize] = color.map(|channel| (channel + 0.5) as u8);
    }
    Ok(())
}
