//! The rasterizer on a GPU, through wgpu: Vulkan, Metal, DX12, WebGPU.
//!
//! [`GpuDevice`] is the GPU, [`GpuMesh`] a mesh's faces on it, [`GpuRasterizer`] draws views of the mesh, and each
//! [`GpuView`] stays there until it is read. The stages are those of the CPU, one WGSL file each in `shaders/`;
//! `draw` has three parts there, by the size of the faces.
//!
//! ```no_run
//! use glam::Vec4;
//! use hunyuan_paint_raster::gpu::{GpuAttributes, GpuDevice, GpuDraw, GpuMesh, GpuRasterizer};
//! use hunyuan_paint_raster::{RasterError, RasterOptions, Size, View};
//!
//! async fn draw(positions: &[Vec4], faces: &[[u32; 3]], normals: &[[f32; 3]]) -> Result<(), RasterError> {
//!     let device = GpuDevice::request().await?;
//!     let mesh = GpuMesh::new(&device, faces, positions.len()).await?;
//!     let normals = GpuAttributes::new(&device, &mesh, normals).await?;
//!     let mut rasterizer = GpuRasterizer::new(&device, RasterOptions::default()).await?;
//!     let view = View::new(positions, Size::square(2048));
//!     let draw = GpuDraw { attributes: Some(&normals), ..GpuDraw::new(view) };
//!     for drawn in rasterizer.draw(&mesh, &[draw]).await? {
//!         let normal_map = drawn.attributes().await?;
//!         let visibility = drawn.visibility().await?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Drawn views can be read by further shaders before anything comes back: their buffers are those of [`GpuBand`],
//! [`FLOAT_WGSL`] has the arithmetic that CPU and GPU share, and [`GpuDevice`] has what it takes to make buffers, to
//! hear the device's objections and to read results back.
//!
//! Functions that have to wait for the device are `async`; outside a browser they finish without anything to drive
//! them, so that `pollster::block_on` is enough.

mod device;
mod mesh;
mod params;
mod rasterizer;
mod shaders;
mod timing;
mod view;

pub use device::GpuDevice;
pub use mesh::{GpuAttributes, GpuMesh};
pub use params::BinningThresholds;
pub use rasterizer::{GpuDraw, GpuRasterizer};
pub use shaders::{FLOAT_WGSL, RasterPass, SHARED_WGSL};
pub use view::{GpuBand, GpuView};
pub use wgpu;
