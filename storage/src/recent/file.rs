//! A file of recent hashes and decisions, written with each flush for the payloads and traces of its epoch.
//!
//! ```text
//!  magic "CLEWREC\0" · format version u32 · count u32 · count x (hash 16 bytes, stored at u64)
//!  decided at u64 · count u32 · count x (hash of a trace id u64, rejected random values u64) · crc32 of all before
//! ```
//!
//! Numbers are little-endian. Version 1 has no second line. A lost file costs only that retries across a restart may be stored twice, and
//! late spans decided about anew.

use std::path::Path;

use super::{Known, PayloadHash};
use crate::env::{Env, read_file};
use crate::error::{IoContext, StoreError};
use crate::sampling::decisions::Decision;
use crate::wal::frame::{u32_at, u64_at};

const MAGIC: [u8; 8] = *b"CLEWREC\0";
/// Version of files without decisions.
const FORMAT_WITHOUT_DECISIONS: u32 = 1;
const FORMAT_VERSION: u32 = 2;
const HEADER_BYTES: usize = 16;
const ENTRY_BYTES: usize = 24;
const DECISIONS_HEADER_BYTES: usize = 12;
const DECISION_BYTES: usize = 16;

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Content {
    pub(crate) known: Vec<Known>,
    /// When the decisions were made, ns since the epoch.
    pub(crate) decided_at_unix_nano: u64,
    pub(crate) decisions: Vec<Decision>,
}

/// Writes and syncs a file that does not exist yet. The caller syncs the directory.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(
    env: &Env,
    path: &Path,
    known: &[Known],
    decided_at_unix_nano: u64,
    decisions: &[Decision],
) -> Result<(), StoreError> {
    let entries_bytes = known.len() * ENTRY_BYTES + decisions.len() * DECISION_BYTES;
    let mut bytes = Vec::with_capacity(HEADER_BYTES + DECISIONS_HEADER_BYTES + entries_bytes + 4);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&(known.len() as u32).to_le_bytes());
    for entry in known {
        for number in [entry.hash.0[0], entry.hash.0[1], entry.at_unix_nano] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
    bytes.extend_from_slice(&decided_at_unix_nano.to_le_bytes());
    bytes.extend_from_slice(&(decisions.len() as u32).to_le_bytes());
    for decision in decisions {
        for number in [decision.hash, decision.rejected] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    let file = env.fs.create_new(path).context(path)?;
    file.write_all_at(&bytes, 0).context(path)?;
    file.sync_all().context(path)
}

/// Reads a file.
///
/// # Errors
/// When it cannot be read or is damaged.
pub(crate) fn read(env: &Env, path: &Path) -> Result<Content, StoreError> {
    let bytes = read_file(&*env.fs, path).context(path)?;
    parse(&bytes).map_err(|message| StoreError::Corrupt {
        path: path.to_path_buf(),
        message: message.to_owned(),
    })
}

fn parse(bytes: &[u8]) -> Result<Content, &'static str> {
    const WRONG_COUNT: &str = "the number of entries is wrong";
    let content_bytes = bytes.len().checked_sub(4);
    let content_bytes = content_bytes.ok_or("the file is too short")?;
    let content = &bytes[..content_bytes];
    if u32_at(bytes, content_bytes) != crc32fast::hash(content) {
        return Err("the checksum is wrong");
    }
    if content.len() < HEADER_BYTES || content[..8] != MAGIC {
        return Err("the file does not begin as a file of recent payloads");
    }
    let format = u32_at(content, 8);
    if format != FORMAT_VERSION && format != FORMAT_WITHOUT_DECISIONS {
        return Err("the format version is not known");
    }
    let known_bytes = u32_at(content, 12) as usize * ENTRY_BYTES;
    let (entries, rest) = content[HEADER_BYTES..]
        .split_at_checked(known_bytes)
        .ok_or(WRONG_COUNT)?;
    let known = entries.chunks_exact(ENTRY_BYTES).map(|entry| Known {
        hash: PayloadHash([u64_at(entry, 0), u64_at(entry, 8)]),
        at_unix_nano: u64_at(entry, 16),
    });
    let mut content = Content {
        known: known.collect(),
        ..Content::default()
    };
    if format == FORMAT_WITHOUT_DECISIONS {
        return rest.is_empty().then_some(content).ok_or(WRONG_COUNT);
    }
    let (header, entries) = rest
        .split_at_checked(DECISIONS_HEADER_BYTES)
        .ok_or(WRONG_COUNT)?;
    if entries.len() != u32_at(header, 8) as usize * DECISION_BYTES {
        return Err(WRONG_COUNT);
    }
    content.decided_at_unix_nano = u64_at(header, 0);
    let decisions = entries.chunks_exact(DECISION_BYTES).map(|entry| Decision {
        hash: u64_at(entry, 0),
        rejected: u64_at(entry, 8),
    });
    content.decisions = decisions.collect();
    Ok(content)
}
