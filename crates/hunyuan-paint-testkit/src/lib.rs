#![doc = include_str!("../README.md")]

pub mod case;
pub mod devices;
pub mod image_metrics;
pub mod kinds;
pub mod report;
pub mod runner;

/// The snippets of the repository's README, compiled. They are the facade's, whose package ends at its folder.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct RepositoryReadme;
