//! The write-ahead log: every accepted payload as it was received, durable before the sender gets its answer.
//!
//! ```text
//!  wal/<incarnation>-<number>.log           preallocated; every multi-byte number is little-endian
//!
//!  page 0     ┌ file header ─────────────┐  magic "CLEWWAL\0", format version u32, crc u32, file id 16 bytes,
//!             │ copy of it at byte 2,048 │  incarnation u64, number u64, first seq u64, manifest version u64
//!             └──────────────────────────┘
//!  page n     ┌ group header ────────────┐  magic "CLWG", crc u32, body bytes u64, count u32, 0 u32,
//!             │                          │  first seq u64, durable seq u64
//!             │ record                   │
//!             │ record                   │  crc of header u32, crc of body u32, seq u64, received at u64, kind u16,
//!             │ …                        │  decoder version u16, tenant bytes u32, runs u32, payload bytes u32;
//!             │ zeros to the next page   │  body: tenant, runs of (spans u32, weight f64), payload
//!             └──────────────────────────┘
//!  page m     ┌ group header …           │
//! ```
//!
//! One write and one fdatasync make a group durable; only then are its records acknowledged. Checksums cover the contents and the
//! file's random id, so that nothing of another file can be taken for this one's.
//!
//! What a damaged place means follows from how far the log says it was durable:
//! - sequence numbers are contiguous; each group names the last record that was durable before it (`durable seq`), and so does
//!   each file by its first one. An empty group, a mark, says so of the last group while the log is idle;
//! - damage at or below that record is corruption: it is reported and set aside, and all that is intact is replayed;
//! - damage above is the rest of a write that never ended: replay stops exactly there, nobody was told that it is stored.
//!
//! A failed write or sync is never tried again on the same file, because a second sync may succeed without the data being there.
//! The writer begins a new file under the same sequence numbers; what the old file holds from the new one's first number on is
//! void. A file gets its name only when its header and its first group are durable, so a file that can be seen always
//! replaces the void part wholly.
//!
//! Replay takes the records above the durable mark, which may be in memory only, and writes them again as the first group of a
//! new file, before anything else happens.

pub(crate) mod frame;
pub(crate) mod replay;
pub(crate) mod scan;
#[cfg(test)]
mod tests;
pub(crate) mod writer;

use std::path::{Path, PathBuf};

/// Ending of a log file.
const FILE_ENDING: &str = ".log";
/// Ending of a log file that is being made.
const TEMPORARY_ENDING: &str = ".tmp";

/// The log's directory inside the data directory.
pub(crate) fn dir(data_dir: &Path) -> PathBuf {
    data_dir.join("wal")
}

fn file_name(incarnation: u64, number: u64) -> String {
    format!("{incarnation:010}-{number:010}{FILE_ENDING}")
}

/// Name of a log file while it is being made.
fn temporary_name(name: &str) -> String {
    format!("{name}{TEMPORARY_ENDING}")
}

/// Incarnation and number in the name of a log file; `None` for any other name.
pub(crate) fn parse_file_name(name: &str) -> Option<(u64, u64)> {
    let (incarnation, number) = name.strip_suffix(FILE_ENDING)?.split_once('-')?;
    let (incarnation, number) = (incarnation.parse().ok()?, number.parse().ok()?);
    (file_name(incarnation, number) == name).then_some((incarnation, number))
}

/// True for the name of a file that was never finished.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.ends_with(TEMPORARY_ENDING)
}

/// A log file on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFile {
    pub(crate) path: PathBuf,
    pub(crate) number: u64,
    /// First sequence number in it.
    pub(crate) first_seq: u64,
    /// Bytes on disk.
    pub(crate) bytes: u64,
}
