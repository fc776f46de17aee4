//! Policies that compare a trace with what was seen before. What they know is in memory only: after a start they learn anew.
//!
//! All traces are learned from, whether or not they can be kept. What is known lies in two windows, the present one and the one before
//! it; when a window ends, the older one is forgotten.

use std::collections::HashMap;

use clew_storage::histogram::Histogram;
use clew_storage::sampling::Threshold;

use super::case::Batch;
use super::facts::Facts;
use super::keyed::Key;
use crate::limits::{TAIL_KEYS_MAX, TAIL_OPERATIONS_MAX};

/// Something known of each kind, in the present window and the one before it.
#[derive(Debug)]
struct Windows<T> {
    window_ns: i64,
    kinds_max: usize,
    began_unix_nano: Option<i64>,
    present: HashMap<u64, T>,
    past: HashMap<u64, T>,
}

impl<T: Default> Windows<T> {
    fn new(window_s: f64, kinds_max: usize) -> Self {
        Self {
            window_ns: (window_s * 1e9) as i64,
            kinds_max,
            began_unix_nano: None,
            present: HashMap::new(),
            past: HashMap::new(),
        }
    }

    fn turn(&mut self, now_unix_nano: i64) {
        let began = *self.began_unix_nano.get_or_insert(now_unix_nano);
        let age = now_unix_nano.saturating_sub(began);
        if age < self.window_ns {
            return;
        }
        self.past = std::mem::take(&mut self.present);
        if age >= self.window_ns.saturating_mul(2) {
            self.past.clear();
        }
        self.began_unix_nano = Some(now_unix_nano);
    }

    fn of(&self, kind: u64) -> [Option<&T>; 2] {
        [self.present.get(&kind), self.past.get(&kind)]
    }

    /// What is known of `kind` in the present window; `None` when there is no room for one more kind.
    fn present(&mut self, kind: u64) -> Option<&mut T> {
        if self.present.len() >= self.kinds_max && !self.present.contains_key(&kind) {
            return None;
        }
        Some(self.present.entry(kind).or_default())
    }
}

/// Keeps traces that took longer than a multiple of a quantile of what their operation took lately.
#[derive(Debug)]
pub(super) struct RelativeLatency {
    quantile: f64,
    factor: f64,
    traces_min: f64,
    operation: Key,
    durations: Windows<Histogram>,
}

impl RelativeLatency {
    pub(super) fn new(quantile: f64, factor: f64, traces_min: u64, window_s: f64) -> Self {
        Self {
            quantile,
            factor,
            traces_min: traces_min as f64,
            operation: Key::new(&["service".to_owned(), "operation".to_owned()]),
            durations: Windows::new(window_s, TAIL_OPERATIONS_MAX),
        }
    }

    /// The operation, which decides what is slow.
    pub(super) fn kind(&self, facts: &Facts<'_>) -> u64 {
        self.operation.of(facts)
    }

    pub(super) fn thresholds(
        &mut self,
        batch: &mut Batch<'_>,
        eligible: &[bool],
    ) -> Vec<Threshold> {
        let asked = batch.question();
        self.durations.turn(batch.came.1);
        let mut bounds: HashMap<u64, Option<f64>> = HashMap::new();
        let mut found = Vec::with_capacity(batch.cases.len());
        for (place, case) in batch.cases.iter().enumerate() {
            let kind = batch.answer(asked, place);
            let bound = *bounds.entry(kind).or_insert_with(|| self.bound(kind));
            let is_slow = bound.is_some_and(|bound| case.duration_ns as f64 > bound);
            found.push(super::yes_or_no(is_slow && eligible[place]));
        }
        for (place, case) in batch.cases.iter().enumerate() {
            if let Some(durations) = self.durations.present(batch.answer(asked, place)) {
                let duration_ns = i64::try_from(case.duration_ns).unwrap_or(i64::MAX);
                durations.record(duration_ns, case.applied.weight());
            }
        }
        found
    }

    /// What a trace of this operation has to take longer than, ns; `None` while too few are known.
    fn bound(&self, kind: u64) -> Option<f64> {
        let mut all = Histogram::default();
        for known in self.durations.of(kind).into_iter().flatten() {
            all.merge(known);
        }
        let all = all.finish();
        let enough = all.total() as f64 >= self.traces_min;
        enough
            .then(|| all.quantile(self.quantile))
            .flatten()
            .map(|bound| bound * self.factor)
    }
}

/// Keeps traces of a kind of which few were seen lately.
#[derive(Debug)]
pub(super) struct Rare {
    key: Key,
    traces: u64,
    seen: Windows<u64>,
}

impl Rare {
    pub(super) fn new(key: Key, traces: u64, window_s: f64) -> Self {
        Self {
            key,
            traces,
            seen: Windows::new(window_s, TAIL_KEYS_MAX),
        }
    }

    pub(super) fn kind(&self, facts: &Facts<'_>) -> u64 {
        self.key.of(facts)
    }

    pub(super) fn thresholds(
        &mut self,
        batch: &mut Batch<'_>,
        eligible: &[bool],
    ) -> Vec<Threshold> {
        let asked = batch.question();
        self.seen.turn(batch.came.1);
        let mut order: Vec<usize> = (0..batch.cases.len()).collect();
        order.sort_by_key(|place| batch.cases[*place].root_start_unix_nano);
        let mut found = vec![Threshold::KEEP_NONE; batch.cases.len()];
        for place in order {
            let kind = batch.answer(asked, place);
            let seen: u64 = self.seen.of(kind).into_iter().flatten().sum();
            // A kind for which there is no room is taken for a frequent one: too many kinds means that none of them is special.
            let counted = self.seen.present(kind).map(|count| *count += 1);
            let is_rare = counted.is_some() && seen < self.traces;
            found[place] = super::yes_or_no(is_rare && eligible[place]);
        }
        found
    }
}
