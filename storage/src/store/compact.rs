//! The compactor: a thread that merges segments while there are any to merge, at its own pace.
//!
//! One merge: plan it over the newest version, write the new segments, commit all of them in place of the inputs, swap the view. Readers of
//! older snapshots keep the inputs until they are done. When retention has dropped an input meanwhile, the new segments are removed and
//! another merge is planned. When nothing is to be merged, segments that are old enough are sampled, each once, by being written anew.
//! A damaged input is left alone from then on; any other failure is tried again after a pause that doubles.

use std::collections::{BTreeSet, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::names::segment_name;
use super::{CompactionReport, Shared, lock};
use crate::compaction::{Job, Merge, Merged, Names, Pace, draw, next_job, next_sampling};
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::limits::CompactionLimits;
use crate::manifest::Changes;
use crate::measure;
use crate::policy::{FlushPolicy, KeepAll};
use crate::sampling::strata::Draw;
use crate::segment::{Segment, SegmentMeta};

/// Niceness of the compactor's thread: what comes in, flushes and queries go first where the processor is short.
const NICENESS: i32 = 19;

/// The compactor looks for work this often, beside being called after each flush.
const TICK: Duration = Duration::from_secs(5);

/// How the rest of the store talks to the compactor.
#[derive(Debug, Default)]
pub(super) struct CompactControl {
    woken: Mutex<bool>,
    wake: Condvar,
    pace: Pace,
    /// Held while a merge is planned and made: one at a time.
    turn: Mutex<Turn>,
    /// How many are at it or may begin.
    busy: watch::Sender<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Segments that cannot be read.
    damaged: HashSet<String>,
}

impl CompactControl {
    /// Lets the compactor look for work now.
    pub(super) fn wake(&self) {
        *lock(&self.woken) = true;
        self.wake.notify_all();
    }

    /// Ends the merge under way, and the compactor.
    pub(super) fn stop(&self) {
        self.pace.stop();
        self.wake();
    }

    /// Returns when nobody merges any more; after [`CompactControl::stop`].
    pub(super) async fn ended(&self) {
        let mut busy = self.busy.subscribe();
        // The sender lives in the same place, so it cannot go away first.
        let _ = busy.wait_for(|busy| *busy == 0).await;
    }

    /// Somebody who may merge; until dropped.
    pub(super) fn enter(&self) -> Busy<'_> {
        self.busy.send_modify(|busy| *busy += 1);
        Busy(self)
    }

    /// Waits for a call, or for as long as `timeout`; false when the compactor is to end.
    fn pause(&self, timeout: Duration) -> bool {
        let woken = lock(&self.woken);
        let waited = self
            .wake
            .wait_timeout_while(woken, timeout, |woken| !*woken);
        let (mut woken, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *woken = false;
        !self.pace.is_stopped()
    }

    /// Ends merges made elsewhere with the store.
    pub(super) fn pace(&self) -> &Pace {
        &self.pace
    }

    pub(super) fn turn(&self) -> MutexGuard<'_, Turn> {
        lock(&self.turn)
    }
}

/// See [`CompactControl::enter`].
pub(super) struct Busy<'a>(&'a CompactControl);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.send_modify(|busy| *busy -= 1);
    }
}

/// Lets the other threads of the process go first. Only Linux keeps a niceness for each thread.
fn go_last() {
    if !cfg!(target_os = "linux") {
        return;
    }
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%error, "merges take as large a part of a busy processor as anything else");
    }
}

/// Merges until told to stop.
pub(super) fn run(shared: &Shared) {
    go_last();
    let _busy = shared.compact.enter();
    let limits = &shared.options.limits;
    let mut pause = TICK;
    let mut failures = 0;
    while shared.compact.pause(pause) {
        pause = TICK;
        match merge_all(shared, &limits.compaction) {
            Ok(_) => failures = 0,
            Err(StoreError::Closed) => break,
            Err(error) => {
                tracing::error!(%error, "segments cannot be merged; it is tried again");
                let doubled = limits.retry_pause.saturating_mul(1 << failures.min(16));
                pause = doubled.min(limits.flush_retry_pause_max);
                failures += 1;
            }
        }
    }
}

/// Makes all merges that are due.
pub(super) fn merge_all(
    shared: &Shared,
    limits: &CompactionLimits,
) -> Result<CompactionReport, StoreError> {
    let mut report = CompactionReport::default();
    while !shared.compact.pace.is_stopped() {
        // A panic while segments are merged must not end the compactor.
        let merged = catch_unwind(AssertUnwindSafe(|| merge_next(shared, limits)));
        let merged = merged.unwrap_or_else(|_| {
            Err(StoreError::Unavailable {
                message: "merging segments has panicked".to_owned(),
            })
        });
        match merged {
            Ok(None) => return Ok(report),
            Ok(Some(one)) => report.add(&one),
            Err(error) => {
                measure::compaction_failure();
                return Err(error);
            }
        }
    }
    Err(StoreError::Closed)
}

/// Makes one merge; `None` when there is none to make.
fn merge_next(
    shared: &Shared,
    limits: &CompactionLimits,
) -> Result<Option<CompactionReport>, StoreError> {
    let mut turn = shared.compact.turn();
    let env = &shared.options.env;
    let segments = shared.view.segments();
    let metas = segments.iter().map(|segment| segment.meta());
    let metas: Vec<&SegmentMeta> = metas.filter(|meta| !shared.is_undecided(meta)).collect();
    let now_ns = env.clock.now_unix_nano();
    let job = next_job(&metas, now_ns, limits, &turn.damaged).or_else(|| {
        let sampling = shared.options.stored_sampling.as_ref()?;
        let after_ns = u64::try_from(sampling.after.as_nanos()).unwrap_or(u64::MAX);
        next_sampling(&metas, now_ns, after_ns, limits, &turn.damaged)
    });
    let Some(job) = job else {
        return Ok(None);
    };
    let inputs: Vec<Arc<Segment>> = segments
        .iter()
        .filter(|segment| job.inputs.contains(&segment.meta().name))
        .cloned()
        .collect();
    drop(segments);
    if !has_room(shared, &inputs) {
        return Ok(None);
    }
    let start_ns = env.clock.monotonic_ns();
    match merge(shared, limits, &job, &inputs) {
        Ok(report) => {
            let elapsed_ns = env.clock.monotonic_ns().saturating_sub(start_ns);
            note(&report, &job, elapsed_ns);
            Ok(Some(report))
        }
        Err(StoreError::Corrupt { path, message }) => {
            turn.damaged.extend(damaged(shared, &inputs, &path));
            tracing::error!(path = %path.display(), message, "a damaged segment is not merged; `clew verify` tells more");
            measure::compaction_failure();
            Ok(Some(CompactionReport::default()))
        }
        Err(error) => Err(error),
    }
}

/// A merge needs as much room as its inputs take, beside what is kept in reserve. Without it things stay as they are.
pub(super) fn has_room(shared: &Shared, inputs: &[Arc<Segment>]) -> bool {
    let options = &shared.options;
    let Ok(space) = options.env.fs.space(&options.data_dir) else {
        return true;
    };
    let bytes: u64 = inputs
        .iter()
        .flat_map(|input| input.meta().file_bytes)
        .sum();
    let has_room = space.free_bytes >= bytes.saturating_add(options.limits.disk_free_bytes_min);
    if !has_room {
        tracing::warn!(
            needed_bytes = bytes,
            free_bytes = space.free_bytes,
            "segments are not merged: the disk has too little room"
        );
    }
    has_room
}

/// The inputs that the damaged file belongs to; all of them if it cannot be told.
fn damaged(shared: &Shared, inputs: &[Arc<Segment>], path: &std::path::Path) -> Vec<String> {
    let names = |all: bool| {
        let of = inputs.iter().map(|input| &input.meta().name);
        let of = of.filter(move |name| {
            all || Segment::paths(&shared.options.data_dir, name)
                .iter()
                .any(|other| other == path)
        });
        of.cloned().collect::<Vec<_>>()
    };
    let own = names(false);
    if own.is_empty() { names(true) } else { own }
}

fn merge(
    shared: &Shared,
    limits: &CompactionLimits,
    job: &Job,
    inputs: &[Arc<Segment>],
) -> Result<CompactionReport, StoreError> {
    let options = &shared.options;
    let drawn = job
        .samples
        .then(|| draw_from(shared, limits, inputs))
        .transpose()?;
    let policy: &dyn FlushPolicy = match &drawn {
        Some(drawn) => drawn,
        None => &KeepAll,
    };
    let merge = Merge {
        env: &options.env,
        data_dir: &options.data_dir,
        limits,
        shape: &options.limits.segment_shape,
        inputs,
        window: job.window,
        is_pinned: inputs.iter().all(|input| input.meta().is_pinned),
        is_sampled: job.samples || inputs.iter().all(|input| input.meta().is_sampled()),
        id: options.env.random.next_u64(),
        policy,
        names: shared,
        pace: &shared.compact.pace,
    };
    let mut merged = merge.run()?;
    let sampled_out_traces = drawn.as_ref().map_or(0, Draw::gone_count);
    let report = CompactionReport {
        sampled_out_traces,
        ..report_of(inputs, &merged)
    };
    let changes = Changes {
        add_segments: merged.segments.clone(),
        remove_segments: job.inputs.clone(),
        ..Changes::default()
    };
    // What was pinned meanwhile stays whole.
    let agrees = |pinned: &BTreeSet<TraceId>| {
        let goes = |id: &TraceId| drawn.as_ref().is_some_and(|drawn| drawn.goes(*id));
        !pinned.iter().any(goes)
    };
    if shared.commit_if(changes, agrees, || merged.keep())? {
        return Ok(report);
    }
    tracing::info!(
        "a segment was dropped or a trace pinned while segments were merged; the merge is given up"
    );
    Ok(CompactionReport::default())
}

/// Draws which traces of old segments stay.
fn draw_from(
    shared: &Shared,
    limits: &CompactionLimits,
    inputs: &[Arc<Segment>],
) -> Result<Draw, StoreError> {
    let Some(sampling) = &shared.options.stored_sampling else {
        return Ok(Draw::default());
    };
    let pinned = shared.pinned();
    let (env, pace) = (&shared.options.env, &shared.compact.pace);
    draw(env, limits, inputs, &*sampling.sampler, &pinned, pace)
}

impl Names for Shared {
    fn next(&self, tenant: &str, wal: (u64, u64)) -> String {
        let (incarnation, _) = self.manifest_figures();
        segment_name(
            tenant,
            incarnation,
            wal,
            self.options.env.random.next_u64() as u32,
        )
    }
}

fn report_of(inputs: &[Arc<Segment>], merged: &Merged) -> CompactionReport {
    let inputs = inputs.iter().map(|input| input.meta());
    let bytes = |meta: &SegmentMeta| meta.file_bytes.iter().sum::<u64>();
    CompactionReport {
        merges: 1,
        input_segments: inputs.clone().count() as u64,
        output_segments: merged.segments.len() as u64,
        input_spans: inputs.clone().map(|meta| meta.span_count).sum(),
        output_spans: merged.segments.iter().map(|meta| meta.span_count).sum(),
        input_bytes: inputs.map(bytes).sum(),
        output_bytes: merged.segments.iter().map(bytes).sum(),
        sampled_out_traces: 0,
        copied_spans: merged.copied_spans,
    }
}

fn note(report: &CompactionReport, job: &Job, elapsed_ns: u64) {
    if report.merges == 0 {
        return;
    }
    measure::compaction(report, elapsed_ns);
    let window = job.window.map_or_else(
        || "by start".to_owned(),
        |window| format!("from {} s", window.start_ns() / 1_000_000_000),
    );
    tracing::info!(
        window,
        input_segments = report.input_segments,
        output_segments = report.output_segments,
        input_spans = report.input_spans,
        output_spans = report.output_spans,
        input_bytes = report.input_bytes,
        output_bytes = report.output_bytes,
        sampled_out_traces = report.sampled_out_traces,
        elapsed_ms = elapsed_ns / 1_000_000,
        "merged segments"
    );
}
