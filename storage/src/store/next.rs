//! What the flusher does next.
//!
//! ```text
//!  undecided segments, oldest first ── the epochs, oldest first
//!        │ waited, asked for, or too many             │ waited or asked for: flush
//!        ▼                                            │ memory is filling up: spill
//!     decide                                          ▼
//! ```
//!
//! Without tail sampling every closed epoch is flushed. With it the oldest spans are decided about when the newest of their epoch has waited for
//! `decision_wait`. Before that only when somebody asks for a flush; or when memory is filling up and the undecided segments are larger than they
//! may be altogether, or may not be at all. That is counted and logged.

use std::sync::Arc;

use super::Shared;
use super::flush::{self, Leaving};
use super::spill;
use super::tail::Tail;
use super::view::Epoch;
use crate::error::StoreError;
use crate::measure;
use crate::segment::Segment;

/// One piece of work.
pub(super) enum Work {
    /// Decide about the traces of an undecided segment; those after it come with it.
    Decide(Arc<Segment>, Vec<Arc<Segment>>),
    /// Let an epoch leave memory.
    Leave(Arc<Epoch>, Leaving),
}

impl Work {
    /// Does it.
    ///
    /// # Errors
    /// When something cannot be read or written; then nothing is changed.
    pub(super) fn run(&self, shared: &Shared) -> Result<(), StoreError> {
        match self {
            Self::Decide(segment, later) => spill::decide(shared, segment, later),
            Self::Leave(epoch, leaving) => flush::leave(shared, epoch, *leaving),
        }
    }

    /// First and last record that it is about.
    pub(super) fn seqs(&self) -> (u64, u64) {
        match self {
            Self::Decide(segment, _) => segment.meta().wal,
            Self::Leave(epoch, _) => epoch.seqs,
        }
    }

    /// Number of spans that it is about.
    pub(super) fn spans(&self) -> u64 {
        match self {
            Self::Decide(segment, _) => segment.meta().span_count,
            Self::Leave(epoch, _) => epoch.spans(),
        }
    }
}

/// What is to be done at `now_ns`, on the monotonic clock; `None` when there is nothing to do yet.
pub(super) fn next(shared: &Shared, now_ns: u64) -> Option<Work> {
    let epoch = shared.view.oldest_closed();
    match &shared.tail {
        Some(tail) => next_decision(shared, tail, epoch, now_ns),
        None => epoch.map(|epoch| Work::Leave(epoch, Leaving::Decided)),
    }
}

fn next_decision(
    shared: &Shared,
    tail: &Tail,
    epoch: Option<Arc<Epoch>>,
    now_ns: u64,
) -> Option<Work> {
    let undecided = shared.undecided();
    let bytes = spill::tell(&undecided);
    let bytes_max = shared.options.limits.tail_spill_bytes;
    let may_decide = |waited_ns: u64, first_seq: u64| {
        u128::from(waited_ns) >= tail.options.decision_wait.as_nanos()
            || shared.flush.is_awaited(first_seq)
    };
    if let Some((oldest, later)) = undecided.split_first() {
        let meta = oldest.meta();
        let waited_ns = shared.spill_waited_ns(meta, now_ns);
        let is_due = may_decide(waited_ns, meta.wal.0);
        // An epoch that is due is younger, and so this segment is due as well, whatever the clocks say.
        let is_due = is_due
            || epoch.as_ref().is_some_and(|epoch| {
                may_decide(now_ns.saturating_sub(epoch.newest_at_ns), epoch.seqs.0)
            });
        if !is_due && bytes > bytes_max {
            tell_early(
                meta.span_count,
                waited_ns,
                "spilled spans take more than `sampling.tail.spill_size`",
            );
        }
        if is_due || bytes > bytes_max {
            return Some(Work::Decide(Arc::clone(oldest), later.to_vec()));
        }
    }
    let epoch = epoch?;
    let waited_ns = now_ns.saturating_sub(epoch.newest_at_ns);
    if may_decide(waited_ns, epoch.seqs.0) {
        return Some(Work::Leave(epoch, Leaving::Decided));
    }
    if !shared.view.is_filling_up() {
        return None;
    }
    if bytes_max > 0 {
        return Some(Work::Leave(epoch, Leaving::Undecided));
    }
    tell_early(
        epoch.spans(),
        waited_ns,
        "the hot window is filling up, and `sampling.tail.spill_size` is 0",
    );
    Some(Work::Leave(epoch, Leaving::Decided))
}

/// Traces are decided about before their time.
fn tell_early(spans: u64, waited_ns: u64, why: &str) {
    measure::tail_early_epoch();
    tracing::warn!(
        spans,
        waited_ms = waited_ns / 1_000_000,
        "{why}: traces are decided about before `sampling.tail.decision_wait` is over. Raise the size or shorten the wait"
    );
}
