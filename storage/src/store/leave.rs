//! An epoch's spans on their way out of the hot window: each trace is put in order once, for the counts and for the segment.

use std::sync::Arc;

use super::derive::{self, NewCounts};
use super::names::segment_name;
use super::view::Epoch;
use super::{DEFAULT_TENANT, Shared};
use crate::batch::SpanBatch;
use crate::derived::{Counted, Counting, DerivedFile, DerivedMeta, PendingCalls};
use crate::error::StoreError;
use crate::policy::FlushPolicy;
use crate::segment::plan::Planner;
use crate::segment::{self, NewSegment, Segment, SegmentMeta};
use crate::trace::content::arrange;
use crate::trace::gather::Gathered;

/// What becomes of an epoch. Files are synced, and not committed.
pub(super) struct Left {
    pub(super) counts: NewCounts,
    /// The spans that are kept, if any.
    pub(super) segment: Option<SegmentMeta>,
}

impl Shared {
    /// Gives up files that were written and that nothing names.
    pub(super) fn discard(&self, segment: Option<SegmentMeta>, counts: Vec<DerivedMeta>) {
        let (env, dir) = (&self.options.env, &self.options.data_dir);
        let segment = segment.map(|meta| {
            let segment = Segment::open(env, dir, meta, &self.cache);
            Arc::new(segment)
        });
        let files = counts.into_iter();
        let counts = files.map(|meta| Arc::new(DerivedFile::open(env, dir, meta)));
        let now_ns = env.clock.monotonic_ns();
        self.trash
            .add(segment.into_iter().collect(), counts.collect(), now_ns);
    }
}

/// Counts the spans of `epoch`, and writes those that `policy` keeps; `later` is what arrived after it.
pub(super) fn write(
    shared: &Shared,
    epoch: &Epoch,
    later: &[Arc<SpanBatch>],
    policy: &dyn FlushPolicy,
    nonce: u32,
) -> Result<Left, StoreError> {
    let options = &shared.options;
    let now = options.env.clock.now_unix_nano() as i64;
    let window: Vec<_> = epoch.batches.iter().chain(later).cloned().collect();
    let gathered = Gathered::of_epoch(&window, epoch.batches.len());
    let pending = &shared.view.counts().pending;
    let (counted, planner) = arrange_traces(&gathered, epoch.batches.len(), pending, now, policy);
    let shape = &options.limits.segment_shape;
    let plan = planner.finish(shape);
    let counts = derive::write(shared, epoch, counted, now, nonce)?;
    let (incarnation, _) = shared.manifest_figures();
    let name = segment_name(DEFAULT_TENANT, incarnation, epoch.seqs, nonce);
    let new = NewSegment {
        data_dir: &options.data_dir,
        name: &name,
        tenant: DEFAULT_TENANT,
        wal: epoch.seqs,
        merged: None,
        is_pinned: false,
    };
    let segment = segment::write_planned(&options.env, &new, &epoch.batches, shape, &plan)?;
    Ok(Left { counts, segment })
}

/// Counts the spans of the first `leaving` batches of `gathered`, and plans their segment. Each trace is put in order once for both,
/// unless spans of it stay.
fn arrange_traces<'a>(
    gathered: &'a Gathered<'a>,
    leaving: usize,
    pending: &PendingCalls,
    now: i64,
    policy: &dyn FlushPolicy,
) -> (Counted, Planner<'a>) {
    let mut counting = Counting::new(gathered, leaving, pending, Some(now));
    let mut planner = Planner::new(gathered);
    let stays = |row: u32| gathered.span(row).batch as usize >= leaving;
    for trace in gathered.traces() {
        let (rows, tree) = arrange(gathered, trace.clone());
        counting.trace(&rows, &tree);
        if trace.clone().next_back().is_some_and(stays) {
            let (rows, tree) = arrange(gathered, trace.take_while(|row| !stays(*row)));
            planner.add(&rows, &tree, policy);
        } else {
            planner.add(&rows, &tree, policy);
        }
    }
    (counting.finish(), planner)
}
