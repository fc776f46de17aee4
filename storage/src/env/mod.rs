//! What the store takes from outside: clock, randomness and files. Tests pass their own.
//!
//! [`Env::system`] is the machine's own. [`testing`] has a clock that is set by hand, seeded randomness and a file system in
//! memory that can lose what was not synced, so that a test can crash the store at any file operation and open it again.
//!
//! Invariants:
//! - nothing else in the project reads a clock, draws a random number for the store, or touches the data directory;
//! - file operations are synchronous and complete: a write that returns `Ok` has taken every byte;
//! - nothing is durable before [`File::sync_data`] or [`File::sync_all`] (contents) and [`FileSystem::sync_dir`] (names) returned `Ok`.

mod system;
pub mod testing;
mod unsynced;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

pub use system::{SystemClock, SystemFiles, SystemRandom};

/// Clock, randomness and file system.
#[derive(Clone)]
pub struct Env {
    /// Wall and monotonic time.
    pub clock: Arc<dyn Clock>,
    /// Unpredictable enough for names and ids; not for secrets.
    pub random: Arc<dyn Random>,
    /// Files.
    pub fs: Arc<dyn FileSystem>,
}

impl Env {
    /// The machine's own.
    #[must_use]
    pub fn system() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom::new()),
            fs: Arc::new(SystemFiles),
        }
    }

    /// The same, but nothing is ever synced, so a power cut loses what was acknowledged. Only for the control arm of crash
    /// tests, which proves that they can see a loss.
    #[must_use]
    pub fn unsafe_without_sync(self) -> Self {
        Self {
            fs: Arc::new(unsynced::UnsyncedFiles(self.fs)),
            ..self
        }
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").finish_non_exhaustive()
    }
}

/// Time.
pub trait Clock: Send + Sync {
    /// Wall clock, ns since the Unix epoch. May leap in either direction.
    fn now_unix_nano(&self) -> u64;
    /// Monotonic clock, ns since some start. Never goes back.
    fn monotonic_ns(&self) -> u64;
}

/// Randomness.
pub trait Random: Send + Sync {
    /// 64 random bits.
    fn next_u64(&self) -> u64;
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// Name inside the directory.
    pub name: OsString,
    /// True for a directory.
    pub is_dir: bool,
}

/// Room on the disk that a directory is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpace {
    /// Bytes of the whole disk.
    pub total_bytes: u64,
    /// Bytes that this process may still take.
    pub free_bytes: u64,
}

/// Files and directories.
pub trait FileSystem: Send + Sync {
    /// Makes a file that must not exist yet; it can be read and written.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken; otherwise what the system reports.
    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Opens a file for reading.
    ///
    /// # Errors
    /// `NotFound` when there is none; otherwise what the system reports.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    /// `NotFound` when there is none; otherwise what the system reports.
    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Opens or makes the file and locks it for this process until the handle is dropped; `None` when it is locked already.
    ///
    /// # Errors
    /// What the system reports.
    fn lock(&self, path: &Path) -> io::Result<Option<Arc<dyn File>>>;

    /// Gives a file another name, replacing what had it. Atomic.
    ///
    /// # Errors
    /// What the system reports.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file a second name that must not exist yet. Atomic.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken; otherwise what the system reports.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a name; the contents stay while a handle or another name is left.
    ///
    /// # Errors
    /// `NotFound` when there is none; otherwise what the system reports.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Names in a directory, sorted.
    ///
    /// # Errors
    /// `NotFound` when there is none; otherwise what the system reports.
    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>>;

    /// Makes a directory and its parents where absent, each one durably.
    ///
    /// # Errors
    /// What the system reports.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Makes the names in `dir` durable: creations, links, renames and removals so far.
    ///
    /// # Errors
    /// What the system reports. The names may then be lost even when a later call succeeds.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Room on the disk that `dir` is on.
    ///
    /// # Errors
    /// What the system reports.
    fn space(&self, dir: &Path) -> io::Result<DiskSpace>;
}

/// An open file. Reads and writes name their place; there is no cursor.
pub trait File: Send + Sync + fmt::Debug {
    /// Reads up to `buf.len()` bytes at `offset`; 0 at the end.
    ///
    /// # Errors
    /// What the system reports.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Says that `range` will be read soon: a disk that is told of many reads answers several at a time. Does nothing where the system has no
    /// such call, and no harm where it is wrong.
    fn will_read(&self, _range: Range<u64>) {}

    /// Writes all of `bytes` at `offset`, growing the file where needed.
    ///
    /// # Errors
    /// What the system reports; any part may then have been written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Length in bytes.
    ///
    /// # Errors
    /// What the system reports.
    fn len(&self) -> io::Result<u64>;

    /// Cuts or extends (with zeros) the file to `len` bytes.
    ///
    /// # Errors
    /// What the system reports.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Takes disk space for `len` bytes and makes the file that long; new bytes are zero.
    ///
    /// # Errors
    /// `StorageFull` when there is no space; otherwise what the system reports.
    fn preallocate(&self, len: u64) -> io::Result<()>;

    /// Makes the contents durable, and the length where it changed.
    ///
    /// # Errors
    /// What the system reports. What was written since the last success may then be lost even when a later call succeeds:
    /// give the file up.
    fn sync_data(&self) -> io::Result<()>;

    /// Makes contents and all metadata durable.
    ///
    /// # Errors
    /// As [`File::sync_data`].
    fn sync_all(&self) -> io::Result<()>;

    /// True when the file has no byte.
    ///
    /// # Errors
    /// What the system reports.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `buf` from `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file ends before; otherwise what the system reports.
    fn read_exact_at(&self, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buf.is_empty() {
            match self.read_at(buf, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    buf = &mut buf[count..];
                    offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Reads a whole file.
///
/// # Errors
/// What the system reports.
pub fn read_file(fs: &dyn FileSystem, path: &Path) -> io::Result<Vec<u8>> {
    let file = fs.open(path)?;
    let mut bytes = vec![0; file.len()? as usize];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}
