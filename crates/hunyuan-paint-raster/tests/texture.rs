//! Rasterization of textures.

use glam::Vec2;
use hunyuan_paint_raster::{NO_FACE, RasterError, texture};

/// Texture coordinates of the two halves of the lower left quarter (vertices 0 to 3), and of a face
/// that covers the whole texture (vertices 4 to 6).
const UVS: [[f32; 2]; 7] =
    [[0.0, 0.0], [0.5, 0.0], [0.0, 0.5], [0.5, 0.5], [-1.0, -1.0], [4.0, -1.0], [-1.0, 4.0]];

fn uvs() -> Vec<Vec2> {
    UVS.map(Vec2::from).to_vec()
}

#[test]
fn texels_are_sampled_at_their_centers_from_the_top() -> Result<(), RasterError> {
    let raster = texture::rasterize(&uvs(), &[[0, 1, 2]], 4)?;
    let n = NO_FACE;
    // The centers of the two diagonal texels lie on a right edge, so that the face does not cover
    // them.
    assert_eq!(raster.face_index, [n, n, n, n, n, n, n, n, n, n, n, n, 0, n, n, n]);
    let places = texture::interpolate(&UVS, &[[0, 1, 2]], &raster)?;
    assert_eq!(places[12], [0.125, 0.125]);
    Ok(())
}

#[test]
fn texels_on_shared_edges_have_one_face_and_the_lowest_index_wins() -> Result<(), RasterError> {
    let halves = [[0, 1, 2], [1, 3, 2]];
    for resolution in [1, 2, 7, 64, 129] {
        let count = |faces: &[[u32; 3]]| -> Result<usize, RasterError> {
            let raster = texture::rasterize(&uvs(), faces, resolution)?;
            Ok(texture::mask(&raster).into_iter().filter(|&covered| covered).count())
        };
        let both = count(&halves)?;
        assert_eq!(count(&halves[..1])? + count(&halves[1..])?, both);
        let quarter = (0..resolution).filter(|i| 2 * i + 1 < resolution).count();
        // At odd resolutions, the centers of the middle texels lie on the edge of the quarter.
        assert!(both >= quarter * quarter && both <= (quarter + 1) * (quarter + 1));
    }
    let raster = texture::rasterize(&uvs(), &[[4, 5, 6], [0, 1, 2]], 16)?;
    assert_eq!(raster.face_index, [0; 256]);
    let raster = texture::rasterize(&uvs(), &[[0, 1, 2], [4, 5, 6]], 16)?;
    assert_eq!(raster.face_index.iter().filter(|&&face| face == 0).count(), 28);
    Ok(())
}

#[test]
fn invalid_input_is_rejected() {
    assert!(matches!(texture::rasterize(&uvs(), &[[0, 1, 7]], 4), Err(RasterError::VertexOutOfRange { .. })));
    assert!(matches!(texture::rasterize(&uvs(), &[[0, 1, 2]], 0), Err(RasterError::Size { .. })));
}
