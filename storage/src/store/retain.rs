//! Retention: what `retention` decides is dropped, but for pinned traces. A segment of which some traces are past their terms is written anew
//! without them.
//!
//! A pin is a trace id in the manifest. When a segment goes, its pinned traces are written to a segment of their own first, which takes its
//! place in the same version of the manifest and is never dropped. So a pinned trace is stored once at every moment. Whatever drops spans
//! commits only if none of them is pinned by then, and a pin is made only while what was found of its trace is still there.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::compact::has_room;
use super::terms::Terms;
use super::{RetentionReport, RetentionRequest, Shared, lock};
use crate::compaction::{Merge, Merged};
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::limits::PINNED_TRACES_MAX;
use crate::manifest::Changes;
use crate::measure;
use crate::policy::{FlushPolicy, TraceFacts, Weighing};
use crate::retention::rules::Rule;
use crate::retention::terms::walk;
use crate::retention::{self, Class, Decision, Facts};
use crate::segment::{Segment, SegmentMeta};
use crate::snapshot::Snapshot;

/// Drops what `request` asks for.
pub(super) fn retain(
    shared: &Shared,
    request: &RetentionRequest,
) -> Result<RetentionReport, StoreError> {
    let _busy = shared.compact.enter();
    loop {
        let segments = shared.view.segments();
        let may_go: Vec<&Arc<Segment>> = segments
            .iter()
            .filter(|segment| may_go(shared, segment.meta()))
            .collect();
        let terms = shared.terms.of(shared, &may_go, request);
        let decision = decide(shared, &may_go, &terms, request);
        let mut report = RetentionReport {
            dry_run: request.dry_run,
            segments_for_size: decision.for_size as u64,
            suspended: decision.suspended,
            ..RetentionReport::default()
        };
        let expired: Vec<Arc<Segment>> = decision
            .expired
            .iter()
            .map(|place| Arc::clone(may_go[*place]))
            .collect();
        if !request.dry_run && !expired.is_empty() && !drop_segments(shared, &expired)? {
            // A merge has replaced some of them, or a trace was pinned: look again.
            continue;
        }
        note_dropped(&mut report, &expired);
        for (place, numbers) in &decision.reduced {
            let segment = may_go[*place];
            if request.dry_run || reduce(shared, segment, &request.rules, numbers)? {
                report.reduced_segments.push(segment.meta().name.clone());
                report.reduced_spans += terms[*place].spans(numbers);
            }
        }
        if !request.dry_run {
            measure::retention(report.segments.len(), report.spans + report.reduced_spans);
        }
        return Ok(report);
    }
}

/// False for what holds nothing but pinned traces, and for what waits for the decision about its traces.
pub(super) fn may_go(shared: &Shared, meta: &SegmentMeta) -> bool {
    !meta.is_pinned && !shared.is_undecided(meta)
}

fn decide(
    shared: &Shared,
    segments: &[&Arc<Segment>],
    terms: &[Arc<Terms>],
    request: &RetentionRequest,
) -> Decision {
    let metas: Vec<&SegmentMeta> = segments.iter().map(|segment| segment.meta()).collect();
    let classes: Vec<Vec<Class>> = terms.iter().map(|terms| terms.classes(request)).collect();
    let facts = Facts {
        segments: &metas,
        classes: &classes,
        hot_newest: newest_arrival(&shared.view.snapshot()),
        opened: shared.opened,
        now: shared.clock_reading(),
        leap_max: shared.options.limits.clock_leap,
        trust_clock: request.trust_clock,
    };
    retention::decide(&facts, request.max_bytes)
}

/// When the newest span of the hot window arrived, ns since the epoch.
fn newest_arrival(snapshot: &Snapshot) -> Option<i64> {
    let batches = snapshot.hot().iter();
    let arrivals = batches.flat_map(|batch| batch.ingested_at().values().iter().copied());
    arrivals.max()
}

fn note_dropped(report: &mut RetentionReport, expired: &[Arc<Segment>]) {
    let metas = expired.iter().map(|segment| segment.meta());
    report.segments = metas.clone().map(|meta| meta.name.clone()).collect();
    report.spans = metas.clone().map(|meta| meta.span_count).sum();
    report.bytes = metas.flat_map(|meta| meta.file_bytes).sum();
}

/// Writes a segment anew without the traces of the classes `numbers`; false when nothing came of it.
fn reduce(
    shared: &Shared,
    segment: &Arc<Segment>,
    rules: &[Rule],
    numbers: &[usize],
) -> Result<bool, StoreError> {
    let _turn = shared.compact.turn();
    let inputs = [Arc::clone(segment)];
    let meta = segment.meta();
    if !has_room(shared, &inputs) {
        return Ok(false);
    }
    let pinned = shared.pinned();
    let mut gone = Without(HashSet::new());
    walk(segment, rules, |trace| {
        if numbers.contains(&trace.class) && !pinned.contains(&trace.id) {
            gone.0.insert(trace.id);
        }
    })?;
    if gone.0.is_empty() {
        // They have been pinned since.
        shared.terms.forget(&meta.name);
        return Ok(false);
    }
    let options = &shared.options;
    let mut merged = Merge {
        env: &options.env,
        data_dir: &options.data_dir,
        limits: &options.limits.compaction,
        shape: &options.limits.segment_shape,
        inputs: &inputs,
        window: meta.merged.map(|merged| merged.window),
        is_pinned: false,
        is_sampled: meta.is_sampled(),
        id: options.env.random.next_u64(),
        policy: &gone,
        names: shared,
        pace: shared.compact.pace(),
    }
    .run()?;
    let changes = Changes {
        add_segments: merged.segments.clone(),
        remove_segments: vec![meta.name.clone()],
        ..Changes::default()
    };
    // What was pinned meanwhile stays.
    let stays = |pinned: &BTreeSet<TraceId>| !pinned.iter().any(|id| gone.0.contains(id));
    shared.commit_if(changes, stays, || merged.keep())
}

/// Keeps all traces but these.
struct Without(HashSet<TraceId>);

impl FlushPolicy for Without {
    fn decide(&self, trace: &TraceFacts<'_>) -> Option<Weighing> {
        (!self.0.contains(&trace.trace_id)).then_some(Weighing::UNCHANGED)
    }
}

/// Drops the segments, their pinned traces left over; false when one of them is not there any more, or a trace was pinned meanwhile.
fn drop_segments(shared: &Shared, expired: &[Arc<Segment>]) -> Result<bool, StoreError> {
    let pinned = shared.pinned();
    let holders = holders(expired, &pinned);
    let mut left_over = if holders.is_empty() {
        None
    } else {
        Some(leave_over(shared, &holders, pinned.clone())?)
    };
    let names = expired.iter().map(|segment| segment.meta().name.clone());
    let changes = Changes {
        add_segments: left_over
            .as_ref()
            .map_or_else(Vec::new, |merged| merged.segments.clone()),
        remove_segments: names.collect(),
        ..Changes::default()
    };
    // What was pinned meanwhile is looked for anew.
    let agrees = |now: &BTreeSet<TraceId>| *now == pinned;
    shared.commit_if(changes, agrees, || {
        if let Some(left_over) = &mut left_over {
            left_over.keep();
        }
    })
}

/// The segments that hold pinned traces. What a segment whose index is damaged holds cannot be read by anybody, so it goes.
fn holders(segments: &[Arc<Segment>], pinned: &BTreeSet<TraceId>) -> Vec<Arc<Segment>> {
    let holds = |segment: &&Arc<Segment>| {
        pinned.iter().any(|id| match segment.trace_rows(*id) {
            Ok(rows) => rows.is_some(),
            Err(error) => {
                tracing::warn!(%error, %id, "it is not known whether a pinned trace goes with a damaged segment");
                false
            }
        })
    };
    segments.iter().filter(holds).cloned().collect()
}

/// Writes the pinned traces of `holders` to segments of their own.
fn leave_over(
    shared: &Shared,
    holders: &[Arc<Segment>],
    pinned: BTreeSet<TraceId>,
) -> Result<Merged, StoreError> {
    let options = &shared.options;
    Merge {
        env: &options.env,
        data_dir: &options.data_dir,
        limits: &options.limits.compaction,
        shape: &options.limits.segment_shape,
        inputs: holders,
        window: None,
        is_pinned: true,
        is_sampled: false,
        id: options.env.random.next_u64(),
        policy: &Pinned(pinned),
        names: shared,
        pace: shared.compact.pace(),
    }
    .run()
}

/// Keeps pinned traces, and nothing else.
struct Pinned(BTreeSet<TraceId>);

impl FlushPolicy for Pinned {
    fn decide(&self, trace: &TraceFacts<'_>) -> Option<Weighing> {
        self.0
            .contains(&trace.trace_id)
            .then_some(Weighing::UNCHANGED)
    }
}

/// Pins the trace `id`; false when no span of it is stored.
pub(super) fn pin(shared: &Shared, id: TraceId) -> Result<bool, StoreError> {
    let mut manifest = loop {
        let snapshot = shared.view.snapshot();
        if !is_stored(&snapshot, id)? {
            return Ok(false);
        }
        let manifest = lock(&shared.manifest);
        // What was found may be gone with another version.
        if shared.view.snapshot().version() == snapshot.version() {
            break manifest;
        }
    };
    let pinned = &manifest.state().pinned;
    if pinned.contains(&id) {
        return Ok(true);
    }
    if pinned.len() >= PINNED_TRACES_MAX {
        return Err(StoreError::TooMany {
            what: "pinned traces",
            max: PINNED_TRACES_MAX,
        });
    }
    let changes = Changes {
        pin_traces: vec![id],
        ..Changes::default()
    };
    shared.commit_locked(&mut manifest, changes, None)?;
    Ok(true)
}

fn is_stored(snapshot: &Snapshot, id: TraceId) -> Result<bool, StoreError> {
    if snapshot
        .hot()
        .iter()
        .any(|batch| !batch.rows_of_trace(id).is_empty())
    {
        return Ok(true);
    }
    for segment in snapshot.segments() {
        if segment.trace_rows(id)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
