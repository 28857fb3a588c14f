//! Input validation, done once at each public entry point.

use hunyuan_paint_mesh::CanonicalMesh;
use hunyuan_paint_raster::{Size, VisibilityBuffer};

use crate::{BakeError, BakeView};

/// Checks that the mesh has faces, one UV per vertex, finite attributes, and indices in range.
pub(crate) fn mesh(mesh: &CanonicalMesh) -> Result<(), BakeError> {
    let CanonicalMesh { positions, faces, uvs } = mesh;
    let vertex_count = positions.len();
    if faces.is_empty() {
        return Err(BakeError::NoFaces);
    }
    if uvs.len() != vertex_count {
        return Err(BakeError::UvCount { vertex_count, uv_count: uvs.len() });
    }
    let missing = |vertex: &u32| *vertex as usize >= vertex_count;
    for (face, vertices) in faces.iter().enumerate() {
        if let Some(vertex) = vertices.iter().copied().find(missing) {
            return Err(BakeError::VertexOutOfRange { face, vertex, vertex_count });
        }
    }
    if let Some(vertex) = positions.iter().position(|p| !p.is_finite()) {
        return Err(BakeError::NotFinite { attribute: "position", vertex });
    }
    if let Some(vertex) = uvs.iter().position(|uv| !uv.is_finite()) {
        return Err(BakeError::NotFinite { attribute: "UV", vertex });
    }
    Ok(())
}

/// Checks that both sides are 1 to [`Size::LIMIT`]. `what` names the image in the error.
pub(crate) fn size(what: &'static str, width: u32, height: u32) -> Result<Size, BakeError> {
    let sides = 1..=Size::LIMIT;
    if sides.contains(&width) && sides.contains(&height) {
        Ok(Size::new(width, height))
    } else {
        Err(BakeError::Size { what, width, height, limit: Size::LIMIT })
    }
}

/// Checks that the charts are square and that their buffers have one value per texel.
pub(crate) fn charts(charts: &VisibilityBuffer) -> Result<(), BakeError> {
    let texel_count = size("charts", charts.width, charts.height)?.pixel_count();
    if charts.width != charts.height {
        return Err(BakeError::TextureSize { what: "charts", expected: charts.width, found: charts.height });
    }
    length("charts", texel_count, charts.face_index.len())?;
    length("charts", texel_count, charts.barycentrics.len())
}

/// Checks the charts, and that an image has their size.
pub(crate) fn texture(charts: &VisibilityBuffer, image: (u32, u32)) -> Result<(), BakeError> {
    self::charts(charts)?;
    let wrong = [image.0, image.1].into_iter().find(|&side| side != charts.width);
    match wrong {
        None => Ok(()),
        Some(found) => Err(BakeError::TextureSize { what: "texture", expected: charts.width, found }),
    }
}

pub(crate) fn weight(view: usize, weight: f32) -> Result<(), BakeError> {
    if weight.is_finite() && weight >= 0.0 { Ok(()) } else { Err(BakeError::Weight { view, found: weight }) }
}

pub(crate) fn views(views: &[BakeView<'_>]) -> Result<(), BakeError> {
    if views.is_empty() {
        return Err(BakeError::NoViews);
    }
    for (view, BakeView { weight: view_weight, image, .. }) in views.iter().enumerate() {
        weight(view, *view_weight)?;
        size("view", image.width(), image.height())?;
    }
    Ok(())
}

pub(crate) fn length(buffer: &'static str, expected: usize, found: usize) -> Result<(), BakeError> {
    if expected == found { Ok(()) } else { Err(BakeError::BufferLength { buffer, expected, found }) }
}
