//! The simulated file system: the operations over `Disk`, with faults on demand.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::SeededRandom;
use super::disk::{Contents, Disk, Loss, Node, lock};
use crate::env::{DirEntry, DiskSpace, File, FileSystem};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;

/// An operation that changes the disk. Only these are counted; reads are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named after the call")]
pub enum Operation {
    CreateNew,
    Write,
    SetLen,
    Preallocate,
    SyncData,
    SyncAll,
    Rename,
    HardLink,
    RemoveFile,
    CreateDir,
    SyncDir,
}

/// What goes wrong with one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It answers EIO and does nothing; a sync loses what it should have made durable.
    Eio,
    /// It answers ENOSPC and does nothing; a sync loses what it should have made durable.
    DiskFull,
    /// A write takes only a first part of its bytes and then answers EIO; other operations as [`Fault::Eio`].
    ShortWrite,
    /// The machine stops: a write takes a first part of its bytes, anything else does nothing, and everything after
    /// answers EIO until [`SimFs::power_cut`] or [`SimFs::kill`].
    Stop,
}

#[derive(Debug)]
struct Planned {
    operation: Option<Operation>,
    /// Operations (of that kind, if one is given) until it happens; 1 is the next.
    countdown: u64,
    fault: Fault,
}

#[derive(Debug)]
struct State {
    disk: Disk,
    random: SeededRandom,
    planned: Vec<Planned>,
    journal: Vec<(Operation, PathBuf)>,
    locks: BTreeSet<PathBuf>,
    /// Counts power cuts and kills; processes and handles from another life are dead.
    life: u64,
    stopped: bool,
    read_only: bool,
    unreadable: BTreeSet<PathBuf>,
    capacity: Option<u64>,
}

/// A file system in memory. Clones share it.
#[derive(Debug, Clone)]
pub struct SimFs {
    state: Arc<Mutex<State>>,
    /// The life that a process belongs to; `None` for the machine, which outlives them all.
    life: Option<u64>,
}

impl SimFs {
    /// An empty file system whose choices follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State {
            disk: Disk::default(),
            random: SeededRandom::new(seed),
            planned: Vec::new(),
            journal: Vec::new(),
            locks: BTreeSet::new(),
            life: 0,
            stopped: false,
            read_only: false,
            unreadable: BTreeSet::new(),
            capacity: None,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            life: None,
        }
    }

    /// The same as a process sees it that starts now: after the next power cut or kill it gets EIO for everything.
    #[must_use]
    pub fn process(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            life: Some(self.state().life),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The state, for one whose time is not over.
    fn running(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state();
        state.check_running(self.life.unwrap_or(state.life))?;
        Ok(state)
    }

    /// Begins an operation that does nothing when it fails.
    fn begin(&self, operation: Operation, path: &Path) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.running()?;
        state.begin_plain(operation, path)?;
        Ok(state)
    }

    /// Operations so far that changed the disk, failed ones included.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.state().journal.len()
    }

    /// These operations and the path of each, in order.
    #[must_use]
    pub fn journal(&self) -> Vec<(Operation, PathBuf)> {
        self.state().journal.clone()
    }

    /// Lets the `nth` operation from now (1 is the next) meet `fault`.
    pub fn fail_nth(&self, nth: u64, fault: Fault) {
        self.plan(None, nth, fault);
    }

    /// Lets the `nth` operation of one kind from now (1 is the next) meet `fault`.
    pub fn fail_nth_of(&self, operation: Operation, nth: u64, fault: Fault) {
        self.plan(Some(operation), nth, fault);
    }

    fn plan(&self, operation: Option<Operation>, countdown: u64, fault: Fault) {
        self.state().planned.push(Planned {
            operation,
            countdown,
            fault,
        });
    }

    /// Faults that have not happened yet.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        self.state().planned.len()
    }

    /// Bytes that all files together may have; more answers ENOSPC.
    pub fn set_capacity(&self, capacity_bytes: Option<u64>) {
        self.state().capacity = capacity_bytes;
    }

    /// Refuses every change with EROFS, or takes changes again.
    pub fn set_read_only(&self, read_only: bool) {
        self.state().read_only = read_only;
    }

    /// Lets reads of this file answer EIO, as those of a bad sector do.
    pub fn set_unreadable(&self, path: &Path) {
        self.state().unreadable.insert(path.to_path_buf());
    }

    /// Bytes of all files.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.state().disk.used()
    }

    /// Cuts the power: what was not synced is lost, wholly or in part; handles die, locks end, planned faults are forgotten.
    pub fn power_cut(&self, loss: Loss) {
        let mut state = self.state();
        let state = &mut *state;
        state.disk.power_cut(loss, &state.random);
        state.next_life();
    }

    /// Ends the process: what was written stays in the page cache; handles die, locks end, planned faults are forgotten.
    pub fn kill(&self) {
        self.state().next_life();
    }

    /// Contents of a file as a reader sees them.
    #[must_use]
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let contents = self.state().disk.file(path)?;
        let live = lock(&contents).live.clone();
        Some(live)
    }

    /// Puts durable contents in place of a file's, or makes the file: damage, or a prepared state.
    pub fn set_contents(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        let mut contents = Contents::default();
        contents.write(0, bytes);
        contents.sync();
        let node = Node::File(Arc::new(Mutex::new(contents)));
        state.disk.plant(path, &node);
    }

    /// Paths of all files, sorted.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let state = self.state();
        let files = state
            .disk
            .names
            .iter()
            .filter(|(_, node)| matches!(node, Node::File(_)));
        files.map(|(path, _)| path.clone()).collect()
    }

    fn handle(&self, path: &Path, contents: Arc<Mutex<Contents>>, writable: bool) -> Arc<SimFile> {
        Arc::new(SimFile {
            state: Arc::clone(&self.state),
            life: self.life.unwrap_or(self.state().life),
            path: path.to_path_buf(),
            contents,
            writable,
            holds_lock: false,
        })
    }
}

impl State {
    fn next_life(&mut self) {
        self.life += 1;
        self.stopped = false;
        self.planned.clear();
        self.locks.clear();
    }

    /// Counts an operation; the fault that it is to meet, if any.
    fn begin(&mut self, operation: Operation, path: &Path) -> Option<Fault> {
        self.journal.push((operation, path.to_path_buf()));
        let mut hit = None;
        self.planned.retain_mut(|planned| {
            if planned.operation.is_none_or(|kind| kind == operation) {
                planned.countdown = planned.countdown.saturating_sub(1);
            }
            if planned.countdown == 0 && hit.is_none() {
                hit = Some(planned.fault);
                return false;
            }
            true
        });
        if hit == Some(Fault::Stop) {
            self.stopped = true;
        }
        hit
    }

    /// See [`SimFs::begin`].
    fn begin_plain(&mut self, operation: Operation, path: &Path) -> io::Result<()> {
        self.check_writable()?;
        match self.begin(operation, path) {
            None => Ok(()),
            Some(fault) => Err(fault.error()),
        }
    }

    /// That the machine has not stopped, and is in its `life`.
    fn check_running(&self, life: u64) -> io::Result<()> {
        if self.stopped || self.life != life {
            Err(errno(EIO))
        } else {
            Ok(())
        }
    }

    fn check_writable(&self) -> io::Result<()> {
        if self.read_only {
            Err(errno(EROFS))
        } else {
            Ok(())
        }
    }

    fn check_space(&self, growth: u64) -> io::Result<()> {
        match self.capacity {
            Some(capacity) if growth > 0 && self.disk.used() + growth > capacity => {
                Err(errno(ENOSPC))
            }
            _ => Ok(()),
        }
    }
}

impl Fault {
    fn error(self) -> io::Error {
        errno(if self == Self::DiskFull { ENOSPC } else { EIO })
    }
}

fn errno(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

fn taken() -> io::Error {
    io::ErrorKind::AlreadyExists.into()
}

impl FileSystem for SimFs {
    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let contents = {
            let mut state = self.begin(Operation::CreateNew, path)?;
            if state.disk.names.contains_key(path) {
                return Err(taken());
            }
            if !state.disk.is_dir(path.parent().unwrap_or(path)) {
                return Err(not_found());
            }
            let contents = Arc::new(Mutex::new(Contents::default()));
            state.disk.set(path, Node::File(Arc::clone(&contents)));
            contents
        };
        Ok(self.handle(path, contents, true))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let contents = self.running()?.disk.file(path).ok_or_else(not_found)?;
        Ok(self.handle(path, contents, false))
    }

    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let contents = {
            let state = self.running()?;
            state.check_writable()?;
            state.disk.file(path).ok_or_else(not_found)?
        };
        Ok(self.handle(path, contents, true))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Arc<dyn File>>> {
        let exists = self.running()?.disk.file(path).is_some();
        if !exists {
            self.create_new(path)?;
        }
        let mut state = self.running()?;
        if !state.locks.insert(path.to_path_buf()) {
            return Ok(None);
        }
        let contents = state.disk.file(path).ok_or_else(not_found)?;
        Ok(Some(Arc::new(SimFile {
            state: Arc::clone(&self.state),
            life: state.life,
            path: path.to_path_buf(),
            contents,
            writable: true,
            holds_lock: true,
        })))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.begin(Operation::Rename, from)?;
        let node = state.disk.names.get(from).cloned().ok_or_else(not_found)?;
        state.disk.rename(from, to, node);
        Ok(())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.begin(Operation::HardLink, to)?;
        if state.disk.names.contains_key(to) {
            return Err(taken());
        }
        let contents = state.disk.file(from).ok_or_else(not_found)?;
        state.disk.set(to, Node::File(contents));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.begin(Operation::RemoveFile, path)?;
        state.disk.file(path).ok_or_else(not_found)?;
        state.disk.remove(path);
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let state = self.running()?;
        if !state.disk.is_dir(dir) {
            return Err(not_found());
        }
        let inside = state
            .disk
            .names
            .iter()
            .filter(|(path, _)| path.parent() == Some(dir));
        let entries = inside.map(|(path, node)| DirEntry {
            name: path.file_name().unwrap_or_default().to_os_string(),
            is_dir: matches!(node, Node::Dir),
        });
        Ok(entries.collect())
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        if self.running()?.disk.is_dir(dir) {
            return Ok(());
        }
        if let Some(parent) = dir.parent() {
            self.create_dir_all(parent)?;
        }
        let mut state = self.begin(Operation::CreateDir, dir)?;
        state.disk.set(dir, Node::Dir);
        drop(state);
        self.sync_dir(dir.parent().unwrap_or(dir))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.running()?;
        let begun = state.begin_plain(Operation::SyncDir, dir);
        match begun {
            Ok(()) => state.disk.sync_dir(dir),
            // A stopped machine leaves to the power cut what becomes of the names.
            Err(_) if state.stopped || state.read_only => {}
            Err(_) => state.disk.lose_unsynced(dir),
        }
        begun
    }

    fn space(&self, _dir: &Path) -> io::Result<DiskSpace> {
        let state = self.running()?;
        let total_bytes = state.capacity.unwrap_or(u64::MAX);
        Ok(DiskSpace {
            total_bytes,
            free_bytes: total_bytes.saturating_sub(state.disk.used()),
        })
    }
}

#[derive(Debug)]
struct SimFile {
    state: Arc<Mutex<State>>,
    life: u64,
    path: PathBuf,
    contents: Arc<Mutex<Contents>>,
    writable: bool,
    holds_lock: bool,
}

impl SimFile {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = lock(&self.state);
        state.check_running(self.life)?;
        Ok(state)
    }

    fn state_for_change(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state()?;
        state.check_writable()?;
        if !self.writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(state)
    }

    fn sync(&self, operation: Operation) -> io::Result<()> {
        let mut state = self.state_for_change()?;
        match state.begin(operation, &self.path) {
            None => lock(&self.contents).sync(),
            Some(Fault::Stop) => return Err(Fault::Stop.error()),
            Some(fault) => {
                lock(&self.contents).lose_unsynced();
                return Err(fault.error());
            }
        }
        Ok(())
    }

    fn grow_to(&self, operation: Operation, len: u64) -> io::Result<()> {
        let mut state = self.state_for_change()?;
        if let Some(fault) = state.begin(operation, &self.path) {
            return Err(fault.error());
        }
        let now = lock(&self.contents).live.len() as u64;
        state.check_space(len.saturating_sub(now))?;
        lock(&self.contents).set_len(len);
        Ok(())
    }
}

impl File for SimFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.state()?.unreadable.contains(&self.path) {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        let contents = lock(&self.contents);
        let rest = contents.live.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.state_for_change()?;
        let fault = state.begin(Operation::Write, &self.path);
        let taken = match fault {
            None => bytes.len(),
            Some(Fault::Eio | Fault::DiskFull) => 0,
            Some(Fault::ShortWrite) => bytes.len() / 2,
            Some(Fault::Stop) => state.random.below(bytes.len() as u64 + 1) as usize,
        };
        let end = offset + taken as u64;
        let now = lock(&self.contents).live.len() as u64;
        state.check_space(end.saturating_sub(now))?;
        lock(&self.contents).write(offset, &bytes[..taken]);
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn len(&self) -> io::Result<u64> {
        let _state = self.state()?;
        Ok(lock(&self.contents).live.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.grow_to(Operation::SetLen, len)
    }

    fn preallocate(&self, len: u64) -> io::Result<()> {
        let now = self.len()?;
        self.grow_to(Operation::Preallocate, len.max(now))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync(Operation::SyncData)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync(Operation::SyncAll)
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if self.holds_lock && state.life == self.life {
            state.locks.remove(&self.path);
        }
    }
}
