//! Condition maps and baking on a GPU, through wgpu: Vulkan, Metal, DX12, WebGPU. The results are those of the CPU, to
//! the bit.
//!
//! [`GpuBaker`] has the same stages as the CPU, one WGSL file each in `shaders/`. They read the rasterizer's buffers,
//! and nothing comes back before the result. Two things stay on the host, as they are little work and have to be
//! exact: what belongs to a vertex (its place in clip space, its normal), and the resize's kernel.
//!
//! ```no_run
//! use hunyuan_paint_bake::{BakeError, BakeOptions, BakeView, BakedTexture, gpu::GpuBaker};
//! use hunyuan_paint_mesh::CanonicalMesh;
//! use hunyuan_paint_raster::gpu::GpuDevice;
//!
//! async fn paint(mesh: &CanonicalMesh, views: &[BakeView<'_>]) -> Result<BakedTexture, BakeError> {
//!     let device = GpuDevice::request().await?;
//!     let mut baker = GpuBaker::new(&device).await?;
//!     baker.gather_async(mesh, views, 2048, &BakeOptions::default()).await
//! }
//! ```
//!
//! Views and textures have to fit the device's buffers as a whole
//! ([`GpuDevice::binding_limit`](hunyuan_paint_raster::gpu::GpuDevice::binding_limit)):
//! [`TooLargeForGpu`](crate::BakeError::TooLargeForGpu) says where one does not.

mod backend;
mod condition_maps;
mod gather;
mod passes;
mod reliable_depth;
mod resize;
mod work;

use hunyuan_paint_raster::{
    RasterOptions,
    gpu::{GpuDevice, GpuRasterizer},
    texture,
};

pub use self::passes::BakePass;
use self::work::Work;
use crate::BakeError;

/// The baker on a GPU. It keeps its buffers from one call to the next, as large as the largest view and texture so far.
#[derive(Debug)]
pub struct GpuBaker {
    device: GpuDevice,
    views: GpuRasterizer,
    charts: GpuRasterizer,
    work: Work,
}

impl GpuBaker {
    /// Compiles the shaders. The device has to have at least 7 storage buffers a stage; WebGPU promises 8.
    ///
    /// # Errors
    /// If the device refuses a shader or is lost.
    pub async fn new(device: &GpuDevice) -> Result<Self, BakeError> {
        let views = GpuRasterizer::new(device, RasterOptions::default()).await?;
        let charts = GpuRasterizer::new(device, texture::OPTIONS).await?;
        Ok(Self { device: device.clone(), views, charts, work: Work::new(device).await? })
    }

    /// Plans something, and has the device do it.
    async fn submit<T>(
        &mut self,
        plan: impl FnOnce(&mut Work) -> Result<T, BakeError>,
    ) -> Result<T, BakeError> {
        let device = self.device.clone();
        let outcome = device.with_error_scopes("baking", || Ok(self.work.plan_and_submit(plan))).await;
        if outcome.is_err() {
            // Buffers that the device had no room for cannot be used again.
            self.work.release();
        }
        outcome?
    }
}
