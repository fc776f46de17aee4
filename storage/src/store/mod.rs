//! The store: owner of the data directory, the log's writer, the flusher and the compactor.
//!
//! ```text
//!  append ─▶ queue ─▶ writer thread: log, fdatasync ─▶ view (hot window) ─▶ answer
//!                                                        │ epochs, oldest first
//!                                                        ▼
//!              flusher thread: segment, counts, recent hashes, manifest commit ─▶ view swapped ─▶ log dropped below
//!            compactor thread: some segments become others, manifest commit ─▶ view swapped
//! ```
//!
//! Invariants:
//! - an answer follows the sync and the publishing, in this order; a refused payload is not in the log under a number that counts;
//! - the manifest is committed under one lock, and the view swapped before the lock is released;
//! - a file is unlinked only when no committed version names it, no snapshot holds it and the grace period is over.

mod claim;
mod compact;
mod derive;
mod disk;
mod flush;
mod ingest;
mod leave;
mod names;
mod next;
mod open;
mod queue;
mod repair;
mod retain;
mod shared;
mod spill;
mod tail;
mod terms;
mod trash;
mod types;
mod view;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

pub use claim::{Claim, Duplicate, Ticket};
pub use types::{
    Append, CompactionReport, Recovery, RetentionReport, RetentionRequest, StoreOptions,
    StoreStatus,
};

use crate::backup::{BackupReport, Mirror};
use crate::decoder::PayloadKind;
use crate::derived::{Total, TotalKey};
use crate::env::Env;
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::manifest;
use crate::measure;
use crate::recent::{Claimed, PayloadHash};
use crate::repair::RepairReport;
use crate::snapshot::Snapshot;
use crate::verify::{Progress, VerifyReport};
use crate::wal;
use crate::wal::frame::{Record, record_bytes};
use queue::{Item, Pending};
use shared::Shared;
pub(crate) use view::Counts;

/// The only tenant for now; the log and the manifest name it everywhere.
pub const DEFAULT_TENANT: &str = "default";

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stops the threads when the last clone of the store is dropped without a close.
#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.queue.close();
        self.shared.flush.stop();
        self.shared.compact.stop();
        for thread in lock(&self.threads).drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// The store. Clone freely; [`Store::close`] ends it. Dropping the last clone without closing loses nothing that was acknowledged,
/// but leaves the hot window to the next start.
#[derive(Debug, Clone)]
pub struct Store {
    owner: Arc<Owner>,
}

impl Store {
    /// True when `data_dir` has a manifest, segments or a log, which [`Store::open`] would make in any directory.
    #[must_use]
    pub fn is_in(data_dir: &Path) -> bool {
        let segments = data_dir.join(names::SEGMENTS_DIR);
        [manifest::dir(data_dir), segments, wal::dir(data_dir)]
            .iter()
            .any(|part| part.is_dir())
    }

    /// Locks the directory, reads the manifest, replays the log, removes orphans, starts the writer and the flusher.
    ///
    /// When the log cannot be written at the moment the store opens nevertheless, serves reads and refuses payloads; see
    /// [`StoreStatus::unavailable`].
    ///
    /// # Errors
    /// When the directory is locked, unreadable, or its manifest is damaged.
    pub fn open(options: StoreOptions) -> Result<(Self, Recovery), StoreError> {
        open::open(options, true)
    }

    /// As [`Store::open`], but without a log: a crash loses the hot window. Only for the control arm of crash tests, which proves that
    /// they can see a loss.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_unsafe_without_log(options: StoreOptions) -> Result<(Self, Recovery), StoreError> {
        open::open(options, false)
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.owner.shared
    }

    /// Says whether `payload` was stored lately, and holds its place if not.
    #[must_use]
    pub fn claim(&self, kind: PayloadKind, payload: &[u8]) -> Claim {
        let shared = self.shared();
        let hash = PayloadHash::of(DEFAULT_TENANT, kind.0, payload);
        let now = shared.options.env.clock.now_unix_nano();
        let outcome = match shared.recent.claim(hash, now) {
            Claimed::New(outcome) => {
                return Claim::New(Ticket::new(hash, shared.recent.clone(), outcome));
            }
            Claimed::Pending(outcome) => Some(outcome),
            Claimed::Known => None,
        };
        measure::duplicate();
        Claim::Duplicate(Duplicate { outcome })
    }

    /// Stores one payload; returns when it is on stable storage and visible to every later [`Store::snapshot`].
    ///
    /// When the future is dropped, the payload may be stored nevertheless.
    ///
    /// # Errors
    /// See [`StoreError`]; on an error nothing was stored.
    pub async fn append(&self, ticket: Ticket, append: Append) -> Result<(), StoreError> {
        let answer = self.enqueue(ticket, append)?;
        answer.await.unwrap_or_else(|_| {
            Err(StoreError::Unavailable {
                message: "the log's writer has ended".to_owned(),
            })
        })
    }

    /// Whether a payload of so many bytes would be taken at the moment, so that one that would not need not be received and decoded.
    /// [`Store::append`] decides anew.
    ///
    /// # Errors
    /// Why it would be refused.
    pub fn check_room(&self, payload_bytes: usize) -> Result<(), StoreError> {
        let shared = self.shared();
        shared.queue.check(payload_bytes)?;
        if shared.view.has_room(payload_bytes) {
            Ok(())
        } else {
            Err(shared.hot_window_is_full())
        }
    }

    fn enqueue(
        &self,
        ticket: Ticket,
        append: Append,
    ) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        let shared = self.shared();
        let limits = &shared.options.limits;
        let record = Record {
            seq: 0,
            tenant: DEFAULT_TENANT.into(),
            received_at_unix_nano: append.received_at_unix_nano,
            kind: append.kind.0,
            decoder_version: shared.options.decoder.version(),
            weights: append.admission.weights,
            payload: append.payload,
        };
        let bytes = record_bytes(&record);
        if bytes > limits.wal_record_bytes_max {
            measure::refusal("too_large");
            let max = limits.wal_record_bytes_max;
            return Err(StoreError::TooLarge { bytes, max });
        }
        shared.queue.check(bytes)?;
        let reserved_bytes = append.batch.memory_bytes();
        if !shared.view.reserve(reserved_bytes, record.payload.len()) {
            return Err(shared.hot_window_is_full());
        }
        let (done, answer) = oneshot::channel();
        let pending = Pending {
            batch: append.batch,
            ticket,
            reserved_bytes,
            done,
        };
        let item = Item { record, pending };
        if let Err(refused) = shared.queue.push(item) {
            shared.view.release(reserved_bytes);
            return Err(refused.1);
        }
        Ok(answer)
    }

    /// An immutable view of all that is stored.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.shared().view.snapshot()
    }

    /// Flushes all that was appended before the call. With tail sampling, its traces are decided about at once.
    ///
    /// # Errors
    /// When the segment or the manifest cannot be written; the spans stay in the log and the hot window.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let shared = self.shared();
        let spilled = || {
            shared
                .undecided()
                .last()
                .map(|segment| segment.meta().wal.1)
        };
        let Some(last_seq) = shared.view.close_open().or_else(spilled) else {
            return Ok(());
        };
        let answer = shared.flush.wait_for(last_seq).await;
        answer.unwrap_or(Err(StoreError::Closed))
    }

    /// Drops segments whose newest span arrived more than `older_than_ns` ago.
    ///
    /// # Errors
    /// When the manifest cannot be written.
    pub fn retain(&self, older_than_ns: u64, dry_run: bool) -> Result<RetentionReport, StoreError> {
        self.retain_with(&RetentionRequest {
            older_than_ns: Some(older_than_ns),
            rules: Vec::new(),
            max_bytes: None,
            dry_run,
            trust_clock: false,
        })
    }

    /// As [`Store::retain`], with a say in whether the clock is to be believed.
    ///
    /// # Errors
    /// When the manifest cannot be written.
    pub fn retain_with(&self, request: &RetentionRequest) -> Result<RetentionReport, StoreError> {
        retain::retain(self.shared(), request)
    }

    /// Lets retention and sampling leave over the trace `id` from now on, with spans of it that arrive later; false when no span of it is stored.
    /// Blocks.
    ///
    /// # Errors
    /// When the manifest cannot be written, or [`PINNED_TRACES_MAX`](crate::limits::PINNED_TRACES_MAX) traces are pinned already.
    pub fn pin(&self, id: TraceId) -> Result<bool, StoreError> {
        retain::pin(self.shared(), id)
    }

    /// Merges all segments that are to be merged; with `all` also those that would wait for more or for time to pass. Blocks, for long;
    /// the store goes on.
    ///
    /// # Errors
    /// When a segment cannot be written; the old ones are still there. [`StoreError::Closed`] when the store is closed meanwhile.
    pub fn compact(&self, all: bool) -> Result<CompactionReport, StoreError> {
        let shared = self.shared();
        let _busy = shared.compact.enter();
        let mut limits = shared.options.limits.compaction;
        if all {
            limits.settle = Duration::ZERO;
            limits.fan_in = 2;
            limits.cpu_percent = 100;
        }
        compact::merge_all(shared, &limits)
    }

    /// Copies everything that was appended before the call to the directory `target`, which is empty or an earlier backup; see
    /// [`backup`](crate::backup). Segments that are there already are not copied again; `link` links files instead where that is possible.
    /// Flush before. Blocks; the store goes on.
    ///
    /// # Errors
    /// When the target holds something else, or a file cannot be read or written; the target is then what it was.
    pub fn backup(
        &self,
        target: &Path,
        link: bool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<BackupReport, StoreError> {
        let shared = self.shared();
        // Held to the end, so that no file goes.
        let (state, _segments, _counts) = {
            let manifest = lock(&shared.manifest);
            let state = Arc::clone(manifest.state());
            (state, shared.view.segments(), shared.view.counts())
        };
        let mirror = Mirror {
            env: &shared.options.env,
            source: &shared.options.data_dir,
            target,
            link,
        };
        mirror.run(&state, progress)
    }

    /// Totals since the store was opened, of spans that have left the hot window: counted before tail sampling drops any.
    #[must_use]
    pub fn span_totals(&self) -> Vec<(TotalKey, Total)> {
        self.shared().totals.series()
    }

    /// The same with exemplars, which are looked for as long as somebody asks for them.
    #[must_use]
    pub fn span_totals_with_exemplars(&self) -> Vec<(TotalKey, Total)> {
        let shared = self.shared();
        let now_ns = shared.options.env.clock.monotonic_ns();
        shared.exemplars_wanted.renew(now_ns);
        shared.totals.series()
    }

    /// Drops all counts of spans that have left the hot window: `span_metrics` and `service_edges` begin anew.
    ///
    /// # Errors
    /// When the manifest cannot be written.
    pub fn drop_counts(&self) -> Result<(), StoreError> {
        derive::drop_all(self.shared())
    }

    /// Reads everything that is stored and compares it with what the manifest and the checksums say. Blocks; the store goes on.
    ///
    /// # Errors
    /// When a directory cannot be read at all; damage is reported, not an error.
    pub fn verify(&self, progress: &mut dyn FnMut(Progress)) -> Result<VerifyReport, StoreError> {
        let shared = self.shared();
        let snapshot = shared.view.snapshot();
        crate::verify::verify_open(
            &shared.options.env,
            &shared.options.data_dir,
            &snapshot,
            progress,
        )
    }

    /// Looks for damage and, with `apply`, repairs what can be; see [`repair`](crate::repair). Flush before: damage of the log goes with it.
    /// Blocks; the store goes on.
    ///
    /// # Errors
    /// When a directory cannot be read or a file not be written. What was repaired before stays so.
    pub fn repair(
        &self,
        apply: bool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<RepairReport, StoreError> {
        repair::repair(self.shared(), apply, progress)
    }

    /// Figures of the moment.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        let shared = self.shared();
        let state = Arc::clone(lock(&shared.manifest).state());
        let hot = shared.view.hot();
        StoreStatus {
            manifest_version: state.version,
            segments: state.segments.len() as u64,
            stored_spans: state.span_count(),
            stored_bytes: state.file_bytes(),
            hot_spans: hot.spans,
            hot_bytes: hot.bytes as u64,
            wal_bytes: shared.log_files.bytes(),
            durable_seq: shared.view.last_seq().max(state.flushed_seq),
            disk_free_bytes: shared.disk.free_bytes(),
            unavailable: shared.queue.unavailable().or_else(|| shared.queue.full()),
            flush_error: shared.flush.last_error(),
        }
    }

    /// Clock, file system and randomness that the store was opened with.
    #[must_use]
    pub fn env(&self) -> &Env {
        &self.shared().options.env
    }

    /// The data directory.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.shared().options.data_dir
    }

    /// Refuses new appends, waits for running ones, flushes, unlocks. With tail sampling, traces that wait for their decision stay in the
    /// log instead, and wait on at the next start.
    ///
    /// # Errors
    /// When the last flush failed; the log still has everything.
    pub async fn close(&self) -> Result<(), StoreError> {
        let shared = self.shared();
        shared.queue.close();
        shared.compact.stop();
        let mut ended = shared.ingest_ended.subscribe();
        // The sender lives in `shared`, so it cannot go away first.
        let _ = ended.wait_for(|ended| *ended).await;
        if lock(&shared.dir_lock).is_none() {
            return Ok(());
        }
        shared.compact.ended().await;
        let flushed = if shared.tail.is_some() {
            Ok(())
        } else {
            self.flush().await
        };
        shared.flush.stop();
        // What it does at this moment it does to the end, before another process may open the directory.
        shared.flush.ended().await;
        if flushed.is_ok() {
            let flushed_seq = lock(&shared.manifest).state().flushed_seq;
            let (env, dir) = (&shared.options.env, wal::dir(&shared.options.data_dir));
            // The newest file may hold what waits for its decision.
            let with_newest = shared.view.hot().epochs == 0;
            let dropped = shared
                .log_files
                .drop_flushed(env, &dir, flushed_seq, with_newest);
            if let Err(error) = dropped {
                tracing::warn!(%error, "a flushed log file stays until the next start");
            }
        }
        *lock(&shared.dir_lock) = None;
        flushed
    }
}
