//! Bounds on a server's memory, processor and disk: a control group, of version 2 where the machine has it, else of version 1.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

const ROOT: &str = "/sys/fs/cgroup";

/// Period in which a share of a processor is given out, us. Short, so that waiting for the next one is no long wait.
const PERIOD_US: u64 = 10_000;

/// What a group may take.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bounds {
    /// Memory, bytes.
    pub(crate) memory_bytes: Option<u64>,
    /// Share of one processor, percent.
    pub(crate) cpu_percent: Option<u64>,
    /// Bytes a second written to a device (`major:minor`).
    pub(crate) write: Option<(String, u64)>,
}

/// A control group. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct Group {
    /// Its folder, or with version 1 one for each controller.
    folders: Vec<PathBuf>,
    is_v2: bool,
}

impl Group {
    /// A group with these bounds.
    pub(crate) fn new(bounds: &Bounds) -> Result<Self> {
        let controllers =
            fs::read_to_string(format!("{ROOT}/cgroup.controllers")).unwrap_or_default();
        let is_v2 = ["memory", "cpu", "io"]
            .iter()
            .all(|name| controllers.split_whitespace().any(|c| c == *name));
        let mut group = Self {
            folders: Vec::new(),
            is_v2,
        };
        if is_v2 {
            let control = format!("{ROOT}/cgroup.subtree_control");
            fs::write(&control, "+memory +cpu +io").context(control)?;
            group.add_folder(Path::new(ROOT))?;
            group.bound_v2(bounds)?;
        } else {
            for controller in ["memory", "cpu", "blkio"] {
                group.add_folder(&Path::new(ROOT).join(controller))?;
            }
            group.bound_v1(bounds)?;
        }
        Ok(group)
    }

    fn add_folder(&mut self, parent: &Path) -> Result<()> {
        let folder = parent.join(format!("clew-chaos-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        self.folders.push(folder);
        Ok(())
    }

    fn bound_v2(&self, bounds: &Bounds) -> Result<()> {
        if let Some(bytes) = bounds.memory_bytes {
            self.set("memory.max", &bytes.to_string())?;
            // Nothing is to flee into swap.
            let _ = self.set("memory.swap.max", "0");
        }
        if let Some(percent) = bounds.cpu_percent {
            let quota = PERIOD_US * percent / 100;
            self.set("cpu.max", &format!("{quota} {PERIOD_US}"))?;
        }
        if let Some((device, rate)) = &bounds.write {
            self.set("io.max", &format!("{device} wbps={rate}"))?;
        }
        Ok(())
    }

    fn bound_v1(&self, bounds: &Bounds) -> Result<()> {
        if let Some(bytes) = bounds.memory_bytes {
            self.set("memory.limit_in_bytes", &bytes.to_string())?;
            let _ = self.set("memory.memsw.limit_in_bytes", &bytes.to_string());
        }
        if let Some(percent) = bounds.cpu_percent {
            self.set("cpu.cfs_period_us", &PERIOD_US.to_string())?;
            self.set("cpu.cfs_quota_us", &(PERIOD_US * percent / 100).to_string())?;
        }
        if let Some((device, rate)) = &bounds.write {
            self.set(
                "blkio.throttle.write_bps_device",
                &format!("{device} {rate}"),
            )?;
        }
        Ok(())
    }

    /// The file of this name, in the folder that has it.
    fn file(&self, name: &str) -> Result<PathBuf> {
        let mut paths = self.folders.iter().map(|folder| folder.join(name));
        paths
            .find(|path| path.exists())
            .with_context(|| format!("the control groups of this machine have no {name}"))
    }

    fn set(&self, name: &str, value: &str) -> Result<()> {
        let path = self.file(name)?;
        fs::write(&path, value).with_context(|| format!("{value} to {}", path.display()))
    }

    /// A command that goes into the group and becomes the command that follows it: as in a container, the program sees from its first
    /// instruction on what it may take.
    pub(crate) fn entry(&self) -> Vec<String> {
        let enter = |folder: &PathBuf| format!("echo $$ > '{}/cgroup.procs' && ", folder.display());
        let enter: String = self.folders.iter().map(enter).collect();
        let words = ["sh", "-c", &format!("{enter}exec \"$@\""), "sh"];
        words.map(str::to_owned).to_vec()
    }

    /// Memory that cannot be given back by dropping copies of files, bytes.
    pub(crate) fn anonymous_bytes(&self) -> Result<u64> {
        let name = if self.is_v2 { "anon" } else { "rss" };
        self.number("memory.stat", name)
    }

    /// Processes that the kernel ended because the group had no memory left.
    pub(crate) fn killed(&self) -> Result<u64> {
        let file = if self.is_v2 {
            "memory.events"
        } else {
            "memory.oom_control"
        };
        self.number(file, "oom_kill")
    }

    fn number(&self, file: &str, name: &str) -> Result<u64> {
        let path = self.file(file)?;
        let text = fs::read_to_string(&path)?;
        let found = text.lines().find_map(|line| {
            let (key, value) = line.split_once(' ')?;
            (key == name).then(|| value.trim().parse().ok())?
        });
        found.with_context(|| format!("{} has no {name}", path.display()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in &self.folders {
            // Its processes have been ended, but may not be gone yet.
            for _ in 0..100 {
                if fs::remove_dir(folder).is_ok() {
                    break;
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}
