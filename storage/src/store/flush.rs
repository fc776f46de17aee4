//! The flusher: a thread that turns the oldest closed epoch into a segment, and keeps house.
//!
//! One flush: write the segment, the counts and the file of recent hashes, everything synced; commit them with the epoch's last sequence
//! number to the manifest; swap the view; drop the log below. Until the commit nothing is given up, so a failure at any step leaves
//! the epoch in the window and in the log, and it is tried again after a pause that doubles. What comes when, `next` says.

use std::collections::{BTreeSet, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::Shared;
use super::derive;
use super::leave::{self, Left};
use super::names::recent_name;
use super::next::{self, Work};
use super::tail::{Tail, Verdicts};
use super::view::Epoch;
use crate::batch::SpanBatch;
use crate::derived;
use crate::error::{IoContext, StoreError};
use crate::ids::TraceId;
use crate::manifest::{Changes, RecentFile};
use crate::measure;
use crate::policy::{FlushPolicy, KeepAll};
use crate::recent::{self, Known};
use crate::segment::SegmentMeta;

/// The flusher looks at the age of epochs and at unlinked files this often.
const TICK: Duration = Duration::from_millis(500);

type Waiter = (u64, oneshot::Sender<Result<(), StoreError>>);

#[derive(Debug, Default)]
struct State {
    /// Who waits for which record to be in a segment.
    waiters: Vec<Waiter>,
    woken: bool,
    stopped: bool,
    failures: u32,
    /// Monotonic time before which a failed flush is not tried again unasked.
    not_before_ns: u64,
    last_error: Option<String>,
}

/// How the rest of the store talks to the flusher.
#[derive(Debug, Default)]
pub(super) struct FlushControl {
    state: Mutex<State>,
    wake: Condvar,
    ended: watch::Sender<bool>,
}

impl FlushControl {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the flusher look for work now.
    pub(super) fn wake(&self) {
        self.state().woken = true;
        self.wake.notify_all();
    }

    /// Ends the flusher after the flush that is under way.
    pub(super) fn stop(&self) {
        self.state().stopped = true;
        self.wake.notify_all();
    }

    /// Returns when the flusher has ended; after [`FlushControl::stop`].
    pub(super) async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        // The sender lives in the same place, so it cannot go away first.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// Answers when record `seq` is in a segment, or the next attempt has failed; closed when the flusher has been stopped.
    pub(super) fn wait_for(&self, seq: u64) -> oneshot::Receiver<Result<(), StoreError>> {
        let (done, answer) = oneshot::channel();
        let mut state = self.state();
        if !state.stopped {
            state.waiters.push((seq, done));
            state.woken = true;
            self.wake.notify_all();
        }
        answer
    }

    /// True when somebody waits for record `seq` or a later one.
    pub(super) fn is_awaited(&self, seq: u64) -> bool {
        self.state().waiters.iter().any(|(until, _)| *until >= seq)
    }

    /// Why the last flush failed, if it did.
    pub(super) fn last_error(&self) -> Option<String> {
        self.state().last_error.clone()
    }

    /// Waits for a tick or a call; false when the flusher is to end.
    fn pause(&self) -> bool {
        let state = self.state();
        let waited = self
            .wake
            .wait_timeout_while(state, TICK, |state| !state.woken && !state.stopped);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.woken = false;
        !state.stopped
    }

    fn may_try(&self, now_ns: u64) -> bool {
        let state = self.state();
        !state.stopped && (!state.waiters.is_empty() || now_ns >= state.not_before_ns)
    }

    fn succeeded(&self, flushed_seq: u64) {
        let done: Vec<Waiter> = {
            let mut state = self.state();
            state.failures = 0;
            state.not_before_ns = 0;
            state.last_error = None;
            state
                .waiters
                .extract_if(.., |(seq, _)| *seq <= flushed_seq)
                .collect()
        };
        for (_, done) in done {
            let _ = done.send(Ok(()));
        }
    }

    fn failed(&self, error: &StoreError, now_ns: u64, pause: Duration, pause_max: Duration) {
        let waiters = {
            let mut state = self.state();
            let pause = pause
                .saturating_mul(1 << state.failures.min(16))
                .min(pause_max);
            state.failures = state.failures.saturating_add(1);
            state.not_before_ns = now_ns.saturating_add(pause.as_nanos() as u64);
            state.last_error = Some(error.to_string());
            std::mem::take(&mut state.waiters)
        };
        for (_, done) in waiters {
            let _ = done.send(Err(error.copy()));
        }
    }
}

/// Flushes and keeps house until told to stop.
pub(super) fn run(shared: &Shared) {
    let _ending = Ending(&shared.flush);
    while shared.flush.pause() {
        let now_ns = shared.options.env.clock.monotonic_ns();
        let age_ns = shared.options.limits.epoch_age.as_nanos() as u64;
        if let Some(opened_at_ns) = now_ns.checked_sub(age_ns) {
            shared.view.close_older(opened_at_ns);
        }
        flush_closed(shared);
        shared.unlink_trash();
        shared.disk.look(shared);
    }
}

/// Tells everybody at the end.
struct Ending<'a>(&'a FlushControl);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        // Whoever still waits is told by the end of the channel.
        self.0.state().waiters.clear();
        self.0.ended.send_replace(true);
    }
}

fn flush_closed(shared: &Shared) {
    let clock = &shared.options.env.clock;
    loop {
        let start_ns = clock.monotonic_ns();
        if !shared.flush.may_try(start_ns) {
            return;
        }
        let Some(work) = next::next(shared, start_ns) else {
            break;
        };
        let done = run_caught(shared, &work);
        let now_ns = clock.monotonic_ns();
        let elapsed_ns = now_ns.saturating_sub(start_ns);
        if let Work::Leave(epoch, _) = &work {
            measure::flush(done.is_ok(), elapsed_ns, epoch.spans());
        }
        match done {
            Ok(()) => shared.flush.succeeded(shared.decided_seq()),
            Err(error) => {
                failed(shared, &work, &error, now_ns);
                return;
            }
        }
    }
    // Who asked for a flush when it had just been made.
    shared.flush.succeeded(shared.decided_seq());
}

fn failed(shared: &Shared, work: &Work, error: &StoreError, now_ns: u64) {
    let (first_seq, last_seq) = work.seqs();
    tracing::error!(%error, first_seq, last_seq, spans = work.spans(),
        "an epoch cannot be flushed; it stays where it is and is tried again");
    let limits = &shared.options.limits;
    let (pause, pause_max) = (limits.retry_pause, limits.flush_retry_pause_max);
    shared.flush.failed(error, now_ns, pause, pause_max);
}

/// A panic while a segment is written must not end the flusher.
fn run_caught(shared: &Shared, work: &Work) -> Result<(), StoreError> {
    catch_unwind(AssertUnwindSafe(|| work.run(shared))).unwrap_or_else(|_| {
        Err(StoreError::Unavailable {
            message: "writing a segment has panicked".to_owned(),
        })
    })
}

/// How an epoch leaves memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// What is kept of it becomes a segment. Without tail sampling that is all.
    Decided,
    /// All of it becomes a segment that is decided about later.
    Undecided,
}

/// Counts the epoch, and makes a segment of it.
///
/// # Errors
/// When a file cannot be written; the epoch is where it was.
pub(super) fn leave(shared: &Shared, epoch: &Epoch, leaving: Leaving) -> Result<(), StoreError> {
    let (incarnation, recent_before) = shared.manifest_figures();
    let env = &shared.options.env;
    let later = shared.view.batches_after(epoch.seqs.1);
    let tail = shared.tail.as_ref();
    let mut verdicts = tail
        .filter(|_| leaving == Leaving::Decided)
        .map(|tail| tail.decide(env, &shared.pinned(), &epoch.batches, &later));
    let nonce = env.random.next_u64() as u32;
    let recent_name = recent_name(incarnation, epoch.seqs, nonce);
    let recent = write_recent(shared, &epoch.known, &recent_name)?;
    let aged = aged_recent(shared, &recent_before);
    let bookkeeping = Changes {
        flushed_seq: epoch.seqs.1,
        add_recent: recent.iter().cloned().collect(),
        remove_recent: aged.iter().map(|file| file.name.clone()).collect(),
        ..Changes::default()
    };
    let leave = |verdicts: Option<&Verdicts>| {
        leave_and_commit(shared, epoch, &later, leaving, verdicts, &bookkeeping)
    };
    while !leave(verdicts.as_ref())? {
        // A trace was pinned meanwhile that was to be dropped.
        if let Some(verdicts) = &mut verdicts {
            verdicts.keep(&shared.pinned());
        }
    }
    if leaving == Leaving::Decided {
        find_exemplars(shared, &epoch.batches, verdicts.as_ref());
    }
    if let (Some(tail), Some(verdicts)) = (tail, &verdicts) {
        tail.committed(verdicts, recent.as_ref().map(|file| file.name.as_str()));
    }
    drop_behind(shared, epoch.seqs.1, &aged);
    derive::keep_house(shared);
    shared.compact.wake();
    Ok(())
}

/// Writes what is kept of the epoch and its counts, and commits them with `changes`; false, and nothing is done, when a trace that is dropped
/// was pinned meanwhile.
fn leave_and_commit(
    shared: &Shared,
    epoch: &Epoch,
    later: &[Arc<SpanBatch>],
    leaving: Leaving,
    verdicts: Option<&Verdicts>,
    changes: &Changes,
) -> Result<bool, StoreError> {
    let policy: &dyn FlushPolicy = match verdicts {
        Some(verdicts) => verdicts,
        None => &KeepAll,
    };
    let nonce = shared.options.env.random.next_u64() as u32;
    let Left { counts, segment } = leave::write(shared, epoch, later, policy, nonce)?;
    let segment = segment.map(|meta| SegmentMeta {
        is_undecided: leaving == Leaving::Undecided,
        ..meta
    });
    let changes = Changes {
        add_segments: segment.iter().cloned().collect(),
        add_derived: counts.files.clone(),
        remove_derived: counts.removed,
        ..changes.clone()
    };
    let agrees =
        |pinned: &BTreeSet<TraceId>| verdicts.is_none_or(|verdicts| !verdicts.drop_any(pinned));
    if !shared.commit_flush(changes, counts.pending, agrees)? {
        shared.discard(segment, counts.files);
        return Ok(false);
    }
    shared.totals.add(&counts.span_metrics);
    if let (Some(tail), Some(meta), Leaving::Undecided) = (&shared.tail, segment, leaving) {
        tail.has_spilled(&meta.name, epoch.newest_at_ns);
        measure::tail_spilled_epoch();
    }
    Ok(true)
}

/// Finds exemplars for the totals among the spans that were kept, while somebody reads them.
pub(super) fn find_exemplars(
    shared: &Shared,
    batches: &[Arc<SpanBatch>],
    verdicts: Option<&Verdicts>,
) {
    let now_ns = shared.options.env.clock.monotonic_ns();
    if shared.exemplars_wanted.is_on(now_ns) {
        let is_kept = |id| verdicts.is_none_or(|verdicts| verdicts.keeps(id));
        let found = derived::find_exemplars(batches, is_kept);
        shared.totals.exemplify(found);
    }
}

/// Writes the hashes of payloads that are still remembered, and the decisions that are not durable yet.
pub(super) fn write_recent(
    shared: &Shared,
    known: &[Known],
    name: &str,
) -> Result<Option<RecentFile>, StoreError> {
    let mut known = known.to_vec();
    known.retain(|entry| shared.recent.contains(entry.hash));
    let decisions = shared.tail.as_ref().map(Tail::not_durable);
    let decisions = decisions.unwrap_or_default();
    let env = &shared.options.env;
    let newest = known.iter().map(|entry| entry.at_unix_nano).max();
    let now = env.clock.now_unix_nano();
    let Some(newest) = newest.or((!decisions.is_empty()).then_some(now)) else {
        return Ok(None);
    };
    let path = shared.options.data_dir.join(name);
    recent::write(env, &path, &known, now, &decisions)?;
    let dir = path.parent().unwrap_or(&shared.options.data_dir);
    env.fs.sync_dir(dir).context(dir)?;
    Ok(Some(RecentFile {
        name: name.to_owned(),
        count: known.len() as u64,
        newest_unix_nano: newest,
    }))
}

/// Files of recent hashes that nobody needs any more: too old, or pushed out by newer ones, and without decisions that are remembered.
fn aged_recent(shared: &Shared, files: &[RecentFile]) -> Vec<RecentFile> {
    let limits = &shared.options.limits;
    let now = shared.options.env.clock.now_unix_nano();
    let age_ns = limits.recent_payload_age.as_nanos() as u64;
    let mut newer_count = 0;
    let mut aged = Vec::new();
    for file in files.iter().rev() {
        let old = now.saturating_sub(file.newest_unix_nano) > age_ns;
        let tail = shared.tail.as_ref();
        let holds_decisions = tail.is_some_and(|tail| tail.needs(&file.name));
        if (old || newer_count >= limits.recent_payloads_max as u64) && !holds_decisions {
            aged.push(file.clone());
        }
        newer_count += file.count;
    }
    aged
}

/// Removes what the commit made superfluous. A failure leaves files that the next flush or the next start removes.
fn drop_behind(shared: &Shared, flushed_seq: u64, aged: &[RecentFile]) {
    let env = &shared.options.env;
    let dir = crate::wal::dir(&shared.options.data_dir);
    if let Err(error) = shared.log_files.drop_flushed(env, &dir, flushed_seq, false) {
        tracing::warn!(%error, "a flushed log file cannot be removed yet");
    }
    measure::wal_bytes(shared.log_files.bytes());
    let removed: HashSet<_> = aged.iter().map(|file| &file.name).collect();
    for name in removed {
        let path = shared.options.data_dir.join(name);
        if let Err(error) = env.fs.remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "a file of old payload hashes cannot be removed");
        }
    }
}
