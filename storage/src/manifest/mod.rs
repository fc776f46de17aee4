//! The manifest: which segments the store consists of, and up to where the log is in them.
//!
//! ```text
//!  manifest/00000000000000000017.json          what version 17 changed
//!  manifest/00000000000000000064.checkpoint    the whole state of version 64
//!
//!  each file  ┌ JSON, one line ────────┐
//!             │ crc32 <8 hex digits>   │  of the line above
//!             │ the same JSON again    │
//!             │ crc32 <8 hex digits>   │
//!             └────────────────────────┘
//! ```
//!
//! A commit writes the changes to a file of its own, syncs it, and links it to the next number, which fails if that is taken;
//! then it syncs the directory. A number that is taken by a file with the commit's own id is success: an earlier attempt got
//! that far. By the same rule only one of two writers can make a version.
//!
//! Invariants:
//! - a version that can be seen is whole, so damage is always damage of the disk. Either of the two copies serves; a version whose
//!   copies are both lost makes the store refuse to open, unless an intact checkpoint stands above it;
//! - versions and checkpoints are pruned only below the last but one checkpoint, so a damaged checkpoint can be done without;
//! - `incarnation` is the number of the process: it grows by one at each start, and a process that meets a greater one has
//!   been replaced and commits nothing more.

mod copies;
mod file;
mod log;
mod state;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub(crate) use copies::{damaged_copies, restore_copies};
pub(crate) use file::{FileKind, parse};
pub(crate) use log::{Loaded, Manifest, load, write_state};
pub(crate) use state::{Changes, RecentFile, State, Version};

/// The manifest's directory inside the data directory.
pub(crate) fn dir(data_dir: &Path) -> PathBuf {
    data_dir.join("manifest")
}
