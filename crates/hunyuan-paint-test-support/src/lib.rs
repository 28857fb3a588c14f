#![doc = include_str!("../README.md")]

mod recordings;

pub use self::recordings::unpacked;

use std::{
    env,
    fmt::Display,
    io::{Write as _, stderr},
};

/// The environment variable that says whether a test may be skipped for want of a GPU.
pub const REQUIRE_GPU: &str = "HUNYUAN_PAINT_REQUIRE_GPU";

/// Returns whether a test that needs a GPU must fail where there is none.
///
/// GPU tests are compiled only in builds with a GPU feature, and fail there unless `HUNYUAN_PAINT_REQUIRE_GPU` is `0`.
/// With `1`, a build without a GPU feature fails as well.
pub fn is_gpu_required(build_has_gpu: bool) -> bool {
    match env::var(REQUIRE_GPU).as_deref() {
        Ok("0") => false,
        Ok("1") => true,
        _ => build_has_gpu,
    }
}

/// Returns the device, or `None` if there is none and [`is_gpu_required`] allows that. The test that is skipped is
/// named on standard error.
///
/// # Panics
/// If a GPU is required and there is none.
#[track_caller]
#[expect(clippy::panic, reason = "a test that must not be skipped has to fail")]
pub fn gpu_or_skip<T, E: Display>(test: &str, device: Result<T, E>) -> Option<T> {
    match device {
        Ok(device) => Some(device),
        Err(error) if is_gpu_required(true) => {
            panic!("{test}: no GPU: {error}; to skip it, set {REQUIRE_GPU}=0")
        }
        Err(error) => {
            report(&format!("SKIPPED: {test}: no GPU: {error}"));
            None
        }
    }
}

/// Writes a line to standard error, past the test harness, which hides what a passing test prints.
///
/// CI repeats lines that begin with `SKIPPED:` or `NOT CHECKED:` at its end.
pub fn report(line: &str) {
    // Nothing can be done about a closed standard error.
    let _ = writeln!(stderr(), "{line}");
}
