//! Checking a data directory: everything is read and compared with what the manifest and the checksums say. Nothing is changed.
//!
//! What is checked:
//!
//! | part | checks |
//! |---|---|
//! | manifest | checksums of both copies of every version and checkpoint; each version follows on the one before; the checkpoints say the same as the versions |
//! | segments | every byte against the manifest's checksum; footers readable; row counts; the index finds each trace where it stands |
//! | log | file headers, groups and records up to the durable mark; no record missing |
//! | counts | checksums; readable |
//! | recent payloads | checksums |
//! | directory | no file of a segment that no version names (a note, not a problem: the next start removes it) |
//!
//! Each problem names the file, the place in it and what it means.

mod manifest;
mod segment;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::derived::{DerivedFile, DerivedMeta};
use crate::env::Env;
use crate::error::StoreError;
use crate::lock::DirLock;
use crate::manifest::{RecentFile, State};
use crate::segment::{Segment, SegmentCache};
use crate::snapshot::Snapshot;
use crate::wal::replay::{Position, Replay, replay};
use crate::{recent, wal};
#[cfg(test)]
pub(crate) use segment::verify_segment;
pub(crate) use segment::{Wrong, verify_one};

/// Footers and indexes that a check keeps in memory, bytes.
const CACHE_BYTES: usize = 16 << 20;
/// A running log is read again so often before damage in it is believed.
const LOG_ATTEMPTS: u32 = 3;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Problem {
    /// File, or the directory where one is missing.
    pub file: PathBuf,
    /// What is wrong, where in the file, and what it means.
    pub message: String,
}

/// What a check has read and found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct VerifyReport {
    /// Newest version of the manifest.
    pub manifest_version: u64,
    /// Segments.
    pub segments: u64,
    /// Spans in them.
    pub spans: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Intact records of the log that are in no segment yet.
    pub log_records: u64,
    /// Bytes at the end of the log of a write that never ended; the next start cuts them off.
    pub torn_tail_bytes: u64,
    /// Everything that is wrong; empty when all is well.
    pub problems: Vec<Problem>,
}

impl VerifyReport {
    /// True when nothing is wrong.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, file: &Path, message: impl Into<String>) {
        self.problems.push(Problem {
            file: file.to_path_buf(),
            message: message.into(),
        });
    }
}

/// How far a check has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of segments read so far.
    pub done_bytes: u64,
    /// Bytes of all segments.
    pub total_bytes: u64,
}

/// Checks the data directory of a store that does not run. Writes nothing.
///
/// # Errors
/// [`StoreError::Locked`] when a process uses the directory: ask that one. Otherwise when a directory cannot be read at all.
pub fn verify_dir(
    env: &Env,
    data_dir: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<VerifyReport, StoreError> {
    let _lock = DirLock::take_if_used(env, data_dir)?;
    let mut report = VerifyReport::default();
    let Some(state) = verify_others(env, data_dir, &mut report)? else {
        return Ok(report);
    };
    let cache = Arc::new(SegmentCache::new(CACHE_BYTES));
    let segments = state.segments.iter();
    let segments: Vec<_> = segments
        .map(|meta| Arc::new(Segment::open(env, data_dir, meta.clone(), &cache)))
        .collect();
    segment::verify_all(data_dir, &segments, &mut report, progress);
    Ok(report)
}

/// Checks everything but the segments; the manifest's newest state, or `None` when it cannot be known.
pub(crate) fn verify_others(
    env: &Env,
    data_dir: &Path,
    report: &mut VerifyReport,
) -> Result<Option<State>, StoreError> {
    let state = manifest::verify(env, data_dir, report)?;
    if let Some(state) = &state {
        let replay = read_log(env, data_dir, state, report)?;
        note_log(&replay, report);
        report.torn_tail_bytes = replay.torn_tail_bytes;
        verify_recent(env, data_dir, state, report);
        verify_derived(env, data_dir, state, report);
    }
    Ok(state)
}

/// Checks the directory of a running store; `snapshot` keeps its segments in place.
pub(crate) fn verify_open(
    env: &Env,
    data_dir: &Path,
    snapshot: &Snapshot,
    progress: &mut dyn FnMut(Progress),
) -> Result<VerifyReport, StoreError> {
    let mut report = verify_others_open(env, data_dir)?;
    segment::verify_all(data_dir, snapshot.segments(), &mut report, progress);
    Ok(report)
}

/// Checks everything but the segments of a running store.
pub(crate) fn verify_others_open(env: &Env, data_dir: &Path) -> Result<VerifyReport, StoreError> {
    let mut attempt = 1;
    loop {
        // The writer and the flusher go on meanwhile: what is damaged only at one look was being written or removed.
        let mut report = VerifyReport::default();
        let read = verify_others(env, data_dir, &mut report);
        if read.is_ok() && report.is_ok() || attempt == LOG_ATTEMPTS {
            read?;
            // A write that is under way is no torn tail.
            report.torn_tail_bytes = 0;
            return Ok(report);
        }
        attempt += 1;
    }
}

fn read_log(
    env: &Env,
    data_dir: &Path,
    state: &State,
    report: &mut VerifyReport,
) -> Result<Replay, StoreError> {
    let dir = wal::dir(data_dir);
    let position = Position {
        flushed_seq: state.flushed_seq,
        manifest_version: state.version,
    };
    let mut records = 0;
    let replay = match replay(&*env.fs, &dir, position, &mut |_| records += 1) {
        Err(StoreError::Corrupt { path, message }) => {
            report.problem(&path, message);
            Replay::default()
        }
        Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Replay::default()
        }
        replay => replay?,
    };
    report.log_records = records + replay.tail.len() as u64;
    Ok(replay)
}

fn note_log(replay: &Replay, report: &mut VerifyReport) {
    for damage in &replay.damage {
        report.problem(&damage.path, damage.reason.clone());
    }
}

fn verify_recent(env: &Env, data_dir: &Path, state: &State, report: &mut VerifyReport) {
    for file in &state.recent {
        let path = data_dir.join(&file.name);
        if let Some(problem) = recent_problem(env, &path, file) {
            report.problem(&path, problem);
        }
    }
}

fn verify_derived(env: &Env, data_dir: &Path, state: &State, report: &mut VerifyReport) {
    for meta in &state.derived {
        if let Some(problem) = derived_problem(env, data_dir, meta) {
            report.problem(&data_dir.join(&meta.name), problem);
        }
    }
}

/// What is wrong with a file of counts.
pub(crate) fn derived_problem(env: &Env, data_dir: &Path, meta: &DerivedMeta) -> Option<String> {
    let file = DerivedFile::open(env, data_dir, meta.clone());
    let message = match file.verify() {
        Ok(()) => return None,
        Err(StoreError::Corrupt { message, .. }) => message,
        Err(error) => error.to_string(),
    };
    let meaning = if meta.table.is_some() {
        "`span_metrics`, `service_edges` and what is made of them cannot be read for the minutes that it holds"
    } else {
        "calls between services whose other side had not arrived are not counted"
    };
    Some(format!("{message}: {meaning}"))
}

/// What is wrong with a file of recent hashes.
pub(crate) fn recent_problem(env: &Env, path: &Path, file: &RecentFile) -> Option<String> {
    let message = match recent::read(env, path) {
        Ok(content) if content.known.len() as u64 == file.count => return None,
        Ok(content) => format!(
            "{} payload hashes, the manifest says {}",
            content.known.len(),
            file.count
        ),
        Err(error) => error.to_string(),
    };
    let meaning = "a payload that was flushed lately and is sent again may be stored twice";
    Some(format!("{message}: {meaning}"))
}
