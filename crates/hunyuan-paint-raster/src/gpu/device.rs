//! The device, and what can go wrong with it.

use std::{
    iter,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_channel::oneshot;

use crate::{DepthKey, RasterError};

/// What a shader can do with it that WebGPU does not promise, and that is asked for where it is there.
const OPTIONAL_FEATURES: wgpu::Features = wgpu::Features::SHADER_INT64
    .union(wgpu::Features::SHADER_INT64_ATOMIC_MIN_MAX)
    .union(wgpu::Features::TIMESTAMP_QUERY);

/// How many bytes are read back at once.
const READ_BYTES: u64 = 64 << 20;

/// A GPU, or a software stand-in for one. Clones share it.
#[derive(Clone, Debug)]
pub struct GpuDevice {
    device: wgpu::Device,
    queue: wgpu::Queue,
    binding_limit: u64,
    /// Whether the device is known to be lost; it also tells devices apart.
    lost: Arc<AtomicBool>,
}

impl GpuDevice {
    /// Opens the system's fastest GPU. The variables `WGPU_BACKEND` (`vulkan`, `metal`, `dx12`) and
    /// `WGPU_ADAPTER_NAME` (a part of a name) choose another one.
    ///
    /// # Errors
    /// If there is none, or it cannot be opened.
    pub async fn request() -> Result<Self, RasterError> {
        let no_gpu = |reason: &dyn std::fmt::Display| RasterError::NoGpu { reason: reason.to_string() };
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let adapter = match wgpu::util::initialize_adapter_from_env(&instance, None).await {
            Ok(adapter) => adapter,
            Err(wgpu::RequestAdapterError::EnvNotSet) => {
                let power_preference = wgpu::PowerPreference::HighPerformance;
                let options = wgpu::RequestAdapterOptions { power_preference, ..Default::default() };
                instance.request_adapter(&options).await.map_err(|error| no_gpu(&error))?
            }
            Err(error) => return Err(no_gpu(&error)),
        };
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("hunyuan-paint-raster"),
            required_features: adapter.features() & OPTIONAL_FEATURES,
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let (device, queue) = adapter.request_device(&descriptor).await.map_err(|error| no_gpu(&error))?;
        let opened = Self::from_wgpu(device, queue);
        let lost = Arc::clone(&opened.lost);
        opened.device.set_device_lost_callback(move |_, _| lost.store(true, Ordering::Relaxed));
        Ok(opened)
    }

    /// Uses a device that is already open. Its loss is not noticed unless the application's own callback calls
    /// [`set_lost`](Self::set_lost). [`DepthKey::Packed64`] needs it to have been opened with
    /// `SHADER_INT64` and `SHADER_INT64_ATOMIC_MIN_MAX`, timing with `TIMESTAMP_QUERY`, and all with at least 6
    /// storage buffers a stage.
    pub fn from_wgpu(device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let limits = device.limits();
        // Indices within a buffer have 32 bits.
        let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(i32::MAX as u64);
        Self { device, queue, binding_limit: most, lost: Arc::default() }
    }

    /// Makes no buffer of pixels, vertices or faces larger than that: larger images are drawn in bands, larger
    /// meshes in chunks. Without this it is what the device can bind, up to 2 GiB.
    #[must_use]
    pub fn with_binding_limit(mut self, bytes: u64) -> Self {
        self.binding_limit = self.binding_limit.min(bytes);
        self
    }

    /// The size of the largest buffer, in bytes.
    pub fn binding_limit(&self) -> u64 {
        self.binding_limit
    }

    /// The device's name, kind and driver, for people.
    pub fn description(&self) -> String {
        let info = self.device.adapter_info();
        format!("{} ({:?}, {})", info.name, info.backend, info.driver_info)
    }

    /// Whether the device is a CPU that does a GPU's work.
    pub fn is_software(&self) -> bool {
        self.device.adapter_info().device_type == wgpu::DeviceType::Cpu
    }

    /// Whether the device can hold keys of that kind.
    pub fn supports(&self, depth_key: DepthKey) -> bool {
        let needed = wgpu::Features::SHADER_INT64 | wgpu::Features::SHADER_INT64_ATOMIC_MIN_MAX;
        depth_key != DepthKey::Packed64 || self.device.features().contains(needed)
    }

    /// The fastest exact key that the device has.
    pub fn best_depth_key(&self) -> DepthKey {
        if self.supports(DepthKey::Packed64) { DepthKey::Packed64 } else { DepthKey::TwoPass32 }
    }

    /// Whether the device can tell how long it takes.
    pub fn has_timestamps(&self) -> bool {
        self.device.features().contains(wgpu::Features::TIMESTAMP_QUERY)
    }

    /// The device itself.
    pub fn wgpu_device(&self) -> &wgpu::Device {
        &self.device
    }

    /// Its queue.
    pub fn wgpu_queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// Whether both are clones of one device.
    pub(super) fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.lost, &other.lost)
    }

    /// Returns whether the device is known to be lost.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Records that the device is lost, for a device that [`from_wgpu`](Self::from_wgpu) was given: wgpu has room for one
    /// callback, which is the application's.
    pub fn set_lost(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    fn check_lost(&self, operation: &'static str) -> Result<(), RasterError> {
        match self.is_lost() {
            true => Err(RasterError::Gpu { operation, reason: "the device is lost".into() }),
            false => Ok(()),
        }
    }

    /// Does something with the device, and returns what the device has to say against it: invalid use, a lack of
    /// memory, or that it is lost. The work itself is not waited for.
    ///
    /// # Errors
    /// The device's objection, or else the work's own error.
    pub async fn with_error_scopes<T>(
        &self,
        operation: &'static str,
        work: impl FnOnce() -> Result<T, RasterError>,
    ) -> Result<T, RasterError> {
        self.check_lost(operation)?;
        let (result, outcomes) = {
            let filters =
                [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::OutOfMemory];
            let [internal, validation, memory] = filters.map(|filter| self.device.push_error_scope(filter));
            let result = work();
            // The last one pushed is the first one popped.
            (result, (memory.pop(), validation.pop(), internal.pop()))
        };
        let (memory, validation, internal) = outcomes;
        let outcomes = [memory.await, validation.await, internal.await];
        if let Some(error) = outcomes.into_iter().flatten().next() {
            return Err(RasterError::Gpu { operation, reason: error.to_string() });
        }
        self.check_lost(operation)?;
        result
    }

    /// A buffer of zeros that shaders can read and write, and that can be [`read`](Self::read). Call it within
    /// [`with_error_scopes`](Self::with_error_scopes).
    pub fn storage(&self, label: &'static str, bytes: u64) -> wgpu::Buffer {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
        self.buffer(label, bytes, usage)
    }

    /// A buffer of zeros of at least 16 bytes. Call it within [`with_error_scopes`](Self::with_error_scopes).
    pub fn buffer(&self, label: &'static str, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        // An empty binding is not allowed.
        let size = bytes.max(16);
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: false,
        })
    }

    /// A buffer with contents, in whole words of 4 bytes. Call it within [`with_error_scopes`](Self::with_error_scopes).
    pub fn upload(&self, label: &'static str, contents: &[u8], usage: wgpu::BufferUsages) -> wgpu::Buffer {
        let buffer = self.buffer(label, contents.len() as u64, usage | wgpu::BufferUsages::COPY_DST);
        self.queue.write_buffer(&buffer, 0, contents);
        buffer
    }

    /// Compiles a WGSL module's entry point, whose name is also the pipeline's. Call it within
    /// [`with_error_scopes`](Self::with_error_scopes).
    pub fn compile(&self, entry_point: &'static str, source: String) -> wgpu::ComputePipeline {
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(entry_point),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(entry_point),
            layout: None,
            module: &module,
            entry_point: Some(entry_point),
            compilation_options: Default::default(),
            cache: None,
        })
    }

    /// Binds a uniform of these words at 0, and whole buffers. `bindings` are all others that the shader has. Call it
    /// within [`with_error_scopes`](Self::with_error_scopes).
    pub fn bind(
        &self,
        pipeline: &wgpu::ComputePipeline,
        params: &[u32],
        bindings: &[(u32, &wgpu::Buffer)],
    ) -> wgpu::BindGroup {
        let params = self.upload("params", bytemuck::cast_slice(params), wgpu::BufferUsages::UNIFORM);
        let entries: Vec<wgpu::BindGroupEntry<'_>> = iter::once((0, &params))
            .chain(bindings.iter().copied())
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        })
    }

    /// Dispatches so many workgroups; more than one dimension has go into a second one, which
    /// [`SHARED_WGSL`](super::SHARED_WGSL) takes into account.
    pub fn dispatch(
        &self,
        pass: &mut wgpu::ComputePass<'_>,
        pipeline: &wgpu::ComputePipeline,
        bind_group: &wgpu::BindGroup,
        group_count: u32,
    ) {
        let columns = group_count.min(self.device.limits().max_compute_workgroups_per_dimension).max(1);
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, bind_group, &[]);
        pass.dispatch_workgroups(columns, group_count.div_ceil(columns), 1);
    }

    /// Waits for all that was submitted and appends the first `bytes` of a buffer, a multiple of 4, to `target`. The
    /// buffer has the usage `COPY_SRC`.
    ///
    /// # Errors
    /// If the device is lost, or has no room.
    pub async fn read(
        &self,
        buffer: &wgpu::Buffer,
        bytes: u64,
        target: &mut Vec<u8>,
    ) -> Result<(), RasterError> {
        target.reserve(bytes as usize);
        self.read_with(buffer, bytes, |piece| target.extend_from_slice(piece)).await
    }

    /// The same without a copy: `take` is given one piece after the other, of 64 MiB but for the last one.
    ///
    /// # Errors
    /// If the device is lost, or has no room.
    pub async fn read_with(
        &self,
        buffer: &wgpu::Buffer,
        bytes: u64,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), RasterError> {
        let piece_bytes = bytes.min(READ_BYTES);
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging =
            self.with_error_scopes("allocating", || Ok(self.buffer("read back", piece_bytes, usage))).await?;
        let mut offset = 0;
        while offset < bytes {
            let size = (bytes - offset).min(piece_bytes);
            let failed = |reason: String| RasterError::Gpu { operation: "reading back", reason };
            let (sender, receiver) = oneshot::channel();
            self.with_error_scopes("reading back", || {
                let mut encoder = self.device.create_command_encoder(&Default::default());
                encoder.copy_buffer_to_buffer(buffer, offset, &staging, 0, size);
                self.queue.submit([encoder.finish()]);
                staging.map_async(wgpu::MapMode::Read, 0..size, |result| {
                    // Nobody listens if the caller has given up.
                    let _ = sender.send(result);
                });
                Ok(())
            })
            .await?;
            // Browsers do that by themselves.
            self.device
                .poll(wgpu::PollType::wait_indefinitely())
                .map_err(|error| failed(error.to_string()))?;
            match receiver.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(failed(error.to_string())),
                Err(error) => return Err(failed(error.to_string())),
            }
            let view = staging.get_mapped_range(0..size).map_err(|error| failed(error.to_string()))?;
            take(&view);
            drop(view);
            staging.unmap();
            offset += size;
        }
        Ok(())
    }
}
