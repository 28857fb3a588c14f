//! Code that several examples share.

pub mod experiment;
pub mod inputs;

/// The pages of the user guide. Their snippets are compiled, and run unless they are marked `no_run`.
#[cfg(doctest)]
mod guide {
    #[doc = include_str!("../../docs/guide/first-run.md")]
    struct FirstRun;

    #[doc = include_str!("../../docs/guide/meshes-and-images.md")]
    struct MeshesAndImages;

    #[doc = include_str!("../../docs/guide/cameras.md")]
    struct Cameras;

    #[doc = include_str!("../../docs/guide/editing-views.md")]
    struct EditingViews;

    #[doc = include_str!("../../docs/guide/schedulers.md")]
    struct Schedulers;

    #[doc = include_str!("../../docs/guide/single-stages.md")]
    struct SingleStages;

    #[doc = include_str!("../../docs/guide/gpu-devices.md")]
    struct GpuDevices;

    #[doc = include_str!("../../docs/guide/webassembly.md")]
    struct WebAssembly;

    #[doc = include_str!("../../docs/guide/server.md")]
    struct Server;
}
