//! Segments that no version names any more, until their files may be unlinked.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::lock;
use crate::env::Env;
use crate::segment::Segment;

#[derive(Debug)]
struct Dropped {
    segment: Arc<Segment>,
    /// Monotonic time of the commit.
    at_ns: u64,
}

/// Segments that wait for their snapshots and their grace period to end. What waits when the process ends is removed at the next
/// start, as files that no manifest names.
#[derive(Debug, Default)]
pub(super) struct Trash(Mutex<Vec<Dropped>>);

impl Trash {
    /// Takes segments that were dropped at `now_ns`.
    pub(super) fn add(&self, segments: Vec<Arc<Segment>>, now_ns: u64) {
        let dropped = segments.into_iter().map(|segment| Dropped {
            segment,
            at_ns: now_ns,
        });
        lock(&self.0).extend(dropped);
    }

    /// Unlinks the files whose time has come.
    pub(super) fn unlink(&self, env: &Env, data_dir: &Path, now_ns: u64, grace: Duration) {
        let grace_ns = grace.as_nanos() as u64;
        let due: Vec<Dropped> = {
            let mut dropped = lock(&self.0);
            let due = |dropped: &mut Dropped| {
                now_ns.saturating_sub(dropped.at_ns) >= grace_ns
                    // The view let go of it before it came here, so any other holder is a snapshot.
                    && Arc::strong_count(&dropped.segment) == 1
            };
            dropped.extract_if(.., due).collect()
        };
        for Dropped { segment, .. } in due {
            let name = &segment.meta().name;
            for path in Segment::paths(data_dir, name) {
                match env.fs.remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        tracing::warn!(path = %path.display(), %error, "an expired file stays until the next start");
                    }
                    _ => {}
                }
            }
            tracing::info!(segment = name, "unlinked an expired segment");
        }
    }
}
