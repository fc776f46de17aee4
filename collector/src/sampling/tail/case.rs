//! A trace reduced to what a policy set asks of it, so that it can be decided about when its spans are no longer at hand.
//!
//! The policies of a set are asked in one order, always the same: each leaf of a policy gives one answer, and finds it again at the same place
//! when it decides.

use clew_storage::sampling::Threshold;

use super::budget::Candidate;
use super::facts::Facts;

/// What is left of a trace: some 100 bytes.
#[derive(Debug, Clone)]
pub struct Case {
    pub(super) random_bits: u64,
    /// What sampling before this has kept the trace with.
    pub(super) applied: Threshold,
    /// When the latest span arrived, ns since the epoch.
    pub(super) arrived_at_unix_nano: i64,
    /// When the root span began, ns since the epoch.
    pub(super) root_start_unix_nano: u64,
    pub(super) duration_ns: u64,
    /// Yes or no, a number or a kind, as the policy that asked understands it.
    answers: Box<[u64]>,
}

impl Case {
    pub(super) fn new(facts: &Facts<'_>, answers: Vec<u64>) -> Self {
        Self {
            random_bits: facts.random_bits,
            applied: facts.applied,
            arrived_at_unix_nano: facts.arrived_at_unix_nano,
            root_start_unix_nano: facts.root.start_time_unix_nano(),
            duration_ns: facts.duration_ns,
            answers: answers.into(),
        }
    }

    /// When the trace was complete, ns since the epoch.
    #[must_use]
    pub fn arrived_at_unix_nano(&self) -> i64 {
        self.arrived_at_unix_nano
    }

    /// What sampling has kept the trace with until now: the highest threshold of its spans.
    #[must_use]
    pub fn applied(&self) -> Threshold {
        self.applied
    }

    pub(super) fn candidate(&self, size: f64) -> Candidate {
        Candidate {
            random_bits: self.random_bits,
            applied: self.applied,
            size,
        }
    }
}

/// Cases that are decided about together.
pub(super) struct Batch<'a> {
    pub(super) cases: &'a [Case],
    /// When the earliest and the latest of them was complete, ns since the epoch.
    pub(super) came: (i64, i64),
    /// Place of the next answer.
    next: usize,
}

/// Place of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(usize);

impl<'a> Batch<'a> {
    pub(super) fn of(cases: &'a [Case]) -> Self {
        let came = || cases.iter().map(|case| case.arrived_at_unix_nano);
        Self {
            cases,
            came: (came().min().unwrap_or(0), came().max().unwrap_or(0)),
            next: 0,
        }
    }

    /// The place of the answers to the question that is next in the order.
    pub(super) fn question(&mut self) -> Place {
        self.next += 1;
        Place(self.next - 1)
    }

    /// What case number `case` answered.
    pub(super) fn answer(&self, place: Place, case: usize) -> u64 {
        self.cases[case].answers.get(place.0).copied().unwrap_or(0)
    }
}
