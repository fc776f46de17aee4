//! What a result is a result of: the day, the build, the machine.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::shell;

/// The day, `2026-11-29`, UTC.
pub(crate) fn date() -> Result<String> {
    shell::run("date", &[&"--utc", &"+%Y-%m-%d"])
}

/// Short name of the commit that the files around `path` are of; "unknown" outside a repository.
pub(crate) fn commit(path: &Path) -> String {
    let folder = path.parent().unwrap_or(path);
    shell::run(
        "git",
        &[&"-C", &folder, &"rev-parse", &"--short=8", &"HEAD"],
    )
    .unwrap_or_else(|_| "unknown".to_owned())
}

/// Profile that a binary was built with, by the folder that it lies in.
pub(crate) fn profile(binary: &Path) -> String {
    let folder = binary.parent().and_then(Path::file_name);
    folder.map_or_else(
        || "unknown".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// Processor, cores, memory and kernel.
pub(crate) fn description() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = |line: &str| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    };
    let model = cpus.lines().find_map(named).unwrap_or_default();
    let cores = cpus
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib: u64 = memory
        .split_whitespace()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let gib = (kib as f64 / f64::from(1 << 20)).round();
    format!("{model}, {cores} cores, {gib} GiB, Linux {}", kernel.trim())
}
