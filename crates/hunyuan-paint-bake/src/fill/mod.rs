//! Filling of uncovered texels.
//!
//! [`surface`] lets colors diffuse over the surface and across seams; [`gutter`] then fills the
//! space between the charts. [`reference`] is the original's method: it spreads colors along the
//! mesh's edges from vertex to vertex, and then inpaints the texture.

mod charts;
mod diffusion;
mod gutter;
mod reference;
mod surface;
mod surface_graph;

pub use gutter::fill_gutter;
pub use reference::{fill_gaps, fill_vertices};
pub use surface::fill_surface;
