//! Inputs of the rasterizer.

use glam::Vec4;
use hunyuan_paint_raster::{
    Coverage, DepthPrior, NO_FACE, RasterOptions, Size, View, Viewport, VisibilityBuffer,
};
use libfuzzer_sys::arbitrary::{Result, Unstructured};

use crate::{choice, number, ordinary};

/// A few triangles, and the options to draw them with.
pub struct Scene {
    /// Image size; rarely one that is rejected.
    pub size: Size,
    /// Whether vertices are arbitrary; otherwise they are near the image.
    pub wild: bool,
    pub clip_positions: Vec<Vec4>,
    pub faces: Vec<[u32; 3]>,
    /// Options except the depth key.
    pub options: RasterOptions,
    prior: Option<(Vec<f32>, f32)>,
}

impl Scene {
    pub fn new(u: &mut Unstructured<'_>) -> Result<Self> {
        let size = Size::new(side(u)?, side(u)?);
        let wild = u.arbitrary()?;
        let vertex_count = u.int_in_range(0..=24)?;
        let clip_positions = (0..vertex_count).map(|_| clip_position(u, wild)).collect::<Result<Vec<_>>>()?;
        let limit = vertex_count as u32 + u32::from(u.ratio(1, 16)?);
        let mut faces = Vec::new();
        for _ in 0..u.int_in_range(0..=24)? {
            let mut vertex = || Ok(u32::from(u.arbitrary::<u8>()?) % limit.max(1));
            faces.push([vertex()?, vertex()?, vertex()?]);
        }
        let coverage = choice(u, &[Coverage::Reference, Coverage::FixedPoint])?;
        let viewport = choice(u, &[Viewport::PixelCenters, Viewport::ImageEdges])?;
        let mut prior = None;
        if u.arbitrary()? {
            let depth = [number(u)?, number(u)?, number(u)?];
            let depth = depth.into_iter().cycle().take(size.pixel_count().min(1 << 12)).collect();
            prior = Some((depth, number(u)?));
        }
        let options = RasterOptions { coverage, viewport, depth_key: None };
        Ok(Self { size, wild, clip_positions, faces, options, prior })
    }

    pub fn view(&self) -> View<'_> {
        let mut view = View::new(&self.clip_positions, self.size);
        view.depth_prior = self.prior.as_ref().map(|(depth, occlusion_truncation)| DepthPrior {
            depth,
            occlusion_truncation: *occlusion_truncation,
        });
        view
    }
}

/// Checks that a buffer is valid for this number of faces.
pub fn check_visibility(buffer: &VisibilityBuffer, face_count: usize) {
    let count = buffer.size().pixel_count();
    assert_eq!((buffer.face_index.len(), buffer.barycentrics.len()), (count, count));
    assert!(buffer.face_index.iter().all(|&face| face == NO_FACE || (face as usize) < face_count));
    assert_eq!(buffer.depth_range.is_some(), buffer.face_index.iter().any(|&face| face != NO_FACE));
}

fn side(u: &mut Unstructured<'_>) -> Result<u32> {
    match u.arbitrary::<u8>()? {
        0 => choice(u, &[0, 16_385, u32::MAX]),
        byte => Ok(u32::from(byte) % 48 + 1),
    }
}

fn clip_position(u: &mut Unstructured<'_>, wild: bool) -> Result<Vec4> {
    if wild {
        return Ok(Vec4::new(number(u)?, number(u)?, number(u)?, number(u)?));
    }
    let w = choice(u, &[1.0, 1.0, 1.0, 0.5, 2.0, -1.0, 0.0])?;
    Ok(Vec4::new(ordinary(u)?, ordinary(u)?, ordinary(u)?, 2.0 * w) / 2.0)
}
