//! Backups: a data directory that holds one state of another, and nothing else.
//!
//! ```text
//!   the store, running ──flush──▶ one manifest version ──▶ its segments, those that are not there yet ──▶ <backup>/segments/…
//!                                        └────── when all are durable, in one step ────────────────────▶ <backup>/manifest/
//! ```
//!
//! Segments never change, so a backup into the same directory copies only what is new, and removes what is gone once the new state is in
//! place. Until then the backup is the one from before: a failure or a crash at any moment leaves one of the two. Bytes that are copied are
//! compared with their checksums. On the same file system files can be linked instead, which takes no room, and protects against deletion but
//! not against the disk.
//!
//! A backup is a data directory: a server can be started on it, `clew verify` checks it, and restoring is the same copy into an empty one.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use crc32fast::Hasher;

use crate::env::Env;
use crate::error::{IoContext, StoreError};
use crate::lock::DirLock;
use crate::manifest::{self, State};
use crate::segment::{Segment, SegmentMeta};
use crate::verify::Progress;
use crate::wal;

/// Bytes that are copied at a time.
const PIECE: u64 = 1 << 20;

/// What a backup has done.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BackupReport {
    /// Version of the manifest that the backup holds.
    pub manifest_version: u64,
    /// Segments in it.
    pub segments: u64,
    /// Spans in them.
    pub spans: u64,
    /// Bytes of them, and of the counts.
    pub bytes: u64,
    /// Segments that were not there before.
    pub new_segments: u64,
    /// Bytes that were copied; linked ones are not.
    pub copied_bytes: u64,
    /// Segments that were there before and are no more part of the store.
    pub removed_segments: u64,
}

/// Copies the state of the data directory `source`, which no process uses, to `target`, which is empty or an earlier backup.
///
/// # Errors
/// [`StoreError::Locked`] when a process uses one of them: ask that one. When the source has a log that is not in segments, when the target
/// holds something else, or a file cannot be read or written; the target is then what it was.
pub fn backup_dir(
    env: &Env,
    source: &Path,
    target: &Path,
    link: bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<BackupReport, StoreError> {
    let _lock = DirLock::take_if_used(env, source)?;
    let loaded = manifest::load(env, &manifest::dir(source))?;
    if has_log(env, source)? {
        return Err(refused(
            source,
            "has spans in its log that are in no segment; run `clew flush` on it first",
        ));
    }
    Mirror {
        env,
        source,
        target,
        link,
    }
    .run(&loaded.state, progress)
}

/// Copies from a directory to another.
pub(crate) struct Mirror<'a> {
    pub(crate) env: &'a Env,
    pub(crate) source: &'a Path,
    pub(crate) target: &'a Path,
    /// Link files where that is possible.
    pub(crate) link: bool,
}

impl Mirror<'_> {
    /// Brings the target to `state`, whose segments stay in the source meanwhile.
    pub(crate) fn run(
        &self,
        state: &State,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<BackupReport, StoreError> {
        let env = self.env;
        let _lock = self.prepare()?;
        let manifest_dir = manifest::dir(self.target);
        let before = manifest::load(env, &manifest_dir)?.state;
        self.check(&before, state)?;
        let known: HashSet<&str> = before.segments.iter().map(|s| s.name.as_str()).collect();
        let mut report = BackupReport {
            manifest_version: state.version,
            segments: state.segments.len() as u64,
            spans: state.span_count(),
            bytes: state.file_bytes() + state.derived_bytes(),
            ..BackupReport::default()
        };
        let (mut done_bytes, total_bytes) = (0, state.file_bytes());
        for meta in &state.segments {
            if !(known.contains(meta.name.as_str()) && self.is_there(meta)) {
                report.copied_bytes += self.take(meta)?;
                report.new_segments += 1;
            }
            done_bytes += meta.file_bytes.iter().sum::<u64>();
            progress(Progress {
                done_bytes,
                total_bytes,
            });
        }
        report.copied_bytes += self.take_counts(&before, state)?;
        // Hashes of recent payloads are for retries of this very process.
        let state = State {
            recent: Vec::new(),
            ..state.clone()
        };
        if state != before {
            manifest::write_state(env, &manifest_dir, &state)?;
        }
        report.removed_segments = self.remove_others(&before, &state)?;
        Ok(report)
    }

    fn prepare(&self) -> Result<DirLock, StoreError> {
        let (env, target) = (self.env, self.target);
        env.fs.create_dir_all(target).context(target)?;
        let lock = DirLock::take(env, target)?;
        if has_log(env, target)? {
            return Err(refused(
                target,
                "is a data directory that a server has written to, not a backup; choose another one",
            ));
        }
        let manifest_dir = manifest::dir(target);
        env.fs
            .create_dir_all(&manifest_dir)
            .context(&manifest_dir)?;
        Ok(lock)
    }

    fn check(&self, before: &State, state: &State) -> Result<(), StoreError> {
        if before.version <= state.version {
            return Ok(());
        }
        let message = format!(
            "holds version {} of a manifest, and {} is at version {}: it is a backup of another store, or a newer one",
            before.version,
            self.source.display(),
            state.version
        );
        Err(refused(self.target, &message))
    }

    /// True when the files of an earlier backup are as long as they should be.
    fn is_there(&self, meta: &SegmentMeta) -> bool {
        let paths = Segment::paths(self.target, &meta.name);
        paths.iter().zip(meta.file_bytes).all(|(path, bytes)| {
            let file = self.env.fs.open(path);
            file.and_then(|file| file.len())
                .is_ok_and(|len| len == bytes)
        })
    }

    /// Takes the files of a segment; the bytes that were copied.
    fn take(&self, meta: &SegmentMeta) -> Result<u64, StoreError> {
        let from = Segment::paths(self.source, &meta.name);
        let to = Segment::paths(self.target, &meta.name);
        let dir = to[0].parent().unwrap_or(self.target);
        self.env.fs.create_dir_all(dir).context(dir)?;
        let mut copied = 0;
        for (place, (from, to)) in from.iter().zip(&to).enumerate() {
            let (bytes, crc) = (meta.file_bytes[place], meta.file_crc[place]);
            copied += self.take_file(from, to, bytes, crc)?;
        }
        self.env.fs.sync_dir(dir).context(dir)?;
        Ok(copied)
    }

    /// Takes the files of counts that an earlier backup does not have; the bytes that were copied.
    fn take_counts(&self, before: &State, state: &State) -> Result<u64, StoreError> {
        let mut copied = 0;
        for meta in &state.derived {
            if before.derived.contains(meta) {
                continue;
            }
            let (from, to) = (self.source.join(&meta.name), self.target.join(&meta.name));
            let dir = to.parent().unwrap_or(self.target);
            self.env.fs.create_dir_all(dir).context(dir)?;
            copied += self.take_file(&from, &to, meta.bytes, meta.crc)?;
            self.env.fs.sync_dir(dir).context(dir)?;
        }
        Ok(copied)
    }

    /// Links or copies one file; the bytes that were copied.
    fn take_file(&self, from: &Path, to: &Path, bytes: u64, crc: u32) -> Result<u64, StoreError> {
        self.remove_if_there(to)?;
        if self.link && self.env.fs.hard_link(from, to).is_ok() {
            return Ok(0);
        }
        if let Err(error) = self.copy(from, to, bytes, crc) {
            // Nothing names it; the next backup would replace it.
            let _ = self.env.fs.remove_file(to);
            return Err(error);
        }
        Ok(bytes)
    }

    fn copy(&self, from: &Path, to: &Path, bytes: u64, crc: u32) -> Result<(), StoreError> {
        let corrupt = |message: String| StoreError::Corrupt {
            path: from.to_path_buf(),
            message,
        };
        let source = self.env.fs.open(from).context(from)?;
        let length = source.len().context(from)?;
        if length != bytes {
            return Err(corrupt(format!("has {length} bytes instead of {bytes}")));
        }
        let target = self.env.fs.create_new(to).context(to)?;
        let mut hasher = Hasher::new();
        let mut piece = vec![0; PIECE as usize];
        for start in (0..bytes).step_by(PIECE as usize) {
            let piece = &mut piece[..PIECE.min(bytes - start) as usize];
            source.read_exact_at(piece, start).context(from)?;
            hasher.update(piece);
            target.write_all_at(piece, start).context(to)?;
        }
        if hasher.finalize() != crc {
            return Err(corrupt("checksum of the whole file".to_owned()));
        }
        target.sync_all().context(to)
    }

    /// Removes files of an earlier backup that are no more part of the store; how many segments they were.
    fn remove_others(&self, before: &State, state: &State) -> Result<u64, StoreError> {
        for meta in &before.derived {
            if !state.derived.contains(meta) {
                self.remove_if_there(&self.target.join(&meta.name))?;
            }
        }
        let named: HashSet<&str> = state.segments.iter().map(|s| s.name.as_str()).collect();
        let mut removed = 0;
        for meta in &before.segments {
            if !named.contains(meta.name.as_str()) {
                for path in Segment::paths(self.target, &meta.name) {
                    self.remove_if_there(&path)?;
                }
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn remove_if_there(&self, path: &Path) -> Result<(), StoreError> {
        match self.env.fs.remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.context(path),
        }
    }
}

/// True when there are files of a log.
fn has_log(env: &Env, data_dir: &Path) -> Result<bool, StoreError> {
    let dir = wal::dir(data_dir);
    match env.fs.list(&dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        entries => Ok(!entries.context(&dir)?.is_empty()),
    }
}

fn refused(path: &Path, message: &str) -> StoreError {
    StoreError::Refused {
        path: PathBuf::from(path),
        message: message.to_owned(),
    }
}
