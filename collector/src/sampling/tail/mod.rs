//! Tail sampling: policies over whole traces.
//!
//! ```text
//!  YAML ──▶ config ──▶ compile ──▶ drop policies ─┐
//!                                  policies ──────┴─▶ one threshold a trace ──▶ kept or not, and its weight
//! ```
//!
//! Every policy gives a trace a threshold on its random bits, the ones that head sampling uses too. What any policy keeps is kept:
//! the lowest threshold. What a drop policy drops is dropped: the highest. So the probability with which a trace was kept is known exactly
//! however many policies there are and however they overlap, and 1 / probability is the weight of its spans.
//!
//! Limits: the number of kinds and operations that are told apart is bounded by [`limits`](crate::limits); policies learn anew after a
//! start; where head sampling has removed spans of a trace, conditions see what is left of it.

mod budget;
mod case;
mod compile;
mod config;
mod facts;
mod keyed;
mod learned;
mod policy;
mod predicate;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};

use clew_storage::sampling::{StoredSampler, TailSampler, Threshold, TraceView};
use metrics::counter;

pub use case::Case;
pub use compile::InvalidPolicy;
pub use config::{PolicyConfig, PolicySetConfig, PolicyType};

use crate::metrics as names;
use case::Batch;
use facts::Facts;
use policy::Policy;

fn yes_or_no(yes: bool) -> Threshold {
    if yes {
        Threshold::KEEP_ALL
    } else {
        Threshold::KEEP_NONE
    }
}

/// What was decided about a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The threshold.
    pub threshold: Threshold,
    /// Whether the trace is kept: whether the threshold keeps its random bits.
    pub is_kept: bool,
    /// For a kept trace, which of the policies has the lowest threshold; the first of several.
    pub policy: Option<usize>,
}

/// A policy set that decides, and learns from what it sees.
#[derive(Debug)]
pub struct TailPolicies {
    /// Names of the policies that keep, as written.
    names: Vec<String>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    policies: Vec<Policy>,
    /// Drops what all policies of one of these keep.
    drops: Vec<Vec<Policy>>,
}

impl TailPolicies {
    /// The policies that `config` describes.
    ///
    /// # Errors
    /// When one of them makes no sense; tells which and why.
    pub fn new(config: &PolicySetConfig) -> Result<Self, InvalidPolicy> {
        compile::compile(config)
    }

    /// The policies that `config` describes, for traces that are stored: what they say of a trace hangs on that trace alone.
    ///
    /// # Errors
    /// When one of them makes no sense, or counts or learns from other traces; tells which and why.
    pub fn for_stored(config: &PolicySetConfig) -> Result<Self, InvalidPolicy> {
        let policies = Self::new(config)?;
        compile::alone(config, &policies.state())?;
        Ok(policies)
    }

    /// Names of the policies, in the order of [`Outcome::policy`].
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides about each of `traces`, and learns from them.
    pub fn evaluate(&self, traces: &[TraceView<'_>]) -> Vec<Outcome> {
        let mut state = self.state();
        let cases: Vec<Case> = traces.iter().map(|trace| state.case(trace)).collect();
        state.evaluate(&cases)
    }

    /// What is needed of each of `traces` to decide about it with [`TailPolicies::evaluate_cases`].
    pub fn cases(&self, traces: &[TraceView<'_>]) -> Vec<Case> {
        let state = self.state();
        traces.iter().map(|trace| state.case(trace)).collect()
    }

    /// Decides about each of `cases`, which are of this policy set, and learns from them.
    pub fn evaluate_cases(&self, cases: &[Case]) -> Vec<Outcome> {
        self.state().evaluate(cases)
    }
}

impl State {
    fn case(&self, trace: &TraceView<'_>) -> Case {
        let facts = Facts::of(trace);
        let mut answers = Vec::new();
        for policy in self.drops.iter().flatten().chain(&self.policies) {
            policy.ask(&facts, &mut answers);
        }
        Case::new(&facts, answers)
    }

    fn evaluate(&mut self, cases: &[Case]) -> Vec<Outcome> {
        let batch = &mut Batch::of(cases);
        let dropped = self.dropped(batch);
        let eligible: Vec<bool> = cases
            .iter()
            .zip(&dropped)
            .map(|(case, threshold)| threshold.keeps(case.random_bits))
            .collect();
        let lowest = self.lowest(batch, &eligible);
        let traces = cases.iter().zip(dropped).zip(lowest);
        traces
            .map(|((case, dropped), (lowest, policy))| {
                let threshold = dropped.max(lowest);
                let is_kept = threshold.keeps(case.random_bits);
                Outcome {
                    threshold,
                    is_kept,
                    policy: policy.filter(|_| is_kept),
                }
            })
            .collect()
    }

    /// The lowest threshold of each trace, and the first policy that gives it.
    fn lowest(
        &mut self,
        batch: &mut Batch<'_>,
        eligible: &[bool],
    ) -> Vec<(Threshold, Option<usize>)> {
        let mut lowest = vec![(Threshold::KEEP_NONE, None); batch.cases.len()];
        for (number, policy) in self.policies.iter_mut().enumerate() {
            let of_policy = policy.thresholds(batch, eligible);
            for (best, threshold) in lowest.iter_mut().zip(of_policy) {
                if threshold < best.0 {
                    *best = (threshold, Some(number));
                }
            }
        }
        lowest
    }

    /// The threshold of each case's kind, whatever its random bits. Exact where no policy has a budget.
    fn of_kind(&mut self, cases: &[Case]) -> Vec<Threshold> {
        let batch = &mut Batch::of(cases);
        let dropped = self.dropped(batch);
        let lowest = self.lowest(batch, &vec![true; cases.len()]);
        let both = dropped.into_iter().zip(lowest);
        both.map(|(dropped, (lowest, _))| dropped.max(lowest))
            .collect()
    }

    /// The thresholds of what the drop policies leave.
    fn dropped(&mut self, batch: &mut Batch<'_>) -> Vec<Threshold> {
        let everything = vec![true; batch.cases.len()];
        let mut left = vec![Threshold::KEEP_ALL; batch.cases.len()];
        for drop in &mut self.drops {
            let of_drop = policy::all(drop, batch, &everything);
            for (left, threshold) in left.iter_mut().zip(of_drop) {
                *left = (*left).max(threshold.complement());
            }
        }
        left
    }
}

impl TailSampler for TailPolicies {
    fn decide(&self, traces: &[TraceView<'_>]) -> Vec<Option<Threshold>> {
        let outcomes = self.evaluate(traces);
        let mut kept = vec![0; self.names.len()];
        for policy in outcomes.iter().filter_map(|outcome| outcome.policy) {
            kept[policy] += 1;
        }
        for (name, traces) in self.names.iter().zip(kept) {
            counter!(names::TAIL_POLICY_TRACES, "policy" => name.clone()).increment(traces);
        }
        let threshold = |outcome: Outcome| outcome.is_kept.then_some(outcome.threshold);
        outcomes.into_iter().map(threshold).collect()
    }
}

impl StoredSampler for TailPolicies {
    fn thresholds(&self, traces: &[TraceView<'_>]) -> Vec<Threshold> {
        let mut state = self.state();
        let cases: Vec<Case> = traces.iter().map(|trace| state.case(trace)).collect();
        state.of_kind(&cases)
    }
}
