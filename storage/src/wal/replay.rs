//! Reading the whole log at start-up: which records count, where it is damaged, and where it ends.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::frame::{FileHeader, Record};
use super::scan::{Bad, Item, Scan, scan};
use super::{LogFile, parse_file_name};
use crate::env::{FileSystem, read_file};
use crate::error::{IoContext, StoreError};

/// A place in the log that is damaged although it was durable once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    /// File, or the log's directory where a file is missing.
    pub(crate) path: PathBuf,
    /// First damaged byte.
    pub(crate) offset: u64,
    /// The damaged bytes, to be set aside.
    pub(crate) bytes: Bytes,
    /// What is wrong and what is lost.
    pub(crate) reason: String,
}

impl Damage {
    /// A name under which the bytes are set aside; the same at each start.
    pub(crate) fn quarantine_name(&self) -> String {
        let file = self.path.file_name().unwrap_or_default();
        format!("{}-at-{}.bytes", file.to_string_lossy(), self.offset)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

/// What the log holds above the position that the manifest names.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    /// Records after the durable mark: intact, perhaps not on disk. They follow the confirmed ones without a gap.
    pub(crate) tail: Vec<Record>,
    /// The sequence number that comes after all of them.
    pub(crate) next_seq: u64,
    /// Every record up to this one was durable once.
    pub(crate) durable_seq: u64,
    /// Damage at or below the durable mark.
    pub(crate) damage: Vec<Damage>,
    /// Bytes after the last intact record, of a write that never ended.
    pub(crate) torn_tail_bytes: u64,
    /// Readable files, oldest first.
    pub(crate) files: Vec<LogFile>,
    /// Files whose header is lost, to be set aside whole.
    pub(crate) unreadable: Vec<PathBuf>,
    /// Highest number in use.
    pub(crate) last_number: u64,
}

/// Where the manifest says that the log stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    /// Every record up to this one is in a segment.
    pub(crate) flushed_seq: u64,
    /// Version of the manifest.
    pub(crate) manifest_version: u64,
}

/// Reads the log in `dir` and hands every durable record above `position` to `take`, in order; those that come after stand in
/// [`Replay::tail`].
///
/// # Errors
/// When a file cannot be read, or the manifest is older than the log.
pub(crate) fn replay(
    fs: &dyn FileSystem,
    dir: &Path,
    position: Position,
    take: &mut dyn FnMut(Record),
) -> Result<Replay, StoreError> {
    let mut replayer = Replayer {
        dir,
        flushed_seq: position.flushed_seq,
        expected: position.flushed_seq + 1,
        take,
        replay: Replay {
            durable_seq: position.flushed_seq,
            ..Replay::default()
        },
    };
    let headers = replayer.headers(fs, position.manifest_version)?;
    for (place, (file, header)) in headers.iter().enumerate() {
        let bytes = Bytes::from(read_file(fs, &file.path).context(&file.path)?);
        let rest = &headers[place + 1..];
        // From the first number of any later file on, this file is void.
        let void_from = rest.iter().map(|(_, header)| header.first_seq).min();
        replayer.file(&file.path, &bytes, header, void_from);
    }
    Ok(replayer.finish())
}

struct Replayer<'a> {
    dir: &'a Path,
    flushed_seq: u64,
    /// The record that must come next.
    expected: u64,
    take: &'a mut dyn FnMut(Record),
    replay: Replay,
}

impl Replayer<'_> {
    /// Headers of all files, in the order of their making.
    fn headers(
        &mut self,
        fs: &dyn FileSystem,
        manifest_version: u64,
    ) -> Result<Vec<(LogFile, FileHeader)>, StoreError> {
        let mut named: Vec<_> = Vec::new();
        for entry in fs.list(self.dir).context(self.dir)? {
            let name = entry.name.to_string_lossy();
            if let Some((incarnation, number)) = parse_file_name(&name) {
                named.push((number, incarnation, self.dir.join(&*name)));
            }
        }
        named.sort();
        let mut headers = Vec::new();
        for (number, incarnation, path) in named {
            self.replay.last_number = self.replay.last_number.max(number);
            if let Some(header) = self.header(fs, &path, (incarnation, number))? {
                check_manifest_version(&path, &header, manifest_version)?;
                let bytes = fs.open(&path).and_then(|file| file.len()).context(&path)?;
                let file = LogFile {
                    path,
                    number,
                    first_seq: header.first_seq,
                    bytes,
                };
                headers.push((file, header));
            }
        }
        self.replay.files = headers.iter().map(|(file, _)| file.clone()).collect();
        Ok(headers)
    }

    /// The header of one file; `None` when it is lost, which is then reported.
    fn header(
        &mut self,
        fs: &dyn FileSystem,
        path: &Path,
        name: (u64, u64),
    ) -> Result<Option<FileHeader>, StoreError> {
        let file = fs.open(path).context(path)?;
        let mut page = vec![
            0;
            file.len()
                .context(path)?
                .min(super::frame::PAGE_BYTES as u64) as usize
        ];
        file.read_exact_at(&mut page, 0).context(path)?;
        let reason = match FileHeader::parse(&page) {
            Ok((header, _)) if (header.incarnation, header.number) != name => {
                "the file header belongs to a file of another name".to_owned()
            }
            Ok((header, copy_damaged)) => {
                if copy_damaged {
                    let reason = "the first page is damaged, but not both copies of the file header: nothing is lost";
                    self.damage(path, 0..page.len(), &page.into(), reason.to_owned());
                }
                return Ok(Some(header));
            }
            Err(reason) => reason,
        };
        let reason = format!("{reason}; the records of this file are lost");
        self.damage(path, 0..0, &Bytes::new(), reason);
        self.replay.unreadable.push(path.to_path_buf());
        Ok(None)
    }

    fn damage(&mut self, path: &Path, bytes: Range<usize>, file: &Bytes, reason: String) {
        self.replay.damage.push(Damage {
            path: path.to_path_buf(),
            offset: bytes.start as u64,
            bytes: file.slice(bytes),
            reason,
        });
    }

    fn file(&mut self, path: &Path, bytes: &Bytes, header: &FileHeader, void_from: Option<u64>) {
        let Scan {
            items,
            durable_seq,
            tail,
        } = scan(bytes, header);
        // A later file begins where this one was durable.
        let durable_seq = void_from.map_or(durable_seq, |void| void.saturating_sub(1));
        self.replay.durable_seq = self.replay.durable_seq.max(durable_seq);
        let last = void_from.is_none();
        let mut torn_from = None;
        for item in items {
            match item {
                Item::Record(record) if self.wanted(record.seq, void_from) => {
                    if torn_from.is_none() {
                        self.record(path, record);
                    }
                }
                Item::Bad(bad) => self.bad(path, bytes, &bad, void_from, &mut torn_from),
                Item::Record(_) => {}
            }
        }
        if last {
            let from = torn_from.unwrap_or(tail.start).min(tail.end);
            self.replay.torn_tail_bytes = (tail.end - from) as u64;
        } else if self.expected <= durable_seq && !tail.is_empty() {
            let seqs = self.expected.max(header.first_seq)..durable_seq + 1;
            let reason = "no intact group header";
            let bad = Bad {
                bytes: tail,
                seqs,
                reason,
            };
            self.bad(path, bytes, &bad, void_from, &mut torn_from);
        }
    }

    fn wanted(&self, seq: u64, void_from: Option<u64>) -> bool {
        seq > self.flushed_seq && void_from.is_none_or(|void| seq < void)
    }

    fn record(&mut self, path: &Path, record: Record) {
        if record.seq < self.expected {
            return;
        }
        self.missing_before(path, record.seq);
        self.expected = record.seq + 1;
        if record.seq <= self.replay.durable_seq {
            (self.take)(record);
        } else {
            self.replay.tail.push(record);
        }
    }

    /// Reports what should have come before `seq` and is in no file.
    fn missing_before(&mut self, path: &Path, seq: u64) {
        if seq > self.expected {
            let reason = format!(
                "records {} to {} are in no log file and are lost",
                self.expected,
                seq - 1
            );
            self.damage(path, 0..0, &Bytes::new(), reason);
            self.expected = seq;
        }
    }

    fn bad(
        &mut self,
        path: &Path,
        bytes: &Bytes,
        bad: &Bad,
        void_from: Option<u64>,
        torn_from: &mut Option<usize>,
    ) {
        let durable_end = self.replay.durable_seq.saturating_add(1);
        let void_from = void_from.unwrap_or(u64::MAX);
        let start = bad.seqs.start.max(self.expected);
        let end = bad.seqs.end.min(void_from).min(durable_end);
        let lost = if start < end {
            self.missing_before(path, start);
            self.expected = end;
            Some(format!("records {start} to {} are lost", end - 1))
        } else if bad.seqs.is_empty() {
            (bad.seqs.start <= durable_end).then(|| "nothing is lost".to_owned())
        } else if bad.seqs.end <= void_from.min(self.flushed_seq + 1) {
            Some("nothing is lost, its records are in segments already".to_owned())
        } else {
            None
        };
        if let Some(lost) = lost {
            let Range { start, end } = bad.bytes;
            let reason = format!("{} in bytes {start} to {end}: {lost}", bad.reason);
            self.damage(path, bad.bytes.clone(), bytes, reason);
        }
        // Nothing after the last durable record needs to be there, so this is where a write was cut off.
        if void_from == u64::MAX && bad.seqs.end > durable_end {
            torn_from.get_or_insert(bad.bytes.start);
        }
    }

    fn finish(mut self) -> Replay {
        let dir = self.dir;
        self.missing_before(dir, self.replay.durable_seq.saturating_add(1));
        self.replay.next_seq = self.expected;
        self.replay
    }
}

fn check_manifest_version(
    path: &Path,
    header: &FileHeader,
    manifest_version: u64,
) -> Result<(), StoreError> {
    if header.manifest_version <= manifest_version {
        return Ok(());
    }
    Err(StoreError::Corrupt {
        path: path.to_path_buf(),
        message: format!(
            "this log file was written under version {} of the manifest, but the newest manifest file is version {manifest_version}: \
             newer files of the directory `manifest` are missing. Restore them from a backup of this data directory",
            header.manifest_version
        ),
    })
}
