//! The schedule: which passes run, on which buffers, in which order.

use std::ops::Range;

use super::{
    device::GpuDevice,
    mesh::{GpuAttributes, GpuMesh},
    params::{BinningThresholds, MEDIUM_SIDE_LIMIT, Params},
    shaders::RasterPass,
    view::{GpuBand, GpuView},
};
use crate::{
    DepthKey, RasterError, RasterOptions, Size, View,
    cpu::{ViewportTransform, depth_threshold},
};

/// The workgroup size of passes with one thread per pixel, vertex or face.
const GROUP_SIZE: u32 = 256;
/// The largest number of workgroups that share the medium faces.
const MEDIUM_GROUPS: u32 = 4096;
/// The number of 32-bit words in the key of a pixel.
const KEY_WORDS: u64 = 2;
/// The side of a tile of `draw_large`, in pixels.
const TILE: u32 = 32;
/// The number of buffers of recycled views that are kept.
const SPARE_BUFFERS: usize = 8;

/// A view to draw, and its optional outputs.
#[derive(Clone, Copy, Debug)]
pub struct GpuDraw<'a> {
    /// The view.
    pub view: View<'a>,
    /// The attributes to interpolate at the pixels.
    pub attributes: Option<&'a GpuAttributes>,
    /// Whether to write a mask of the pixels that show a face.
    pub mask: bool,
}

impl<'a> GpuDraw<'a> {
    /// Creates a draw that writes face indices and barycentrics only.
    pub const fn new(view: View<'a>) -> Self {
        Self { view, attributes: None, mask: false }
    }
}

/// The rasterizer on a GPU.
#[derive(Debug)]
pub struct GpuRasterizer {
    pub(super) device: GpuDevice,
    options: RasterOptions,
    depth_key: DepthKey,
    thresholds: BinningThresholds,
    pipelines: Vec<(RasterPass, wgpu::ComputePipeline)>,
    /// The keys of the pixels of one band. All bands share them, as they are drawn one after the
    /// other.
    keys: Option<wgpu::Buffer>,
    /// The buffers of recycled views, the oldest first.
    spare: Vec<wgpu::Buffer>,
}

/// One dispatch of a pass.
#[derive(Debug)]
pub(super) struct Dispatch {
    pub(super) pass: RasterPass,
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    group_count: u32,
}

/// Returns the number of workgroups for `thread_count` threads.
const fn groups_for(thread_count: u32) -> u32 {
    thread_count.div_ceil(GROUP_SIZE)
}

impl GpuRasterizer {
    /// Compiles the shaders.
    ///
    /// # Errors
    /// Fails if the device does not support the depth key, or rejects a shader.
    pub async fn new(device: &GpuDevice, options: RasterOptions) -> Result<Self, RasterError> {
        let depth_key = options.depth_key.unwrap_or_else(|| device.best_depth_key());
        if !device.supports(depth_key) {
            return Err(RasterError::UnsupportedDepthKey { depth_key });
        }
        let compile =
            |pass: RasterPass| (pass, device.compile(pass.name(), pass.source(options.coverage, depth_key)));
        let compile_all = || Ok(RasterPass::ALL.iter().copied().map(compile).collect());
        let pipelines = device.with_error_scopes("compiling shaders", compile_all).await?;
        Ok(Self {
            device: device.clone(),
            options,
            depth_key,
            thresholds: BinningThresholds::default(),
            pipelines,
            keys: None,
            spare: Vec::new(),
        })
    }

    /// Sets the thresholds between small, medium and large faces. The defaults may not be the
    /// fastest ones on every device.
    #[must_use]
    pub fn with_binning_thresholds(mut self, thresholds: BinningThresholds) -> Self {
        self.thresholds =
            BinningThresholds { medium_side: thresholds.medium_side.min(MEDIUM_SIDE_LIMIT), ..thresholds };
        self
    }

    /// Returns the depth key.
    pub fn depth_key(&self) -> DepthKey {
        self.depth_key
    }

    /// Draws views of a mesh in one submission. The results stay on the GPU.
    ///
    /// # Errors
    /// Fails if a size is not 1 to [`Size::LIMIT`] pixels a side, a depth prior does not match its
    /// size, a view or its attributes do not match the mesh, the mesh is on another device, a row
    /// of pixels exceeds [`GpuDevice::binding_limit`], or the device is lost or out of memory.
    pub async fn draw(&mut self, mesh: &GpuMesh, draws: &[GpuDraw<'_>]) -> Result<Vec<GpuView>, RasterError> {
        let device = self.device.clone();
        let drawn = device.with_error_scopes("drawing", || {
            let mut dispatches = Vec::new();
            let mut views = Vec::new();
            for draw in draws {
                views.push(self.plan(mesh, draw, &mut dispatches)?);
            }
            let mut encoder = device.wgpu_device().create_command_encoder(&Default::default());
            self.record(&mut encoder.begin_compute_pass(&Default::default()), &dispatches);
            device.wgpu_queue().submit([encoder.finish()]);
            Ok(views)
        });
        let drawn = drawn.await;
        if drawn.is_err() {
            // The buffer is invalid if its allocation failed.
            self.keys = None;
        }
        drawn
    }

    /// Takes a view back to reuse its buffers for views of the same size. Work that was submitted
    /// before may still read them, because the queue runs submissions in order.
    pub fn recycle(&mut self, view: GpuView) {
        if view.device.ptr_eq(&self.device) {
            for band in view.bands {
                self.spare.extend([band.face_index, band.barycentrics]);
                self.spare.extend(band.attributes.into_iter().chain(band.mask));
            }
            self.spare.drain(..self.spare.len().saturating_sub(SPARE_BUFFERS));
        }
    }

    /// Returns a buffer for an image. Its contents are undefined: the passes must write every word.
    fn image(&mut self, label: &'static str, bytes: u64) -> wgpu::Buffer {
        match self.spare.iter().position(|spare| spare.size() == bytes) {
            Some(spare) => self.spare.swap_remove(spare),
            None => self.device.storage(label, bytes),
        }
    }

    pub(super) fn record(&self, pass: &mut wgpu::ComputePass<'_>, dispatches: &[Dispatch]) {
        for Dispatch { pipeline, bind_group, group_count, .. } in dispatches {
            self.device.dispatch(pass, pipeline, bind_group, *group_count);
        }
    }

    fn pipeline(&self, pass: RasterPass) -> Result<&wgpu::ComputePipeline, RasterError> {
        let found = self.pipelines.iter().find(|(of, _)| *of == pass);
        found.map(|(_, pipeline)| pipeline).ok_or_else(|| RasterError::Gpu {
            operation: "drawing",
            reason: format!("the pass {} is not compiled", pass.name()),
        })
    }

    /// Creates the buffers of a view, and appends the dispatches that fill them.
    pub(super) fn plan(
        &mut self,
        mesh: &GpuMesh,
        draw: &GpuDraw<'_>,
        dispatches: &mut Vec<Dispatch>,
    ) -> Result<GpuView, RasterError> {
        let view = &draw.view;
        view.check()?;
        mesh.check_device(&self.device)?;
        DepthKey::check(mesh.face_count())?;
        mesh.check_vertex_values("clip positions", view.clip_positions.len())?;
        if let Some(attributes) = draw.attributes {
            attributes.check(mesh)?;
        }
        let device = self.device.clone();
        let Size { width, height } = view.size;
        let channel_count = draw.attributes.map_or(0, GpuAttributes::channel_count);
        let band_rows = self.band_rows(width, channel_count)?.min(height);
        let keys = self.keys(u64::from(width) * u64::from(band_rows));
        let depth_range = device.storage("depth range", 8);

        for (chunk, index) in mesh.chunks.iter().zip(0..) {
            let positions = chunk.upload_positions(&device, view.clip_positions);
            let params = self.params(view, 0..height).for_chunk(index, chunk);
            let bindings = [(1, &positions), (2, &chunk.vertices)];
            self.dispatch(
                RasterPass::Project,
                &params,
                &bindings,
                groups_for(chunk.vertex_count),
                dispatches,
            )?;
        }
        let mut bands = Vec::new();
        for first_row in (0..height).step_by(band_rows as usize) {
            let rows = first_row..(first_row + band_rows).min(height);
            let band = self.plan_band(mesh, draw, rows, &keys, &depth_range, dispatches)?;
            bands.push(band);
        }
        let coverage = self.options.coverage;
        Ok(GpuView { device, size: view.size, coverage, channel_count, bands, depth_range })
    }

    fn plan_band(
        &mut self,
        mesh: &GpuMesh,
        draw: &GpuDraw<'_>,
        rows: Range<u32>,
        keys: &wgpu::Buffer,
        depth_range: &wgpu::Buffer,
        dispatches: &mut Vec<Dispatch>,
    ) -> Result<GpuBand, RasterError> {
        let view = &draw.view;
        let width = view.size.width;
        let pixel_count = width * rows.len() as u32;
        let mut image = |label, words: usize| self.image(label, u64::from(pixel_count) * 4 * words as u64);
        let band = GpuBand {
            rows: rows.clone(),
            face_index: image("face index", 1),
            barycentrics: image("barycentrics", 3),
            attributes: draw.attributes.map(|attributes| image("attributes", attributes.channel_count())),
            mask: draw.mask.then(|| image("mask", 1)),
        };
        let device = &self.device;
        let depth_prior = match view.depth_prior {
            None => device.storage("no depth prior", 0),
            Some(prior) => {
                let pixels = rows.start as usize * width as usize..rows.end as usize * width as usize;
                let least: Vec<u32> = pixels
                    .map(|pixel| depth_threshold(self.options.coverage, prior.least_depth(pixel)))
                    .collect();
                device.upload("depth prior", bytemuck::cast_slice(&least), wgpu::BufferUsages::STORAGE)
            }
        };
        let band_params = self.params(view, rows.clone());
        let chunks = || (0..).zip(&mesh.chunks);

        // A thread clears four words of the keys, and one counter.
        let key_words = KEY_WORDS as u32 * pixel_count;
        let threads = key_words.div_ceil(4).max(2 * mesh.chunks.len() as u32);
        let bindings = [(4, &mesh.counters), (5, keys)];
        self.dispatch(RasterPass::Clear, &band_params, &bindings, groups_for(threads), dispatches)?;

        let passes = if self.depth_key == DepthKey::TwoPass32 { 0..2 } else { 0..1 };
        let tile_count = width.div_ceil(TILE) * (rows.len() as u32).div_ceil(TILE);
        for second_pass in passes {
            for (index, chunk) in chunks().filter(|(_, chunk)| chunk.face_count > 0) {
                let params = Params { second_pass, ..band_params.for_chunk(index, chunk) };
                let bindings = [
                    (2, &chunk.vertices),
                    (3, &chunk.faces),
                    (4, &mesh.counters),
                    (5, keys),
                    (6, &depth_prior),
                    (7, &chunk.queue),
                ];
                let mut draw = |pass, count| self.dispatch(pass, &params, &bindings, count, dispatches);
                draw(RasterPass::DrawSmall, groups_for(chunk.face_count))?;
                draw(RasterPass::DrawMedium, MEDIUM_GROUPS.min(chunk.face_count))?;
                draw(RasterPass::DrawLarge, tile_count)?;
            }
        }
        for (index, chunk) in chunks() {
            let bindings = [
                (2, &chunk.vertices),
                (3, &chunk.faces),
                (5, keys),
                (8, &band.face_index),
                (9, &band.barycentrics),
                (10, depth_range),
            ];
            self.dispatch(
                RasterPass::Resolve,
                &band_params.for_chunk(index, chunk),
                &bindings,
                groups_for(pixel_count),
                dispatches,
            )?;
        }
        if let (Some(attributes), Some(pixels)) = (draw.attributes, &band.attributes) {
            for ((index, chunk), groups) in chunks().zip(&attributes.chunks) {
                for group in groups {
                    let params = Params {
                        channel_count: attributes.channel_count() as u32,
                        first_channel: group.first_channel,
                        group_channels: group.channel_count,
                        ..band_params.for_chunk(index, chunk)
                    };
                    let bindings = [
                        (1, &group.values),
                        (3, &chunk.faces),
                        (8, &band.face_index),
                        (9, &band.barycentrics),
                        (11, pixels),
                    ];
                    self.dispatch(
                        RasterPass::Interpolate,
                        &params,
                        &bindings,
                        groups_for(pixel_count),
                        dispatches,
                    )?;
                }
            }
        }
        if let Some(mask) = &band.mask {
            let bindings = [(8, &band.face_index), (11, mask)];
            self.dispatch(RasterPass::Mask, &band_params, &bindings, groups_for(pixel_count), dispatches)?;
        }
        Ok(band)
    }

    /// Appends a dispatch of a pass. `bindings` must be all bindings of the pass except the
    /// parameters.
    fn dispatch(
        &self,
        pass: RasterPass,
        params: &Params,
        bindings: &[(u32, &wgpu::Buffer)],
        group_count: u32,
        dispatches: &mut Vec<Dispatch>,
    ) -> Result<(), RasterError> {
        if group_count == 0 {
            return Ok(());
        }
        let pipeline = self.pipeline(pass)?.clone();
        let bind_group = self.device.bind(&pipeline, bytemuck::cast_slice(&[*params]), bindings);
        dispatches.push(Dispatch { pass, pipeline, bind_group, group_count });
        Ok(())
    }

    fn params(&self, view: &View<'_>, rows: Range<u32>) -> Params {
        let transform = ViewportTransform::new(self.options.viewport, view.size);
        Params::new(view, rows, transform, self.thresholds)
    }

    /// Returns the number of rows for which the device can bind every buffer of a band.
    fn band_rows(&self, width: u32, channel_count: usize) -> Result<u32, RasterError> {
        let limit = self.device.binding_limit();
        let pixel_bytes = 4 * (channel_count as u64).max(3);
        let row_bytes = u64::from(width) * pixel_bytes;
        match (limit / row_bytes).min(u64::from(Size::LIMIT)) as u32 {
            0 => Err(RasterError::RowTooLarge { found: row_bytes, limit }),
            rows => Ok(rows),
        }
    }

    /// Returns a buffer with keys for at least `pixel_count` pixels.
    fn keys(&mut self, pixel_count: u64) -> wgpu::Buffer {
        let bytes = (pixel_count * KEY_WORDS * 4).next_multiple_of(16);
        match &self.keys {
            Some(keys) if keys.size() >= bytes => keys.clone(),
            _ => self.keys.insert(self.device.storage("keys", bytes)).clone(),
        }
    }
}
