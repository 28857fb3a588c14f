//! Colors for what no view has painted.
//!
//! [`reference`] is the original's way: along the mesh's edges from vertex to vertex, then across the texture from
//! texel to texel. [`surface`] lets colors diffuse over the surface, across the charts' seams; [`gutter`] then
//! carries them from the charts into the space between.

mod charts;
mod diffusion;
mod gutter;
mod reference;
mod surface;
mod surface_graph;

pub use gutter::fill_gutter;
pub use reference::{fill_gaps, fill_vertices};
pub use surface::fill_surface;
