//! Descriptions of the machine and the dependencies of a measurement.

use std::{env, fs, thread};

/// Returns the processor's name and the number of threads available to this process.
pub fn processor() -> String {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {threads} hardware threads, {}", processor_name(), env::consts::OS)
}

/// Returns the processor's name on Linux, and the architecture elsewhere.
fn processor_name() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

/// Returns the version of a dependency in the workspace's lock file.
pub fn locked_version(package: &str) -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    version.unwrap_or("(unknown version)")
}
