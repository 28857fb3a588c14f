#![doc = include_str!("../README.md")]

pub mod case;
pub mod devices;
pub mod kinds;
pub mod report;
pub mod runner;

/// Whether a test that finds no GPU has to fail: where `HUNYUAN_PAINT_REQUIRE_GPU` is 1. Elsewhere it is skipped, and says so.
pub fn gpu_is_required() -> bool {
    std::env::var_os("HUNYUAN_PAINT_REQUIRE_GPU").is_some_and(|value| value == "1")
}

/// The snippets of the repository's README, compiled. They are the facade's, whose package ends at its folder.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct RepositoryReadme;
