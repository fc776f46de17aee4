//! What the threads of the store share: its parts, and the commits that swap the view.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::compact::CompactControl;
use super::disk::DiskGuard;
use super::flush::FlushControl;
use super::queue::{Queue, RETRY_AFTER_MS};
use super::tail::Tail;
use super::terms::KnownTerms;
use super::trash::Trash;
use super::view::{Counts, Published, View};
use super::{StoreOptions, lock};
use crate::derived::{DerivedFile, DerivedMeta, PendingCalls, Totals, Wanted};
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::lock::DirLock;
use crate::manifest::{Changes, Manifest, RecentFile, State};
use crate::measure;
use crate::recent::{Known, Recent};
use crate::retention::ClockReading;
use crate::segment::{Segment, SegmentCache};
use crate::wal::writer::LogFiles;

/// What the threads and all clones of the store share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: StoreOptions,
    pub(super) view: View,
    pub(super) queue: Queue,
    pub(super) recent: Recent,
    /// Payloads of the log's end; known once that is durable under this process.
    pub(super) replayed_tail: Mutex<Vec<Known>>,
    pub(super) manifest: Mutex<Manifest>,
    pub(super) cache: Arc<SegmentCache>,
    pub(super) log_files: LogFiles,
    pub(super) flush: FlushControl,
    pub(super) compact: CompactControl,
    pub(super) disk: DiskGuard,
    pub(super) tail: Option<Tail>,
    pub(super) totals: Totals,
    pub(super) exemplars_wanted: Wanted,
    pub(super) terms: KnownTerms,
    pub(super) trash: Trash,
    pub(super) opened: ClockReading,
    pub(super) ingest_ended: watch::Sender<bool>,
    pub(super) dir_lock: Mutex<Option<DirLock>>,
}

impl Shared {
    /// The answer to a payload that finds no room in the hot window, and what makes room.
    pub(super) fn hot_window_is_full(&self) -> StoreError {
        measure::refusal("hot_window");
        self.view.make_room();
        self.flush.wake();
        StoreError::Overloaded {
            what: "hot window",
            retry_after_ms: RETRY_AFTER_MS,
        }
    }

    pub(super) fn clock_reading(&self) -> ClockReading {
        ClockReading {
            wall_ns: self.options.env.clock.now_unix_nano(),
            monotonic_ns: self.options.env.clock.monotonic_ns(),
        }
    }

    pub(super) fn manifest_version(&self) -> u64 {
        lock(&self.manifest).state().version
    }

    /// Number of this process, and the files of recent hashes.
    pub(super) fn manifest_figures(&self) -> (u64, Vec<RecentFile>) {
        let manifest = lock(&self.manifest);
        (manifest.incarnation(), manifest.state().recent.clone())
    }

    /// Puts this process's number into the manifest; the version, and up to where the log is in segments.
    pub(super) fn begin_incarnation(&self) -> Result<(u64, u64), StoreError> {
        let mut manifest = lock(&self.manifest);
        if manifest.state().incarnation != manifest.incarnation() {
            manifest.commit(Changes::default())?;
        }
        Ok((manifest.state().version, manifest.state().flushed_seq))
    }

    pub(super) fn remember_replayed_tail(&self) {
        for known in std::mem::take(&mut *lock(&self.replayed_tail)) {
            self.recent.insert(known);
        }
    }

    /// The traces that are pinned.
    pub(super) fn pinned(&self) -> BTreeSet<TraceId> {
        lock(&self.manifest).state().pinned.clone()
    }

    /// Commits `changes` of a flush, `pending` calls among them, and swaps the view, if `agrees` says so, which is shown the traces that are
    /// pinned at this moment; otherwise false, and nothing is done.
    pub(super) fn commit_flush(
        &self,
        changes: Changes,
        pending: Arc<PendingCalls>,
        agrees: impl FnOnce(&BTreeSet<TraceId>) -> bool,
    ) -> Result<bool, StoreError> {
        let mut manifest = lock(&self.manifest);
        if !agrees(&manifest.state().pinned) {
            return Ok(false);
        }
        self.commit_locked(&mut manifest, changes, Some(pending))
            .map(|()| true)
    }

    /// Commits `changes` and swaps the view if all segments and files of counts that `changes` removes are still there; otherwise false, and nothing is done.
    /// `committing` is called in between: from then on files that `changes` adds may be named by a version, even if an error follows.
    pub(super) fn commit_if_live(
        &self,
        changes: Changes,
        committing: impl FnOnce(),
    ) -> Result<bool, StoreError> {
        self.commit_if(changes, |_| true, committing)
    }

    /// The same if `agrees` says so too, which is shown the traces that are pinned at this moment.
    pub(super) fn commit_if(
        &self,
        changes: Changes,
        agrees: impl FnOnce(&BTreeSet<TraceId>) -> bool,
        committing: impl FnOnce(),
    ) -> Result<bool, StoreError> {
        let mut manifest = lock(&self.manifest);
        let state = manifest.state();
        if !agrees(&state.pinned) {
            return Ok(false);
        }
        let segments = state.segments.iter().map(|segment| &segment.name);
        let live: HashSet<&str> = segments
            .chain(state.derived.iter().map(|file| &file.name))
            .map(String::as_str)
            .collect();
        let mut removed = changes
            .remove_segments
            .iter()
            .chain(&changes.remove_derived);
        if !removed.all(|name| live.contains(name.as_str())) {
            return Ok(false);
        }
        drop(live);
        committing();
        self.commit_locked(&mut manifest, changes, None)
            .map(|()| true)
    }

    /// Commits `changes` and swaps the view; `pending` is what the file of pending calls holds from then on, if it is another.
    pub(super) fn commit_locked(
        &self,
        manifest: &mut Manifest,
        changes: Changes,
        pending: Option<Arc<PendingCalls>>,
    ) -> Result<(), StoreError> {
        let removed: HashSet<String> = changes.remove_segments.iter().cloned().collect();
        let state = manifest.commit(changes)?;
        let mut segments = self.view.segments().to_vec();
        let (gone, mut kept): (Vec<_>, Vec<_>) = segments
            .drain(..)
            .partition(|segment| removed.contains(&segment.meta().name));
        for meta in &state.segments[kept.len()..] {
            let (env, dir) = (&self.options.env, &self.options.data_dir);
            kept.push(Arc::new(Segment::open(env, dir, meta.clone(), &self.cache)));
        }
        let (counts, gone_files) = self.counts_of(&state, pending);
        self.view
            .swap(state.version, kept, counts, state.flushed_seq);
        let now_ns = self.options.env.clock.monotonic_ns();
        self.trash.add(gone, gone_files, now_ns);
        let (spans, bytes) = (state.span_count(), state.file_bytes());
        measure::stored(state.version, state.segments.len(), spans, bytes);
        measure::derived(state.derived.len(), state.derived_bytes());
        Ok(())
    }

    /// The counts of a version, and the files that are no longer part of it.
    fn counts_of(
        &self,
        state: &State,
        pending: Option<Arc<PendingCalls>>,
    ) -> (Counts, Vec<Arc<DerivedFile>>) {
        let before = self.view.counts();
        let mut known: HashMap<&str, &Arc<DerivedFile>> = before
            .files
            .iter()
            .map(|file| (file.meta().name.as_str(), file))
            .collect();
        let (env, dir) = (&self.options.env, &self.options.data_dir);
        let open = |meta: &DerivedMeta| {
            let file = known.remove(meta.name.as_str()).map(Arc::clone);
            file.unwrap_or_else(|| Arc::new(DerivedFile::open(env, dir, meta.clone())))
        };
        let files = state.derived.iter().map(open).collect();
        let gone = known.into_values().map(Arc::clone).collect();
        let pending = pending.unwrap_or(before.pending);
        (Counts { files, pending }, gone)
    }

    pub(super) fn publish(&self, records: Vec<Published>) {
        let now_ns = self.options.env.clock.monotonic_ns();
        if self.view.publish(records, now_ns) {
            self.flush.wake();
        }
    }

    pub(super) fn unlink_trash(&self) {
        let grace = self.options.limits.unlink_grace;
        let now_ns = self.options.env.clock.monotonic_ns();
        let (env, dir) = (&self.options.env, &self.options.data_dir);
        self.trash.unlink(env, dir, now_ns, grace);
    }

    pub(super) fn ingest_ended(&self) {
        self.ingest_ended.send_replace(true);
    }
}
