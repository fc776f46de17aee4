//! The directory in which a run keeps what it makes, outside of what it breaks.
//!
//! It is removed at the end, also after an error. What a run left that was killed is found by its name, which has the
//! number of the process, and removed by the next run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell;

const PREFIX: &str = "clew-chaos-";

/// The directory.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
}

impl Home {
    /// A new directory in `work`, after what dead runs left there is gone.
    pub(crate) fn new(work: &Path) -> Result<Self> {
        let work = work
            .canonicalize()
            .with_context(|| work.display().to_string())?;
        remove_stale(&work)?;
        let path = work.join(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir(&path).with_context(|| path.display().to_string())?;
        Ok(Self { path })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn remove_stale(work: &Path) -> Result<()> {
    for entry in fs::read_dir(work)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(pid) = name
            .strip_prefix(PREFIX)
            .and_then(|n| n.parse::<u32>().ok())
        else {
            continue;
        };
        if !Path::new(&format!("/proc/{pid}")).exists() {
            eprintln!("removing {}, left by a run that was killed", path.display());
            remove(&path);
        }
    }
    Ok(())
}

/// Unmounts what is mounted inside, frees its loop devices, removes the rest.
fn remove(path: &Path) {
    for mount in mounts_in(path) {
        if let Err(error) = shell::run("umount", &[&"--lazy", &mount]) {
            eprintln!("{error:#}");
        }
    }
    for device in loop_devices_in(path) {
        if let Err(error) = shell::run("losetup", &[&"--detach", &device]) {
            eprintln!("{error:#}");
        }
    }
    if mounts_in(path).is_empty()
        && let Err(error) = fs::remove_dir_all(path)
    {
        eprintln!("{}: {error}", path.display());
    }
}

fn mounts_in(path: &Path) -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    points
        .map(PathBuf::from)
        .filter(|point| point.starts_with(path))
        .collect()
}

fn loop_devices_in(path: &Path) -> Vec<PathBuf> {
    let list = shell::run(
        "losetup",
        &[&"--list", &"--noheadings", &"--output", &"NAME,BACK-FILE"],
    )
    .unwrap_or_default();
    let pairs = list
        .lines()
        .filter_map(|line| line.split_once(char::is_whitespace));
    pairs
        .filter(|(_, file)| Path::new(file.trim()).starts_with(path))
        .map(|(name, _)| PathBuf::from(name))
        .collect()
}
