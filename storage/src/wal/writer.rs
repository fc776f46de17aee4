//! Writing the log: one group at a time, each durable before the next one begins.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::frame::{FileHeader, PAGE_BYTES, Record, Salt, encode_group};
use super::{LogFile, file_name, temporary_name};
use crate::env::{Env, File};
use crate::error::{IoContext, StoreError};
use crate::measure;

/// Log files on disk, oldest first. Shared by the writer, which adds, and the flusher, which removes.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogFiles(Arc<Mutex<VecDeque<LogFile>>>);

impl LogFiles {
    pub(crate) fn new(files: Vec<LogFile>) -> Self {
        Self(Arc::new(Mutex::new(files.into())))
    }

    fn files(&self) -> std::sync::MutexGuard<'_, VecDeque<LogFile>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.files().iter().map(|file| file.bytes).sum()
    }

    /// Removes files whose records are all at or below `flushed_seq`; the newest file only when `with_newest` is set.
    ///
    /// The oldest goes first, durably, because a file may hold void records that only the next file tells to be void.
    ///
    /// # Errors
    /// When a file cannot be removed; it is tried again at the next call.
    pub(crate) fn drop_flushed(
        &self,
        env: &Env,
        dir: &Path,
        flushed_seq: u64,
        with_newest: bool,
    ) -> Result<(), StoreError> {
        loop {
            let oldest = {
                let files = self.files();
                let done = match files.get(1) {
                    Some(next) => next.first_seq <= flushed_seq + 1,
                    None => with_newest,
                };
                match files.front() {
                    Some(oldest) if done => oldest.path.clone(),
                    _ => return Ok(()),
                }
            };
            match env.fs.remove_file(&oldest) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).context(&oldest);
                }
                _ => env.fs.sync_dir(dir).context(dir)?,
            }
            self.files().pop_front();
        }
    }
}

/// The file that groups are appended to.
#[derive(Debug)]
struct Active {
    file: Arc<dyn File>,
    path: PathBuf,
    salt: Salt,
    /// Where the next group goes.
    offset: u64,
    /// Preallocated bytes.
    bytes: u64,
}

/// What the writer starts from.
#[derive(Debug)]
pub(crate) struct WriterOptions {
    pub(crate) env: Env,
    pub(crate) dir: PathBuf,
    /// Number of this process in the manifest.
    pub(crate) incarnation: u64,
    /// Highest file number in use.
    pub(crate) last_number: u64,
    /// Sequence number of the next record.
    pub(crate) next_seq: u64,
    /// Size that files are preallocated at, bytes.
    pub(crate) file_bytes: u64,
    pub(crate) files: LogFiles,
}

/// Owner of the log's end.
#[derive(Debug)]
pub(crate) struct Writer {
    options: WriterOptions,
    active: Option<Active>,
    buffer: Vec<u8>,
}

impl Writer {
    /// A writer that makes its first file with its first group.
    pub(crate) fn new(options: WriterOptions) -> Self {
        Self {
            options,
            active: None,
            buffer: Vec::new(),
        }
    }

    /// Sequence number of the next record.
    pub(crate) fn next_seq(&self) -> u64 {
        self.options.next_seq
    }

    /// Leaves out the numbers of `count` records that are in a segment already.
    pub(crate) fn skip(&mut self, count: u64) {
        self.options.next_seq += count;
    }

    /// Makes `records` durable, which follow each other from [`Writer::next_seq`] on.
    ///
    /// A file that fails is given up and the group goes into a new one. `manifest_version` is the newest one.
    ///
    /// # Errors
    /// When no new file takes the group either; none of it counts then and its sequence numbers are used again.
    pub(crate) fn append(
        &mut self,
        records: &[Record],
        manifest_version: u64,
    ) -> Result<(), StoreError> {
        let written = match self.append_to_active(records) {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => {
                measure::wal_failure();
                tracing::error!(%error, "a log file failed and is given up; the group goes to a new one");
                self.active = None;
                self.begin_file(records, manifest_version)
            }
            None => self.begin_file(records, manifest_version),
        };
        if written.is_ok() {
            self.options.next_seq += records.len() as u64;
        }
        self.buffer.clear();
        // A group as large as the largest record would otherwise stay in memory.
        self.buffer.shrink_to(BUFFER_BYTES_KEPT);
        written
    }

    /// Appends the group to the active file, or answers `None` when there is none with room.
    fn append_to_active(&mut self, records: &[Record]) -> Option<Result<(), StoreError>> {
        let active = self.active.as_mut()?;
        let next_seq = self.options.next_seq;
        self.buffer.clear();
        encode_group(
            &active.salt,
            next_seq,
            next_seq - 1,
            records,
            &mut self.buffer,
        );
        // The last page is kept for a mark.
        if active.offset + (self.buffer.len() + PAGE_BYTES) as u64 > active.bytes {
            return None;
        }
        let written = active.file.write_all_at(&self.buffer, active.offset);
        let synced = written
            .and_then(|()| measure::timed_sync(&self.options.env, || active.file.sync_data()));
        active.offset += self.buffer.len() as u64;
        measure::wal_written(self.buffer.len(), records.len());
        Some(synced.context(&active.path))
    }

    /// Tells, where the next group will go, that all groups before are durable. Not synced: it only sharpens what damage means.
    pub(crate) fn mark(&mut self) {
        let Some(active) = &self.active else { return };
        let next_seq = self.options.next_seq;
        let mut mark = Vec::new();
        encode_group(&active.salt, next_seq, next_seq - 1, &[], &mut mark);
        if let Err(error) = active.file.write_all_at(&mark, active.offset) {
            measure::wal_failure();
            tracing::error!(path = %active.path.display(), %error, "a log file failed and is given up");
            self.active = None;
        }
    }

    /// Makes a file that holds the group and then gives it its name.
    fn begin_file(&mut self, records: &[Record], manifest_version: u64) -> Result<(), StoreError> {
        let header = self.next_header(manifest_version);
        let next_seq = header.first_seq;
        self.buffer.clear();
        self.buffer.extend_from_slice(&header.encode());
        encode_group(
            &header.salt(),
            next_seq,
            next_seq - 1,
            records,
            &mut self.buffer,
        );
        let needed = (self.buffer.len() + PAGE_BYTES) as u64;
        let bytes = self.options.file_bytes.max(needed);
        let name = file_name(header.incarnation, header.number);
        let temporary = self.options.dir.join(temporary_name(&name));
        let env = &self.options.env;
        let written = write_new(env, &temporary, bytes, &self.buffer);
        let file = written.inspect_err(|_| remove_unfinished(env, &temporary))?;
        measure::wal_written(self.buffer.len(), records.len());
        // Once the new file may be seen, the old one's end is void.
        self.active = None;
        let path = self.options.dir.join(&name);
        let renamed = env.fs.rename(&temporary, &path).context(&path);
        renamed.inspect_err(|_| remove_unfinished(env, &temporary))?;
        self.options.files.files().push_back(LogFile {
            path: path.clone(),
            number: header.number,
            first_seq: next_seq,
            bytes,
        });
        let dir = &self.options.dir;
        env.fs.sync_dir(dir).context(dir)?;
        self.active = Some(Active {
            file,
            path,
            salt: header.salt(),
            offset: self.buffer.len() as u64,
            bytes,
        });
        Ok(())
    }

    fn next_header(&mut self, manifest_version: u64) -> FileHeader {
        self.options.last_number += 1;
        let random = &self.options.env.random;
        let id = u128::from(random.next_u64()) << 64 | u128::from(random.next_u64());
        FileHeader {
            file_id: id.to_le_bytes(),
            incarnation: self.options.incarnation,
            number: self.options.last_number,
            first_seq: self.options.next_seq,
            manifest_version,
        }
    }
}

/// Best effort: start-up removes what is left.
fn remove_unfinished(env: &Env, path: &Path) {
    if let Err(error) = env.fs.remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "an unfinished log file stays until the next start");
    }
}

/// Bytes of the group buffer that stay allocated.
const BUFFER_BYTES_KEPT: usize = 8 << 20;

fn write_new(
    env: &Env,
    path: &Path,
    bytes: u64,
    start: &[u8],
) -> Result<Arc<dyn File>, StoreError> {
    let file = env.fs.create_new(path).context(path)?;
    file.preallocate(bytes).context(path)?;
    file.write_all_at(start, 0).context(path)?;
    measure::timed_sync(env, || file.sync_all()).context(path)?;
    Ok(file)
}
