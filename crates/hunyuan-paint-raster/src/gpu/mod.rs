//! The rasterizer on a GPU, through wgpu: Vulkan, Metal, DX12, WebGPU.
//!
//! [`GpuDevice`] is the GPU and [`GpuMesh`] the faces of a mesh on it. [`GpuRasterizer`] draws
//! views of the mesh. Each [`GpuView`] stays on the GPU until it is read. The passes are those of
//! the CPU, one WGSL file each in `shaders/`; `draw` is split into three passes by the size of the
//! faces.
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
//! Further shaders can read a drawn view without a copy to the CPU. [`GpuBand`] holds its buffers,
//! and [`FLOAT_WGSL`] has float arithmetic that gives the same bits as the CPU. [`GpuDevice`] has
//! methods to create buffers, to catch the device's errors and to read results back.
//!
//! Functions that wait for the device are `async`. Outside a browser they need no async runtime:
//! `pollster::block_on` is enough.

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
