//! The rasteriser on a GPU, through wgpu: Vulkan, Metal, DX12, WebGPU.
//!
//! [`GpuDevice`] is the GPU, [`GpuMesh`] a mesh's faces on it, [`GpuRasterizer`] draws views of the mesh, and each
//! [`GpuView`] stays there until it is read. The stages are those of the CPU, one WGSL file each in `shaders/`;
//! `draw` has three parts there, by the size of the faces.
//!
//! Functions that have to wait for the device are `async`; outside a browser they finish without anything to drive
//! them, so that `pollster::block_on` is enough.

mod device;
mod mesh;
mod rasterizer;
mod shaders;
mod view;

pub use device::GpuDevice;
pub use mesh::{GpuAttributes, GpuMesh};
pub use rasterizer::{GpuDraw, GpuRasterizer, Shares};
pub use shaders::Stage;
pub use view::{GpuBand, GpuView};
pub use wgpu;
