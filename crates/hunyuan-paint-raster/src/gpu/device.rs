//! The GPU device: opening it, buffers, dispatches, errors and reading back.

use std::{
    iter,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_channel::oneshot;

use crate::{DepthKey, RasterError};

/// The features beyond those of WebGPU that are enabled where the device supports them.
const OPTIONAL_FEATURES: wgpu::Features = wgpu::Features::SHADER_INT64
    .union(wgpu::Features::SHADER_INT64_ATOMIC_MIN_MAX)
    .union(wgpu::Features::TIMESTAMP_QUERY);

/// The number of bytes that are read back at a time.
const READ_BYTES: u64 = 64 << 20;

/// A GPU, or a software implementation of one. Clones share the device.
#[derive(Clone, Debug)]
pub struct GpuDevice {
    device: wgpu::Device,
    queue: wgpu::Queue,
    binding_limit: u64,
    /// Whether the device is known to be lost. Its address identifies the device.
    lost: Arc<AtomicBool>,
}

impl GpuDevice {
    /// Opens the system's fastest GPU. The environment variables `WGPU_BACKEND` (`vulkan`, `metal`,
    /// `dx12`) and `WGPU_ADAPTER_NAME` (a part of the name) select another one.
    ///
    /// # Errors
    /// Fails if the system has no GPU, or the GPU cannot be opened.
    pub async fn request() -> Result<Self, RasterError> {
        let no_gpu = |reason: &dyn std::fmt::Display| RasterError::NoGpu { reason: reason.to_string() };
        // OpenGL, which wgpu would probe too, lacks what the passes need and writes to standard error.
        let descriptor = wgpu::InstanceDescriptor {
            backends: wgpu::Backends::from_env().unwrap_or(wgpu::Backends::PRIMARY),
            ..wgpu::InstanceDescriptor::new_without_display_handle_from_env()
        };
        let instance = wgpu::Instance::new(descriptor);
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

    /// Uses a device that is already open. Its loss is noticed only if the application's own
    /// callback calls [`set_lost`](Self::set_lost).
    ///
    /// The device must allow at least 6 storage buffers per shader stage. [`DepthKey::Packed64`]
    /// needs the features `SHADER_INT64` and `SHADER_INT64_ATOMIC_MIN_MAX`, timing needs
    /// `TIMESTAMP_QUERY`.
    pub fn from_wgpu(device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let limits = device.limits();
        // Shaders index buffers with 32 bits.
        let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(i32::MAX as u64);
        Self { device, queue, binding_limit: most, lost: Arc::default() }
    }

    /// Limits the size of the buffers of pixels, vertices and faces. Larger images are drawn in
    /// bands, larger meshes in chunks. The default is the largest buffer that the device can bind,
    /// up to 2 GiB.
    #[must_use]
    pub fn with_binding_limit(mut self, bytes: u64) -> Self {
        self.binding_limit = self.binding_limit.min(bytes);
        self
    }

    /// Returns the size of the largest buffer, in bytes.
    pub fn binding_limit(&self) -> u64 {
        self.binding_limit
    }

    /// Returns the name, backend and driver of the device, for display.
    pub fn description(&self) -> String {
        let info = self.device.adapter_info();
        format!("{} ({:?}, {})", info.name, info.backend, info.driver_info)
    }

    /// Returns whether the device is a software implementation on the CPU.
    pub fn is_software(&self) -> bool {
        self.device.adapter_info().device_type == wgpu::DeviceType::Cpu
    }

    /// Returns whether the device supports a depth key.
    pub fn supports(&self, depth_key: DepthKey) -> bool {
        let needed = wgpu::Features::SHADER_INT64 | wgpu::Features::SHADER_INT64_ATOMIC_MIN_MAX;
        depth_key != DepthKey::Packed64 || self.device.features().contains(needed)
    }

    /// Returns the fastest depth key that the device supports.
    pub fn best_depth_key(&self) -> DepthKey {
        if self.supports(DepthKey::Packed64) { DepthKey::Packed64 } else { DepthKey::TwoPass32 }
    }

    /// Returns whether the device can time its passes.
    pub fn has_timestamps(&self) -> bool {
        self.device.features().contains(wgpu::Features::TIMESTAMP_QUERY)
    }

    /// Returns the wgpu device.
    pub fn wgpu_device(&self) -> &wgpu::Device {
        &self.device
    }

    /// Returns the wgpu queue.
    pub fn wgpu_queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// Returns whether both are clones of one device.
    pub(super) fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.lost, &other.lost)
    }

    /// Returns whether the device is known to be lost.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Records that the device is lost. Applications call it for a device of
    /// [`from_wgpu`](Self::from_wgpu), because wgpu has only one callback, which is theirs.
    pub fn set_lost(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    fn check_lost(&self, operation: &'static str) -> Result<(), RasterError> {
        match self.is_lost() {
            true => Err(RasterError::Gpu { operation, reason: "the device is lost".into() }),
            false => Ok(()),
        }
    }

    /// Calls `work` within wgpu error scopes. It does not wait for the GPU to finish what `work`
    /// submits.
    ///
    /// # Errors
    /// Fails if the device reports invalid use or a lack of memory, the device is lost, or `work`
    /// fails.
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
            // Scopes are popped in the reverse order.
            (result, (memory.pop(), validation.pop(), internal.pop()))
        };
        let (memory, validation, internal) = outcomes;
        let outcomes = [memory.await, validation.await, internal.await];
        if let Some(error) = outcomes.into_iter().flatten().next() {
            // A lost device calls back only when it is polled. The error is returned either way.
            let _ = self.device.poll(wgpu::PollType::Poll);
            return Err(RasterError::Gpu { operation, reason: error.to_string() });
        }
        self.check_lost(operation)?;
        result
    }

    /// Creates a buffer of zeros that shaders can read and write, and that [`read`](Self::read)
    /// accepts. Call it within [`with_error_scopes`](Self::with_error_scopes).
    pub fn storage(&self, label: &'static str, bytes: u64) -> wgpu::Buffer {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
        self.buffer(label, bytes, usage)
    }

    /// Creates a buffer of zeros of at least 16 bytes. Call it within
    /// [`with_error_scopes`](Self::with_error_scopes).
    pub fn buffer(&self, label: &'static str, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        // wgpu rejects empty bindings.
        let size = bytes.max(16);
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: false,
        })
    }

    /// Creates a buffer with these contents, a multiple of 4 bytes. Call it within
    /// [`with_error_scopes`](Self::with_error_scopes).
    pub fn upload(&self, label: &'static str, contents: &[u8], usage: wgpu::BufferUsages) -> wgpu::Buffer {
        let buffer = self.buffer(label, contents.len() as u64, usage | wgpu::BufferUsages::COPY_DST);
        self.queue.write_buffer(&buffer, 0, contents);
        buffer
    }

    /// Compiles an entry point of a WGSL module. Its name is also the label of the pipeline. Call
    /// it within [`with_error_scopes`](Self::with_error_scopes).
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

    /// Binds `params` as a uniform at binding 0, and whole buffers at the other bindings.
    /// `bindings` must be all of those that the shader uses. Call it within
    /// [`with_error_scopes`](Self::with_error_scopes).
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

    /// Dispatches at least `group_count` workgroups. Where they exceed the limit of one dimension,
    /// they wrap into a second one; `group_of` of [`SHARED_WGSL`](super::SHARED_WGSL) returns the
    /// index.
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

    /// Waits for all submitted work and appends the first `bytes` bytes of a buffer, a multiple of
    /// 4, to `target`. The buffer must have the usage `COPY_SRC`.
    ///
    /// # Errors
    /// Fails if the device is lost or out of memory.
    pub async fn read(
        &self,
        buffer: &wgpu::Buffer,
        bytes: u64,
        target: &mut Vec<u8>,
    ) -> Result<(), RasterError> {
        target.reserve(bytes as usize);
        self.read_with(buffer, bytes, |piece| target.extend_from_slice(piece)).await
    }

    /// Waits for all submitted work and passes the first `bytes` bytes of a buffer, a multiple of
    /// 4, to `take`, in pieces of up to 64 MiB. Unlike [`read`](Self::read), it makes no copy. The
    /// buffer must have the usage `COPY_SRC`.
    ///
    /// # Errors
    /// Fails if the device is lost or out of memory.
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
                    // Sending fails if the caller dropped the future.
                    let _ = sender.send(result);
                });
                Ok(())
            })
            .await?;
            // Has no effect in browsers, which poll by themselves.
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
