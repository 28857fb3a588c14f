//! The depth of a view, without the pixels at outlines and depth edges.

use hunyuan_paint_image::canny;
use hunyuan_paint_mesh::{Camera, CanonicalMesh};
use hunyuan_paint_raster::Size;
use image::GrayImage;
use rayon::prelude::*;

use crate::{
    BakeError, check,
    condition_maps::to_byte,
    dilate::BitMask,
    drawn_view::{DrawnView, depth_bounds, normalize_depth},
};

/// Canny's low and high threshold for edges of the depth map.
pub(crate) const DEPTH_EDGE_THRESHOLDS: [u16; 2] = [30, 80];

/// Minimum depth range that is mapped to 0…255 for edge detection, in units of canonical space. The
/// original always maps the range of the view. On a flat side that range consists of rounding
/// errors, and the whole side would become edges.
pub(crate) const DEPTH_RANGE_MIN: f32 = 0.05;

/// The margin along depth edges and outlines is one pixel for every so many pixels of the longer
/// side.
const PIXELS_PER_MARGIN: u32 = 256;

/// View-space z of the surface at the reliable pixels of a view. Pixels near the object's outline,
/// or near an edge in the depth map, are not reliable: there an image may show another part of the
/// object than the mesh does. (The margin is 1 pixel for every 256 of the longer side.)
#[derive(Clone, Debug)]
pub struct ReliableDepth {
    /// One value per pixel, row by row, in units of canonical space; the camera looks along −z. NaN
    /// on the background and at pixels that are not reliable.
    pub z_view: Vec<f32>,
    /// Width and height in pixels.
    pub size: Size,
}

impl ReliableDepth {
    /// Draws the mesh from a camera. Depth edges are found with Canny's detector, on the depth as
    /// bytes.
    ///
    /// # Errors
    /// If the mesh is empty or inconsistent, or the view is not 1 to [`Size::LIMIT`] pixels a side.
    pub fn render(mesh: &CanonicalMesh, camera: &Camera, width: u32, height: u32) -> Result<Self, BakeError> {
        check::mesh(mesh)?;
        let size = check::size("view", width, height)?;
        Ok(Self::of(&DrawnView::new(mesh, camera, size)?, mesh))
    }

    pub(crate) fn of(view: &DrawnView, mesh: &CanonicalMesh) -> Self {
        let size = view.visibility.size();
        let mut z_view = view.z_view(mesh);
        let edges = depth_edges(&z_view, size, DEPTH_RANGE_MIN);
        drop_unreliable(&mut z_view, &edges, size);
        Self { z_view, size }
    }
}

/// Returns the edges of the depth map: 255 on an edge, 0 elsewhere. Depth is mapped to bytes over
/// at least `range_min`.
pub(crate) fn depth_edges(z_view: &[f32], size: Size, range_min: f32) -> GrayImage {
    let [min, max] = depth_bounds(z_view);
    let bounds = [min, max.max(min + range_min)];
    let mut depth = GrayImage::new(size.width, size.height);
    depth
        .par_iter_mut()
        .zip(z_view)
        .with_min_len(1 << 14)
        .for_each(|(byte, &z)| *byte = to_byte(normalize_depth(z, bounds)));
    let [low, high] = DEPTH_EDGE_THRESHOLDS;
    canny(&depth, low, high)
}

/// Sets depth to NaN at depth edges and in the [`margin`] around them and around the background.
pub(crate) fn drop_unreliable(z_view: &mut [f32], edges: &GrayImage, size: Size) {
    let edges = edges.as_raw();
    let (width, height) = (size.width as usize, size.height as usize);
    let is_unreliable = |pixel: usize| z_view[pixel].is_nan() || edges[pixel] != 0;
    let unreliable = BitMask::new(width, height, is_unreliable).dilate(margin(size) as usize);
    z_view.par_chunks_mut(width).enumerate().for_each(|(row, z_view)| {
        unreliable.for_each_in_row(row, |column| z_view[column] = f32::NAN);
    });
}

/// Returns the number of pixels beside an edge that are not reliable.
pub(crate) fn margin(size: Size) -> u32 {
    size.width.max(size.height) / PIXELS_PER_MARGIN
}
