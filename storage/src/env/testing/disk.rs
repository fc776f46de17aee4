//! What a simulated disk holds: for each file and each directory the durable state, and what is written but not synced.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::SeededRandom;

/// A power cut keeps or loses unsynced writes in pieces of this many bytes.
const SECTOR_BYTES: usize = 512;

/// How much of what was not synced a power cut loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All of it.
    All,
    /// Pieces of it, chosen by the seed.
    Some,
}

/// Locks a mutex whose holder cannot leave it half changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Len(usize),
}

impl Change {
    fn apply(&self, contents: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if contents.len() < end {
                    contents.resize(end, 0);
                }
                contents[*offset..end].copy_from_slice(bytes);
            }
            Self::Len(len) => contents.resize(*len, 0),
        }
    }

    /// The pieces of this change that reach the disk although it was not synced.
    fn survivors(&self, random: &SeededRandom) -> Vec<Self> {
        let Self::Write { offset, bytes } = self else {
            return if random.below(2) == 0 {
                vec![self.clone()]
            } else {
                Vec::new()
            };
        };
        let mut kept = Vec::new();
        let mut start = 0;
        while start < bytes.len() {
            let to_boundary = SECTOR_BYTES - (offset + start) % SECTOR_BYTES;
            let end = bytes.len().min(start + to_boundary);
            let torn_at = match random.below(8) {
                0 => start + random.below((end - start) as u64) as usize,
                lot if lot % 2 == 0 => start,
                _ => end,
            };
            if torn_at > start {
                kept.push(Self::Write {
                    offset: offset + start,
                    bytes: bytes[start..torn_at].to_vec(),
                });
            }
            start = end;
        }
        kept
    }
}

/// Contents of one file.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) live: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

impl Contents {
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        self.change(Change::Write {
            offset: offset as usize,
            bytes: bytes.to_vec(),
        });
    }

    pub(super) fn set_len(&mut self, len: u64) {
        self.change(Change::Len(len as usize));
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.unsynced.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// The sync failed: reads go on showing the writes, but nothing will ever bring them to the disk.
    pub(super) fn lose_unsynced(&mut self) {
        self.unsynced.clear();
    }

    fn power_cut(&mut self, loss: Loss, random: &SeededRandom) {
        for change in std::mem::take(&mut self.unsynced) {
            if loss == Loss::Some {
                for piece in change.survivors(random) {
                    piece.apply(&mut self.durable);
                }
            }
        }
        self.live.clone_from(&self.durable);
    }
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Dir,
    File(Arc<Mutex<Contents>>),
}

#[derive(Debug)]
enum NameChange {
    Set(PathBuf, Node),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, Node),
}

impl NameChange {
    fn apply(self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            Self::Set(path, node) => {
                names.insert(path, node);
            }
            Self::Remove(path) => {
                names.remove(&path);
            }
            Self::Rename(from, to, node) => {
                names.remove(&from);
                names.insert(to, node);
            }
        }
    }
}

/// Every name and what it stands for, live and durable.
#[derive(Debug, Default)]
pub(super) struct Disk {
    pub(super) names: BTreeMap<PathBuf, Node>,
    durable: BTreeMap<PathBuf, Node>,
    /// Unsynced changes of names, by directory.
    unsynced: BTreeMap<PathBuf, Vec<NameChange>>,
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("/")).to_path_buf()
}

impl Disk {
    pub(super) fn file(&self, path: &Path) -> Option<Arc<Mutex<Contents>>> {
        match self.names.get(path)? {
            Node::File(contents) => Some(Arc::clone(contents)),
            Node::Dir => None,
        }
    }

    pub(super) fn is_dir(&self, path: &Path) -> bool {
        path == Path::new("/") || matches!(self.names.get(path), Some(Node::Dir))
    }

    pub(super) fn set(&mut self, path: &Path, node: Node) {
        self.names.insert(path.to_path_buf(), node.clone());
        self.note(&parent(path), NameChange::Set(path.to_path_buf(), node));
    }

    /// Makes a name durable at once, beside all that is under way.
    pub(super) fn plant(&mut self, path: &Path, node: &Node) {
        self.names.insert(path.to_path_buf(), node.clone());
        self.durable.insert(path.to_path_buf(), node.clone());
    }

    pub(super) fn remove(&mut self, path: &Path) {
        self.names.remove(path);
        self.note(&parent(path), NameChange::Remove(path.to_path_buf()));
    }

    /// Inside one directory a rename is one change; between two, either half may be lost.
    pub(super) fn rename(&mut self, from: &Path, to: &Path, node: Node) {
        if parent(from) == parent(to) {
            self.names.remove(from);
            self.names.insert(to.to_path_buf(), node.clone());
            let change = NameChange::Rename(from.to_path_buf(), to.to_path_buf(), node);
            self.note(&parent(from), change);
        } else {
            self.set(to, node);
            self.remove(from);
        }
    }

    fn note(&mut self, dir: &Path, change: NameChange) {
        self.unsynced
            .entry(dir.to_path_buf())
            .or_default()
            .push(change);
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) {
        for change in self.unsynced.remove(dir).unwrap_or_default() {
            change.apply(&mut self.durable);
        }
    }

    /// The sync failed: the names stay as they are until the power is cut, and are then gone.
    pub(super) fn lose_unsynced(&mut self, dir: &Path) {
        self.unsynced.remove(dir);
    }

    pub(super) fn power_cut(&mut self, loss: Loss, random: &SeededRandom) {
        for (_, changes) in std::mem::take(&mut self.unsynced) {
            let kept = match loss {
                Loss::All => 0,
                Loss::Some => random.below(changes.len() as u64 + 1) as usize,
            };
            for change in changes.into_iter().take(kept) {
                change.apply(&mut self.durable);
            }
        }
        self.names.clone_from(&self.durable);
        let mut done: Vec<Arc<Mutex<Contents>>> = Vec::new();
        for node in self.names.values() {
            if let Node::File(contents) = node
                && !done.iter().any(|other| Arc::ptr_eq(other, contents))
            {
                lock(contents).power_cut(loss, random);
                done.push(Arc::clone(contents));
            }
        }
    }

    /// Bytes of all files.
    pub(super) fn used(&self) -> u64 {
        let files = self.names.values().map(|node| match node {
            Node::File(contents) => lock(contents).live.len() as u64,
            Node::Dir => 0,
        });
        files.sum()
    }
}
