//! Spilled epochs: where spans wait for the decision about their traces when memory runs out.
//!
//! ```text
//!  oldest epoch, memory filling up ──▶ undecided segment: all its spans, counted, visible ──┐ its time has come
//!                                                                                         ▼
//!                  read back, decided with all that came later in view ──▶ segment of what is kept, decisions: one commit
//! ```
//!
//! For readers an undecided segment is one as any other. It is durable, so the log below it goes. Nobody but the flusher touches it: merges and
//! retention leave it out until it is decided about. Undecided segments are decided about oldest first, and before any epoch, which is younger.
//!
//! One that cannot be read is left alone, and from then on repaired and dropped as others: nobody can read it, so nothing of it is given out.
//! Without tail sampling there is nothing to wait for, and undecided segments are segments as others.
//!
//! Memory: the spans of one epoch, and those parts of their traces that came later.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::flush::{find_exemplars, write_recent};
use super::names::{recent_name, segment_name};
use super::tail::{Tail, Verdicts};
use super::{Shared, lock};
use crate::batch::SpanBatch;
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::manifest::{Changes, RecentFile};
use crate::measure;
use crate::sampling::rehearse::{read, rows_of};
use crate::segment::{self, NewSegment, Segment, SegmentMeta};

/// What is known of undecided segments beside the manifest.
#[derive(Debug, Default)]
pub(super) struct Spilled {
    /// When the newest span of a segment arrived, on the monotonic clock; of segments that this process has written.
    newest_at_ns: HashMap<String, u64>,
    /// Segments that cannot be read.
    unreadable: HashSet<String>,
}

impl Tail {
    /// The segment was written, and is undecided.
    pub(super) fn has_spilled(&self, name: &str, newest_at_ns: u64) {
        let mut spilled = lock(&self.spilled);
        spilled.newest_at_ns.insert(name.to_owned(), newest_at_ns);
    }
}

impl Shared {
    /// True while traces of the segment wait for their decision.
    pub(super) fn is_undecided(&self, meta: &SegmentMeta) -> bool {
        let is_readable = |tail: &Tail| !lock(&tail.spilled).unreadable.contains(&meta.name);
        meta.is_undecided && self.tail.as_ref().is_some_and(is_readable)
    }

    /// The undecided segments, oldest first.
    pub(super) fn undecided(&self) -> Vec<Arc<Segment>> {
        let segments = self.view.segments();
        let undecided = segments
            .iter()
            .filter(|segment| self.is_undecided(segment.meta()));
        let mut undecided: Vec<_> = undecided.cloned().collect();
        undecided.sort_by_key(|segment| segment.meta().wal);
        undecided
    }

    /// For how long the newest span of an undecided segment has waited, ns: since it arrived, or since the start.
    pub(super) fn spill_waited_ns(&self, meta: &SegmentMeta, now_ns: u64) -> u64 {
        let tail = self.tail.as_ref();
        let newest =
            tail.and_then(|tail| lock(&tail.spilled).newest_at_ns.get(&meta.name).copied());
        now_ns.saturating_sub(newest.unwrap_or(self.opened.monotonic_ns))
    }

    /// The last record up to which every trace is decided about.
    pub(super) fn decided_seq(&self) -> u64 {
        let segments = self.view.segments();
        let undecided = segments.iter().map(|segment| segment.meta());
        let undecided = undecided.filter(|meta| self.is_undecided(meta));
        match undecided.map(|meta| meta.wal.0).min() {
            Some(oldest) => oldest.saturating_sub(1),
            None => lock(&self.manifest).state().flushed_seq,
        }
    }
}

/// Tells the metrics of `undecided` segments; their bytes.
pub(super) fn tell(undecided: &[Arc<Segment>]) -> u64 {
    let bytes = undecided
        .iter()
        .flat_map(|segment| segment.meta().file_bytes);
    let bytes = bytes.sum();
    measure::undecided(undecided.len(), bytes);
    bytes
}

/// Decides about the traces of `segment` and writes it anew without those that are dropped; `later` are the undecided ones after it.
///
/// # Errors
/// When something cannot be read or written; it can be tried again.
pub(super) fn decide(
    shared: &Shared,
    segment: &Arc<Segment>,
    later: &[Arc<Segment>],
) -> Result<(), StoreError> {
    let Some(tail) = &shared.tail else {
        return Ok(());
    };
    let name = &segment.meta().name;
    let rows = 0..segment.meta().span_count as usize;
    let batches = match read(segment, vec![rows]) {
        Err(StoreError::Corrupt { path, message }) => {
            tracing::error!(path = %path.display(), message, "a damaged segment is not decided about; `clew verify` tells more");
            lock(&tail.spilled).unreadable.insert(name.clone());
            return Ok(());
        }
        read => read?,
    };
    let later = parts(shared, &batches, later)?;
    let env = &shared.options.env;
    let mut verdicts = tail.decide(env, &shared.pinned(), &batches, &later);
    drop(later);
    let (incarnation, _) = shared.manifest_figures();
    let nonce = env.random.next_u64() as u32;
    let recent_name = recent_name(incarnation, segment.meta().wal, nonce);
    let recent = write_recent(shared, &[], &recent_name)?;
    while !rewrite(shared, segment.meta(), &batches, &verdicts, recent.as_ref())? {
        if !shared
            .undecided()
            .iter()
            .any(|other| other.meta().name == *name)
        {
            // It was repaired meanwhile, and all of it stays.
            return Ok(());
        }
        // A trace was pinned meanwhile that was to be dropped.
        verdicts.keep(&shared.pinned());
    }
    find_exemplars(shared, &batches, Some(&verdicts));
    tail.committed(&verdicts, recent.as_ref().map(|file| file.name.as_str()));
    lock(&tail.spilled).newest_at_ns.remove(name);
    shared.compact.wake();
    Ok(())
}

/// Puts what is kept in place of the undecided segment `old`; false, and nothing is done, when that is gone, or a trace that is dropped was pinned
/// meanwhile.
fn rewrite(
    shared: &Shared,
    old: &SegmentMeta,
    batches: &[Arc<SpanBatch>],
    verdicts: &Verdicts,
    recent: Option<&RecentFile>,
) -> Result<bool, StoreError> {
    let options = &shared.options;
    let (incarnation, _) = shared.manifest_figures();
    let nonce = options.env.random.next_u64() as u32;
    let name = segment_name(&old.tenant, incarnation, old.wal, nonce);
    let new = NewSegment {
        data_dir: &options.data_dir,
        name: &name,
        tenant: &old.tenant,
        wal: old.wal,
        merged: None,
        is_pinned: false,
    };
    let shape = &options.limits.segment_shape;
    let kept = segment::write(&options.env, &new, batches, shape, verdicts)?;
    let changes = Changes {
        add_segments: kept.iter().cloned().collect(),
        remove_segments: vec![old.name.clone()],
        add_recent: recent.into_iter().cloned().collect(),
        ..Changes::default()
    };
    let agrees = |pinned: &BTreeSet<TraceId>| !verdicts.drop_any(pinned);
    let is_done = shared.commit_if(changes, agrees, || ())?;
    if !is_done {
        shared.discard(kept, Vec::new());
    }
    Ok(is_done)
}

/// What came after the spans of `batches`, as far as it lies in `later` and is of the same traces; and the hot window.
fn parts(
    shared: &Shared,
    batches: &[Arc<SpanBatch>],
    later: &[Arc<Segment>],
) -> Result<Vec<Arc<SpanBatch>>, StoreError> {
    let mut ids = BTreeSet::new();
    for batch in batches {
        ids.extend((0..batch.len()).map(|row| batch.trace_id(row)));
    }
    let ids: Vec<TraceId> = ids.into_iter().collect();
    let mut parts = Vec::new();
    for segment in later {
        match rows_of(segment, &ids).and_then(|rows| read(segment, rows)) {
            Ok(of_segment) => parts.extend(of_segment),
            // Nobody can read these spans; their traces are decided about without them.
            Err(StoreError::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    parts.extend(shared.view.batches_after(0));
    Ok(parts)
}
