//! The same work on several devices: single operations, networks and whole runs, to see where devices part ways.
//!
//! All random numbers come from generators on the host, so that only the devices' arithmetic can differ.

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
