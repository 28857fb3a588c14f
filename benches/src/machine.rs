//! What figures were measured on and with.

use std::{env, fs, thread};

/// The processor's name and how many threads it has for us, for people.
pub fn processor() -> String {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {threads} hardware threads, {}", processor_name(), env::consts::OS)
}

/// As Linux tells it; elsewhere only the architecture.
fn processor_name() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

/// The version of a dependency that the workspace is locked to.
pub fn locked_version(package: &str) -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    version.unwrap_or("(unknown version)")
}
