//! Condition maps at the diffusion model's size.

use hunyuan_paint_image::ResizeKernel;
use hunyuan_paint_mesh::{Camera, CanonicalMesh};
use hunyuan_paint_raster::{
    Size, View,
    gpu::{GpuAttributes, GpuDraw, GpuMesh, GpuView},
};
use image::RgbImage;
use rayon::prelude::*;

use super::{GpuBaker, passes::params, resize, work::Work};
use crate::{BakeError, ConditionMaps, check, condition_maps::condition_attributes, drawn_view::project};

/// Bytes per pixel of a view: one word in each of the two maps.
const PIXEL_BYTES: u64 = 8;

/// Attributes per vertex: the color of the position (3) and the normal (3).
const CHANNELS: u64 = 6;

impl GpuBaker {
    /// Renders the condition maps of each camera at `render_size` pixels a side and scales them to
    /// `view_size` pixels a side.
    ///
    /// The bytes equal those of [`render_condition_maps`](crate::render_condition_maps) followed by
    /// [`resize_bicubic_rgb`](hunyuan_paint_image::resize_bicubic_rgb).
    ///
    /// # Errors
    /// If the mesh is empty or inconsistent, a size is not 1 to [`Size::LIMIT`], the maps are
    /// larger than the device can bind, or the device is lost or out of memory.
    pub async fn condition_maps(
        &mut self,
        mesh: &CanonicalMesh,
        cameras: &[Camera],
        render_size: u32,
        view_size: u32,
    ) -> Result<Vec<ConditionMaps>, BakeError> {
        check::mesh(mesh)?;
        let size = check::size("condition map", render_size, render_size)?;
        let view_pixels = check::size("scaled condition map", view_size, view_size)?.pixel_count();
        self.work.check_view(size, CHANNELS)?;
        let kernel = ResizeKernel::new(render_size, view_size);
        let view_bytes = view_pixels as u64 * PIXEL_BYTES;

        let faces = GpuMesh::new(&self.device, &mesh.faces, mesh.positions.len()).await?;
        let attributes = GpuAttributes::new(&self.device, &faces, &condition_attributes(mesh)).await?;
        // The number of views whose scaled maps fit into one binding.
        let batch = (self.device.binding_limit() / view_bytes).max(1) as usize;
        let mut images = Vec::with_capacity(cameras.len());
        for cameras in cameras.chunks(batch) {
            for (view, camera) in cameras.iter().enumerate() {
                let (_, clip_positions) = project(&mesh.positions, camera);
                let draw = GpuDraw {
                    attributes: Some(&attributes),
                    ..GpuDraw::new(View::new(&clip_positions, size))
                };
                for drawn in self.views.draw(&faces, &[draw]).await? {
                    let place = (2 * view * view_pixels) as u32;
                    let bytes = cameras.len() as u64 * view_bytes;
                    self.submit(|work| plan(work, &drawn, size, &kernel, view_size, place, bytes)).await?;
                    self.views.recycle(drawn);
                }
            }
            let bytes = cameras.len() as u64 * view_bytes;
            let scaled = self.work.buffer(SCALED, bytes)?;
            let mut read = Vec::new();
            self.device.read(&scaled, bytes, &mut read).await?;
            let views = read.par_chunks_exact(view_bytes as usize);
            images.par_extend(views.map(|view| unpack(view, view_size)));
        }
        Ok(images)
    }
}

/// Name of the buffer that is read back.
const SCALED: &str = "scaled condition maps";

/// Appends the steps that color and scale the maps of a drawn view and write them from pixel
/// `place` of the result on. `result_bytes` is the size of the result of all views.
fn plan(
    work: &mut Work,
    drawn: &GpuView,
    size: Size,
    kernel: &ResizeKernel,
    view_size: u32,
    place: u32,
    result_bytes: u64,
) -> Result<(), BakeError> {
    let drawn = Work::whole(drawn)?;
    let pixel_count = size.pixel_count() as u32;
    let maps = work.buffer("condition maps", u64::from(pixel_count) * PIXEL_BYTES)?;
    let scaled = work.buffer(SCALED, result_bytes)?;
    work.dispatch(
        &params::ConditionMaps { pixel_count },
        &[&drawn.face_index, Work::attributes(drawn)?, &maps],
        pixel_count,
    )?;
    let kernel = resize::upload(work, ["taps", "weights"], kernel)?;
    // The position map lies below the normal map, so one dispatch scales the rows of both.
    let narrow = work.buffer("condition maps, narrow", u64::from(view_size * size.height) * PIXEL_BYTES)?;
    resize::plan_rows(work, &kernel, [size.width, view_size], 2 * size.height, &maps, &narrow)?;
    for map in [0, 1] {
        let starts = [map * view_size * size.height, place + map * view_size * view_size];
        resize::plan_columns(work, &kernel, view_size, view_size, starts, &narrow, &scaled)?;
    }
    Ok(())
}

/// Converts the normals and the positions of a view from a word per pixel to images.
fn unpack(words: &[u8], view_size: u32) -> ConditionMaps {
    let image = |words: &[u8]| {
        let mut image = RgbImage::new(view_size, view_size);
        for (pixel, [r, g, b, _]) in image.as_chunks_mut::<3>().0.iter_mut().zip(words.as_chunks().0) {
            *pixel = [*r, *g, *b];
        }
        image
    };
    let (normal, position) = words.split_at(words.len() / 2);
    ConditionMaps { normal: image(normal), position: image(position) }
}
