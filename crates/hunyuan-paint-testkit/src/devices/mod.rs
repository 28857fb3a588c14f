//! The same computations on several devices: single operations, networks and whole runs.
//!
//! All random numbers come from generators on the host, so that only the arithmetic of the devices
//! differs.

mod components;
mod exact;
mod fixture;
mod operations;
mod randomness;
mod runs;
mod scene;

pub use self::{
    components::{Component, components},
    fixture::DeviceFixture,
    randomness::{Generators, Randomness},
    runs::{PipelineKind, Run, StepTrace},
    scene::Scene,
};
