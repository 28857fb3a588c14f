//! Pipelines, reusable buffers, and a queue of steps that are submitted together.

use hunyuan_paint_raster::{
    RasterError, Size,
    gpu::{GpuBand, GpuDevice, GpuView, wgpu},
};

use super::passes::{BakePass, PassParams};
use crate::BakeError;

/// Threads of a workgroup in every pass.
const GROUP_SIZE: u32 = 256;

/// Pipelines and buffers of the passes, and the steps to submit next.
#[derive(Debug)]
pub(super) struct Work {
    device: GpuDevice,
    pipelines: Vec<(BakePass, wgpu::ComputePipeline)>,
    /// Buffers by name.
    buffers: Vec<(&'static str, wgpu::Buffer)>,
    /// Steps that were appended and not yet submitted.
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Clear(wgpu::Buffer),
    Dispatch { pipeline: wgpu::ComputePipeline, bind_group: wgpu::BindGroup, group_count: u32 },
}

impl Work {
    pub(super) async fn new(device: &GpuDevice) -> Result<Self, RasterError> {
        let compile = |pass: BakePass| (pass, device.compile(pass.name(), pass.source()));
        let compile_all = || Ok(BakePass::ALL.iter().copied().map(compile).collect());
        let pipelines = device.with_error_scopes("compiling shaders", compile_all).await?;
        Ok(Self { device: device.clone(), pipelines, buffers: Vec::new(), steps: Vec::new() })
    }

    /// Returns the buffer with this name, of at least `bytes` bytes. Its contents are left over
    /// from its last use.
    pub(super) fn buffer(&mut self, what: &'static str, bytes: u64) -> Result<wgpu::Buffer, BakeError> {
        self.check_bytes(what, bytes)?;
        let fits = |(name, buffer): &&(&str, wgpu::Buffer)| *name == what && buffer.size() >= bytes;
        if let Some((_, buffer)) = self.buffers.iter().find(fits) {
            return Ok(buffer.clone());
        }
        self.buffers.retain(|(name, _)| *name != what);
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let buffer = self.device.buffer(what, bytes, usage);
        self.buffers.push((what, buffer.clone()));
        Ok(buffer)
    }

    /// Writes `contents`, padded with zeros to whole words, to the buffer with this name and
    /// returns it.
    pub(super) fn upload(&mut self, what: &'static str, contents: &[u8]) -> Result<wgpu::Buffer, BakeError> {
        let buffer = self.buffer(what, (contents.len() as u64).next_multiple_of(4))?;
        let (words, rest) = contents.split_at(contents.len() / 4 * 4);
        let queue = self.device.wgpu_queue();
        queue.write_buffer(&buffer, 0, words);
        if !rest.is_empty() {
            let mut word = [0; 4];
            word[..rest.len()].copy_from_slice(rest);
            queue.write_buffer(&buffer, words.len() as u64, &word);
        }
        Ok(buffer)
    }

    pub(super) fn check_bytes(&self, buffer: &'static str, found: u64) -> Result<(), BakeError> {
        match self.device.binding_limit() {
            limit if found > limit => Err(BakeError::TooLargeForGpu { buffer, found, limit }),
            _ => Ok(()),
        }
    }

    /// Checks that a view of this size can be drawn in one band.
    pub(super) fn check_view(&self, size: Size, channel_count: u64) -> Result<(), BakeError> {
        self.check_bytes("attributes of a view", size.pixel_count() as u64 * 4 * channel_count.max(3))
    }

    /// Returns the only band of a view. [`check_view`](Self::check_view) ensures that there is one.
    pub(super) fn whole(view: &GpuView) -> Result<&GpuBand, BakeError> {
        match view.bands() {
            [band] => Ok(band),
            bands => {
                let reason = format!("expected a view in 1 band, found {}", bands.len());
                Err(RasterError::Gpu { operation: "baking", reason }.into())
            }
        }
    }

    /// Returns the attributes of the pixels of a view.
    pub(super) fn attributes(band: &GpuBand) -> Result<&wgpu::Buffer, BakeError> {
        let missing =
            || RasterError::Gpu { operation: "baking", reason: "the view has no attributes".into() };
        Ok(band.attributes.as_ref().ok_or_else(missing)?)
    }

    /// Returns the first of the drawn views.
    pub(super) fn only(views: Vec<GpuView>) -> Result<GpuView, BakeError> {
        let missing = || RasterError::Gpu { operation: "baking", reason: "no view was drawn".into() };
        Ok(views.into_iter().next().ok_or_else(missing)?)
    }

    /// Appends a step that fills a buffer with zeros.
    pub(super) fn clear(&mut self, buffer: &wgpu::Buffer) {
        self.steps.push(Step::Clear(buffer.clone()));
    }

    /// Appends the pass that takes these parameters, with one thread for each of `thread_count`
    /// pixels or texels. `buffers` are bound from binding 1 on; binding 0 is the uniform with the
    /// parameters.
    pub(super) fn dispatch<P: PassParams>(
        &mut self,
        params: &P,
        buffers: &[&wgpu::Buffer],
        thread_count: u32,
    ) -> Result<(), BakeError> {
        let found = self.pipelines.iter().find(|(pass, _)| *pass == P::PASS);
        let pipeline = found.map(|(_, pipeline)| pipeline.clone()).ok_or_else(|| RasterError::Gpu {
            operation: "baking",
            reason: format!("the pass {} is not compiled", P::PASS.name()),
        })?;
        let mut words: Vec<u32> = bytemuck::cast_slice(std::slice::from_ref(params)).to_vec();
        // The word `zero`, then padding to a multiple of 16 bytes.
        words.push(0);
        words.resize(words.len().next_multiple_of(4), 0);
        let bindings: Vec<_> = (1..).zip(buffers.iter().copied()).collect();
        let bind_group = self.device.bind(&pipeline, &words, &bindings);
        self.steps.push(Step::Dispatch {
            pipeline,
            bind_group,
            group_count: thread_count.div_ceil(GROUP_SIZE),
        });
        Ok(())
    }

    /// Submits the steps that `plan` appends. If `plan` fails, its steps are discarded.
    pub(super) fn plan_and_submit<T>(
        &mut self,
        plan: impl FnOnce(&mut Self) -> Result<T, BakeError>,
    ) -> Result<T, BakeError> {
        let planned = plan(self);
        match planned {
            Ok(_) => self.submit(),
            Err(_) => self.steps.clear(),
        }
        planned
    }

    fn submit(&mut self) {
        let mut encoder = self.device.wgpu_device().create_command_encoder(&Default::default());
        let mut steps = self.steps.drain(..).peekable();
        while let Some(step) = steps.next() {
            match step {
                Step::Clear(buffer) => encoder.clear_buffer(&buffer, 0, None),
                Step::Dispatch { pipeline, bind_group, group_count } => {
                    let mut pass = encoder.begin_compute_pass(&Default::default());
                    self.device.dispatch(&mut pass, &pipeline, &bind_group, group_count);
                    while let Some(Step::Dispatch { pipeline, bind_group, group_count }) =
                        steps.next_if(|step| matches!(step, Step::Dispatch { .. }))
                    {
                        self.device.dispatch(&mut pass, &pipeline, &bind_group, group_count);
                    }
                }
            }
        }
        self.device.wgpu_queue().submit([encoder.finish()]);
    }

    /// Drops all buffers.
    pub(super) fn release(&mut self) {
        self.buffers.clear();
    }
}
