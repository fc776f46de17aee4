//! Segments and files of counts that no version names any more, until they may be unlinked.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::lock;
use crate::derived::DerivedFile;
use crate::env::Env;
use crate::segment::Segment;

#[derive(Debug)]
enum Files {
    Segment(Arc<Segment>),
    Derived(Arc<DerivedFile>),
}

impl Files {
    /// Whether nobody but the trash holds it. The view let go of it before it came here, so any other holder is a snapshot.
    fn is_unused(&self) -> bool {
        match self {
            Self::Segment(segment) => Arc::strong_count(segment) == 1,
            Self::Derived(file) => Arc::strong_count(file) == 1,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Segment(segment) => &segment.meta().name,
            Self::Derived(file) => &file.meta().name,
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::Segment(segment) => segment.meta().file_bytes.iter().sum(),
            Self::Derived(file) => file.meta().bytes,
        }
    }

    fn paths(&self, data_dir: &Path) -> Vec<PathBuf> {
        match self {
            Self::Segment(segment) => Segment::paths(data_dir, &segment.meta().name).into(),
            Self::Derived(file) => vec![file.path().to_path_buf()],
        }
    }
}

#[derive(Debug)]
struct Dropped {
    files: Files,
    /// Monotonic time of the commit.
    at_ns: u64,
}

/// Files that wait for their snapshots and their grace period to end. What waits when the process ends is removed at the next
/// start, as files that no manifest names.
#[derive(Debug, Default)]
pub(super) struct Trash(Mutex<Vec<Dropped>>);

impl Trash {
    /// Takes what was dropped at `now_ns`.
    pub(super) fn add(
        &self,
        segments: Vec<Arc<Segment>>,
        derived: Vec<Arc<DerivedFile>>,
        now_ns: u64,
    ) {
        let segments = segments.into_iter().map(Files::Segment);
        let files = segments.chain(derived.into_iter().map(Files::Derived));
        let dropped = files.map(|files| Dropped {
            files,
            at_ns: now_ns,
        });
        lock(&self.0).extend(dropped);
    }

    /// Bytes that will be free when all of it is unlinked.
    pub(super) fn bytes(&self) -> u64 {
        let dropped = lock(&self.0);
        dropped.iter().map(|dropped| dropped.files.bytes()).sum()
    }

    /// Unlinks the files whose time has come.
    pub(super) fn unlink(&self, env: &Env, data_dir: &Path, now_ns: u64, grace: Duration) {
        let grace_ns = grace.as_nanos() as u64;
        let due: Vec<Dropped> = {
            let mut dropped = lock(&self.0);
            let due = |dropped: &mut Dropped| {
                now_ns.saturating_sub(dropped.at_ns) >= grace_ns && dropped.files.is_unused()
            };
            dropped.extract_if(.., due).collect()
        };
        for Dropped { files, .. } in due {
            for path in files.paths(data_dir) {
                match env.fs.remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        tracing::warn!(path = %path.display(), %error, "an expired file stays until the next start");
                    }
                    _ => {}
                }
            }
            match &files {
                Files::Segment(_) => {
                    tracing::info!(segment = files.name(), "unlinked an expired segment");
                }
                Files::Derived(_) => {
                    tracing::debug!(file = files.name(), "unlinked a file of counts");
                }
            }
        }
    }
}
