//! Condition maps and baking on a GPU, through wgpu (Vulkan, Metal, DX12, WebGPU), with the same
//! bits as on the CPU.
//!
//! [`GpuBaker`] runs compute passes ([`BakePass`]), one WGSL file each in `shaders/`, on the
//! buffers of the rasterizer. Before the result, only the number of texels in the charts is read
//! back. The host computes clip-space positions, vertex normals and resize kernels: they are little
//! work and must be exact.
//!
//! [`bake_with`](crate::bake_with) bakes a whole texture with a `GpuBaker` as its
//! [`Backend`](crate::Backend). It blocks; the methods of `GpuBaker` itself are `async`. This
//! example colors the texels that a view sees and leaves the others black:
//!
//! ```no_run
//! use hunyuan_paint_bake::{BakeError, BakeOptions, BakeView, BakedTexture, gpu::GpuBaker};
//! use hunyuan_paint_mesh::CanonicalMesh;
//! use hunyuan_paint_raster::gpu::GpuDevice;
//!
//! async fn color_visible_texels(
//!     mesh: &CanonicalMesh,
//!     views: &[BakeView<'_>],
//! ) -> Result<BakedTexture, BakeError> {
//!     let device = GpuDevice::request().await?;
//!     let mut baker = GpuBaker::new(&device).await?;
//!     let texture_size = 2048;
//!     baker.gather_async(mesh, views, texture_size, &BakeOptions::default()).await
//! }
//! ```
//!
//! Each buffer of a view or a texture must fit into one binding of the device
//! ([`GpuDevice::binding_limit`](hunyuan_paint_raster::gpu::GpuDevice::binding_limit)). If one does
//! not, the methods return [`BakeError::TooLargeForGpu`].

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

/// Renders condition maps and bakes textures on a GPU. The buffers are kept between calls, at the
/// size of the largest view and texture so far.
#[derive(Debug)]
pub struct GpuBaker {
    device: GpuDevice,
    views: GpuRasterizer,
    charts: GpuRasterizer,
    work: Work,
}

impl GpuBaker {
    /// Compiles the shaders. The device must bind at least 7 storage buffers per shader stage;
    /// WebGPU guarantees 8.
    ///
    /// # Errors
    /// If the device rejects a shader or is lost.
    pub async fn new(device: &GpuDevice) -> Result<Self, BakeError> {
        let views = GpuRasterizer::new(device, RasterOptions::default()).await?;
        let charts = GpuRasterizer::new(device, texture::OPTIONS).await?;
        Ok(Self { device: device.clone(), views, charts, work: Work::new(device).await? })
    }

    /// Submits the steps that `plan` appends, and returns errors of the device.
    async fn submit<T>(
        &mut self,
        plan: impl FnOnce(&mut Work) -> Result<T, BakeError>,
    ) -> Result<T, BakeError> {
        let device = self.device.clone();
        let outcome = device.with_error_scopes("baking", || Ok(self.work.plan_and_submit(plan))).await;
        if outcome.is_err() {
            // A buffer whose allocation failed is invalid and must not be reused.
            self.work.release();
        }
        outcome?
    }
}
