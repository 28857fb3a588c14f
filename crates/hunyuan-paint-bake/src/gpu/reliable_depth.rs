//! Reliable depth of a view: view-space z away from depth edges and outlines.

use hunyuan_paint_image::ImageError;
use hunyuan_paint_mesh::{Camera, CanonicalMesh};
use hunyuan_paint_raster::{
    Size, View,
    gpu::{GpuAttributes, GpuBand, GpuDraw, GpuMesh, GpuView, wgpu},
};
use image::GrayImage;

use super::{GpuBaker, passes::params, work::Work};
use crate::{
    BakeError, ReliableDepth, check,
    drawn_view::project,
    reliable_depth::{DEPTH_EDGE_THRESHOLDS, DEPTH_RANGE_MIN, margin},
};

/// Appends the steps that compute the reliable depth of a drawn view. View-space z is attribute
/// `channel` of `channel_count`. The depth range for the edge detection is at least `range_min`.
///
/// The result is a word per pixel: the bits of z where it is reliable, of NaN elsewhere.
pub(super) fn plan(
    work: &mut Work,
    drawn: &GpuBand,
    size: Size,
    channel_count: u32,
    channel: u32,
    range_min: f32,
) -> Result<wgpu::Buffer, BakeError> {
    let pixel_count = size.pixel_count() as u32;
    let depth = work.buffer("depth", 4 * u64::from(pixel_count))?;
    let range = work.buffer("depth range", 8)?;
    let bytes = work.buffer("bytes", 4 * u64::from(pixel_count))?;
    work.clear(&range);
    let buffers = [&drawn.face_index, Work::attributes(drawn)?, &depth, &range];
    work.dispatch(&params::VisibleDepth { pixel_count, channel_count, channel }, &buffers, pixel_count)?;
    work.dispatch(&params::DepthBytes { pixel_count, range_min }, &[&depth, &range, &bytes], pixel_count)?;

    let mask = plan_canny(work, &bytes, &depth, size, DEPTH_EDGE_THRESHOLDS)?;

    let (Size { width, height }, radius) = (size, margin(size));
    let row_dilated = work.buffer("mask dilated along the rows", 4 * u64::from(pixel_count))?;
    work.dispatch(&params::DilateRows { width, height, radius }, &[&mask, &row_dilated], pixel_count)?;
    work.dispatch(&params::DilateColumns { width, height, radius }, &[&row_dilated, &depth], pixel_count)?;
    Ok(depth)
}

/// Appends the steps of Canny's edge detector for an image with one byte per word.
///
/// The result is a word per pixel: 1 on edges and where there is no depth, 0 elsewhere. It
/// overwrites the image.
fn plan_canny(
    work: &mut Work,
    bytes: &wgpu::Buffer,
    depth: &wgpu::Buffer,
    size: Size,
    thresholds: [u16; 2],
) -> Result<wgpu::Buffer, BakeError> {
    let pixel_count = size.pixel_count() as u32;
    let gradients = work.buffer("gradients", 4 * u64::from(pixel_count))?;
    let labels = work.buffer("labels", 4 * u64::from(pixel_count))?;
    let [first, second] = thresholds.map(u32::from);
    let Size { width, height } = size;
    let (low, high) = (first.min(second), first.max(second));
    work.dispatch(&params::Sobel { width, height }, &[bytes, &gradients], pixel_count)?;
    work.dispatch(&params::Candidates { width, height, low, high }, &[&gradients, &labels], pixel_count)?;
    work.dispatch(&params::Connect { width, height }, &[&labels], pixel_count)?;
    work.dispatch(&params::Unreliable { pixel_count }, &[&labels, depth, bytes], pixel_count)?;
    Ok(bytes.clone())
}

impl GpuBaker {
    /// Draws the reliable depth of a camera's view, with the same bits as
    /// [`ReliableDepth::render`].
    ///
    /// # Errors
    /// If the mesh is empty or inconsistent, the view is not 1 to [`Size::LIMIT`] pixels a side or
    /// is larger than the device can bind, or the device is lost or out of memory.
    pub async fn reliable_depth(
        &mut self,
        mesh: &CanonicalMesh,
        camera: &Camera,
        width: u32,
        height: u32,
    ) -> Result<ReliableDepth, BakeError> {
        check::mesh(mesh)?;
        let size = check::size("view", width, height)?;
        let faces = GpuMesh::new(&self.device, &mesh.faces, mesh.positions.len()).await?;
        let drawn = self.draw_depth(mesh, &faces, camera, size).await?;
        let depth = self.submit(|work| plan(work, Work::whole(&drawn)?, size, 1, 0, DEPTH_RANGE_MIN)).await?;
        self.views.recycle(drawn);
        let mut read = Vec::new();
        self.device.read(&depth, 4 * size.pixel_count() as u64, &mut read).await?;
        Ok(ReliableDepth { z_view: bytemuck::pod_collect_to_vec(&read), size })
    }

    /// Draws a view with view-space z as its only attribute.
    pub(super) async fn draw_depth(
        &mut self,
        mesh: &CanonicalMesh,
        faces: &GpuMesh,
        camera: &Camera,
        size: Size,
    ) -> Result<GpuView, BakeError> {
        self.work.check_view(size, 1)?;
        let (positions_view, clip_positions) = project(&mesh.positions, camera);
        let z: Vec<[f32; 1]> = positions_view.iter().map(|position| [position.z]).collect();
        let z = GpuAttributes::new(&self.device, faces, &z).await?;
        let draw = GpuDraw { attributes: Some(&z), ..GpuDraw::new(View::new(&clip_positions, size)) };
        Work::only(self.views.draw(faces, &[draw]).await?)
    }

    /// Finds edges as [`canny`](hunyuan_paint_image::canny) does. The result is 255 on edges, 0
    /// elsewhere.
    ///
    /// # Errors
    /// If a side of the image is not 1 to [`Size::LIMIT`], the image is larger than the device can
    /// bind, or the device is lost or out of memory.
    pub async fn canny(&mut self, image: &GrayImage, low: u16, high: u16) -> Result<GrayImage, BakeError> {
        let (width, height) = image.dimensions();
        let size = check::size("image", width, height)?;
        let words: Vec<u32> = image.iter().take(size.pixel_count()).map(|&byte| u32::from(byte)).collect();
        let mask = self
            .submit(|work| {
                let bytes = work.upload("bytes", bytemuck::cast_slice(&words))?;
                // Depth 0 everywhere, so that no pixel counts as background.
                let depth = work.buffer("depth", 4 * words.len() as u64)?;
                work.clear(&depth);
                plan_canny(work, &bytes, &depth, size, [low, high])
            })
            .await?;
        let mut read = Vec::new();
        self.device.read(&mask, 4 * words.len() as u64, &mut read).await?;
        let edges = read.chunks_exact(4).map(|word| if word == [0; 4] { 0 } else { 255 }).collect();
        let what = "edges";
        GrayImage::from_raw(width, height, edges).ok_or(ImageError::Size { what, width, height }.into())
    }
}
