#![doc = include_str!("../README.md")]

pub mod case;
pub mod devices;
pub mod image_metrics;
pub mod kinds;
pub mod report;
pub mod runner;

/// Compiles the snippets of the repository's README. They belong to the facade, but its package
/// cannot include files outside its folder.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct RepositoryReadme;
