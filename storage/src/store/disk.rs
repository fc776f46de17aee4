//! The disk's guard: keeps room on it, and refuses payloads before it is full.
//!
//! The flusher looks every half second. Below `Limits::disk_free_bytes_kept` the oldest segments are dropped; what waits to be unlinked counts as
//! free, so that no more go than must. Below `Limits::disk_free_bytes_min` payloads are refused until a quarter more is free, so
//! that the log, a flush and a merge under way have room. Both end by themselves.

use std::sync::Mutex;

use super::{RetentionRequest, Shared, lock, retain};
use crate::measure;

/// What the guard saw last.
#[derive(Debug, Default)]
pub(super) struct DiskGuard {
    free_bytes: Mutex<Option<u64>>,
}

impl DiskGuard {
    /// Bytes free on the disk, as far as they are known.
    pub(super) fn free_bytes(&self) -> Option<u64> {
        *lock(&self.free_bytes)
    }

    /// Looks at the disk and does what is to be done.
    pub(super) fn look(&self, shared: &Shared) {
        let options = &shared.options;
        let space = match options.env.fs.space(&options.data_dir) {
            Ok(space) => space,
            Err(error) => {
                tracing::debug!(%error, "free disk space is not known");
                *lock(&self.free_bytes) = None;
                return;
            }
        };
        *lock(&self.free_bytes) = Some(space.free_bytes);
        measure::disk(space.free_bytes, space.total_bytes);
        refuse_or_take(shared, space.free_bytes);
        keep_room(shared, space.free_bytes);
    }
}

fn refuse_or_take(shared: &Shared, free_bytes: u64) {
    let min = shared.options.limits.disk_free_bytes_min;
    let was_full = shared.queue.full().is_some();
    let wanted = if was_full { min + min / 4 } else { min };
    if free_bytes >= wanted {
        if was_full {
            tracing::info!(
                free_bytes,
                "there is room on the disk again; payloads are taken"
            );
            shared.queue.set_full(None);
        }
        return;
    }
    if !was_full {
        tracing::error!(
            free_bytes,
            min_bytes = min,
            "the disk is nearly full; payloads are refused until there is room"
        );
    }
    let mib = |bytes: u64| bytes >> 20;
    shared.queue.set_full(Some(format!(
        "the disk has {} MiB free, and {} MiB are kept in reserve; free some, or let retention drop more",
        mib(free_bytes),
        mib(min)
    )));
}

/// Drops the oldest segments where that helps.
fn keep_room(shared: &Shared, free_bytes: u64) {
    let wanted = shared.options.limits.disk_free_bytes_kept;
    let missing = wanted.saturating_sub(free_bytes.saturating_add(shared.trash.bytes()));
    if missing == 0 {
        return;
    }
    let segments = shared.view.segments();
    let may_go = segments
        .iter()
        .filter(|segment| retain::may_go(shared, segment.meta()));
    let stored: u64 = may_go.flat_map(|segment| segment.meta().file_bytes).sum();
    if stored == 0 {
        return;
    }
    let request = RetentionRequest {
        older_than_ns: None,
        rules: Vec::new(),
        max_bytes: Some(stored.saturating_sub(missing)),
        dry_run: false,
        trust_clock: false,
    };
    match retain::retain(shared, &request) {
        Ok(report) => tracing::warn!(
            segments = report.segments.len(),
            spans = report.spans,
            bytes = report.bytes,
            free_bytes,
            "dropped the oldest spans early: the disk has too little room"
        ),
        Err(error) => {
            tracing::error!(%error, "the disk has too little room, and old spans cannot be dropped");
        }
    }
}
