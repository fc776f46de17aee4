//! Tail sampling inside the store: when an epoch's traces are decided about, with what in view, and what a flush then keeps.
//!
//! ```text
//!                  ┌─ decided before ──────────────────────────────────▶ as then ─┐
//!  oldest epoch ───┤                                                              ├─▶ segment, decisions: one commit
//!                  └─ not yet: its spans in the whole hot window ──▶ sampler ─────┘
//! ```
//!
//! When that is, `next` says. Undecided spans are in the log and in the hot window, or in undecided segments (`spill`): durable, and visible. At shutdown
//! they stay there, and the next start waits anew.
//!
//! Pinned traces are kept whatever the sampler says, and stand for nobody but themselves. A pin that is made while a flush is under way
//! holds too: the flush commits only if it drops nothing that is pinned at that moment, and is otherwise written anew.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::spill::Spilled;
use crate::batch::SpanBatch;
use crate::env::Env;
use crate::ids::TraceId;
use crate::measure;
use crate::policy::{FlushPolicy, TraceFacts, Weighing};
use crate::sampling::decisions::{Decision, Decisions};
use crate::sampling::{SpanSet, TailSampling, Threshold, TraceView};

/// Tail sampling of a running store.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) options: TailSampling,
    decisions: Mutex<Decisions>,
    pub(super) spilled: Mutex<Spilled>,
}

/// What is decided about one trace of an epoch.
#[derive(Debug, Clone, Copy)]
struct Verdict {
    kept: Option<Threshold>,
    /// True when the decision is an earlier one.
    is_late: bool,
    /// Spans of the trace in the epoch.
    spans: u64,
}

/// What is decided about the traces of an epoch.
#[derive(Debug)]
pub(super) struct Verdicts(HashMap<TraceId, Verdict>);

impl Verdicts {
    /// Whether the trace `id` is kept.
    pub(super) fn keeps(&self, id: TraceId) -> bool {
        self.0.get(&id).is_none_or(|verdict| verdict.kept.is_some())
    }

    /// True when one of these traces is dropped.
    pub(super) fn drop_any(&self, ids: &BTreeSet<TraceId>) -> bool {
        ids.iter().any(|id| !self.keeps(*id))
    }

    /// Keeps these traces whatever was decided.
    pub(super) fn keep(&mut self, ids: &BTreeSet<TraceId>) {
        for id in ids {
            if let Some(verdict) = self.0.get_mut(id) {
                verdict.kept.get_or_insert(Threshold::KEEP_ALL);
            }
        }
    }

    fn figures(&self) -> measure::TailFigures {
        let mut figures = measure::TailFigures::default();
        for verdict in self.0.values() {
            let is_kept = verdict.kept.is_some();
            if verdict.is_late {
                figures.late(is_kept, verdict.spans);
            } else {
                figures.decided(is_kept, verdict.spans);
            }
        }
        figures
    }
}

impl FlushPolicy for Verdicts {
    fn decide(&self, trace: &TraceFacts<'_>) -> Option<Weighing> {
        // A trace without a verdict would be a fault of this module; it is better kept than lost.
        let verdict = self.0.get(&trace.trace_id).map(|verdict| verdict.kept);
        verdict
            .unwrap_or(Some(Threshold::KEEP_ALL))
            .map(Weighing::passed)
    }
}

impl Tail {
    pub(super) fn new(options: TailSampling) -> Self {
        measure::tail_limits(options.decisions_max);
        Self {
            decisions: Mutex::new(Decisions::new(
                options.decisions_max,
                options.decision_age.as_nanos() as u64,
            )),
            options,
            spilled: Mutex::default(),
        }
    }

    fn decisions(&self) -> MutexGuard<'_, Decisions> {
        self.decisions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes decisions that an earlier process made durable in `file`.
    pub(super) fn load(&self, decisions: &[Decision], made_at_unix_nano: u64, file: &str) {
        let file = Some(file.to_owned());
        self.decisions()
            .remember(decisions, made_at_unix_nano, file);
    }

    /// Decides about every trace with spans in `batches`; `later` is what arrived after them. Those in `pinned` are kept.
    pub(super) fn decide(
        &self,
        env: &Env,
        pinned: &BTreeSet<TraceId>,
        batches: &[Arc<SpanBatch>],
        later: &[Arc<SpanBatch>],
    ) -> Verdicts {
        let now = env.clock.now_unix_nano();
        let mut verdicts = self.decided_before(now, batches);
        let window: Vec<_> = batches.iter().chain(later).cloned().collect();
        let is_open = |id: TraceId| verdicts.0.get(&id).is_some_and(|verdict| !verdict.is_late);
        let set = SpanSet::of_traces(&window, is_open);
        let traces: Vec<TraceView<'_>> = set.traces().collect();
        let thresholds = self.options.sampler.decide(&traces);
        let mut made = Vec::with_capacity(traces.len());
        for (trace, kept) in traces.iter().zip(thresholds) {
            let id = trace.trace_id();
            let kept = if pinned.contains(&id) {
                Some(Threshold::KEEP_ALL)
            } else {
                kept
            };
            if let Some(verdict) = verdicts.0.get_mut(&id) {
                verdict.kept = kept;
            }
            made.push(Decision::new(id, kept));
        }
        let forgotten = self.decisions().remember(&made, now, None);
        measure::tail_forgotten(forgotten);
        verdicts.keep(pinned);
        verdicts
    }

    /// The traces of `batches`: those that were decided about before with the decision, the others as kept.
    fn decided_before(&self, now_unix_nano: u64, batches: &[Arc<SpanBatch>]) -> Verdicts {
        let mut verdicts: HashMap<TraceId, Verdict> = HashMap::new();
        for batch in batches {
            for row in 0..batch.len() {
                let verdict = verdicts.entry(batch.trace_id(row)).or_insert(Verdict {
                    kept: Some(Threshold::KEEP_ALL),
                    is_late: false,
                    spans: 0,
                });
                verdict.spans += 1;
            }
        }
        let mut decisions = self.decisions();
        decisions.forget_old(now_unix_nano);
        for (id, verdict) in &mut verdicts {
            if let Some(decision) = decisions.get(*id) {
                verdict.kept = decision.kept();
                verdict.is_late = true;
            }
        }
        Verdicts(verdicts)
    }

    /// Decisions that no file holds yet.
    pub(super) fn not_durable(&self) -> Vec<Decision> {
        self.decisions().not_durable()
    }

    /// The verdicts have been acted on, and are durable in `file`.
    pub(super) fn committed(&self, verdicts: &Verdicts, file: Option<&str>) {
        let mut decisions = self.decisions();
        if let Some(file) = file {
            decisions.durable(file);
        }
        measure::tail(&verdicts.figures(), decisions.len());
    }

    /// True while `file` holds decisions that are remembered.
    pub(super) fn needs(&self, file: &str) -> bool {
        self.decisions().are_in(file)
    }
}
