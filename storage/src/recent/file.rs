//! A file of recent hashes, written with each flush for the payloads of its epoch.
//!
//! ```text
//!  magic "CLEWREC\0" · format version u32 · count u32 · count x (hash 16 bytes, stored at u64) · crc32 of all before
//! ```
//!
//! Numbers are little-endian. A lost file costs only that retries across a restart may be stored twice.

use std::path::Path;

use super::{Known, PayloadHash};
use crate::env::{Env, read_file};
use crate::error::{IoContext, StoreError};
use crate::wal::frame::{u32_at, u64_at};

const MAGIC: [u8; 8] = *b"CLEWREC\0";
const FORMAT_VERSION: u32 = 1;
const HEADER_BYTES: usize = 16;
const ENTRY_BYTES: usize = 24;

/// Writes and syncs a file that does not exist yet. The caller syncs the directory.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(env: &Env, path: &Path, known: &[Known]) -> Result<(), StoreError> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + known.len() * ENTRY_BYTES + 4);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&(known.len() as u32).to_le_bytes());
    for entry in known {
        for number in [entry.hash.0[0], entry.hash.0[1], entry.at_unix_nano] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    let file = env.fs.create_new(path).context(path)?;
    file.write_all_at(&bytes, 0).context(path)?;
    file.sync_all().context(path)
}

/// Reads a file of recent hashes.
///
/// # Errors
/// When it cannot be read or is damaged.
pub(crate) fn read(env: &Env, path: &Path) -> Result<Vec<Known>, StoreError> {
    let bytes = read_file(&*env.fs, path).context(path)?;
    let corrupt = |message: &str| StoreError::Corrupt {
        path: path.to_path_buf(),
        message: message.to_owned(),
    };
    let Some(content_bytes) = bytes.len().checked_sub(4) else {
        return Err(corrupt("the file is too short"));
    };
    if u32_at(&bytes, content_bytes) != crc32fast::hash(&bytes[..content_bytes]) {
        return Err(corrupt("the checksum is wrong"));
    }
    if content_bytes < HEADER_BYTES || bytes[..8] != MAGIC {
        return Err(corrupt(
            "the file does not begin as a file of recent payloads",
        ));
    }
    if u32_at(&bytes, 8) != FORMAT_VERSION {
        return Err(corrupt("the format version is not known"));
    }
    let entries = bytes[HEADER_BYTES..content_bytes].chunks_exact(ENTRY_BYTES);
    if entries.len() != u32_at(&bytes, 12) as usize || !entries.remainder().is_empty() {
        return Err(corrupt("the number of entries is wrong"));
    }
    let known = entries.map(|entry| Known {
        hash: PayloadHash([u64_at(entry, 0), u64_at(entry, 8)]),
        at_unix_nano: u64_at(entry, 16),
    });
    Ok(known.collect())
}
