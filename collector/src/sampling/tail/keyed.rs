//! Policies that treat traces by kind. A kind is the hash of the values of a key; two kinds of one hash are treated as one, which costs
//! nothing but that they share a budget.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use clew_storage::sampling::Threshold;

use super::budget::{Bucket, Candidate, thresholds};
use super::case::{Batch, Place};
use super::facts::Facts;
use crate::limits::TAIL_KEYS_MAX;

/// Kinds beyond the bound are one kind together.
const OVERFLOW: u64 = 0;

/// What makes the kind of a trace.
#[derive(Debug, Clone)]
pub(super) struct Key {
    parts: Vec<KeyPart>,
}

#[derive(Debug, Clone)]
enum KeyPart {
    Service,
    Operation,
    Status,
    Attribute(String),
}

impl Key {
    pub(super) fn new(parts: &[String]) -> Self {
        let part = |name: &String| match name.as_str() {
            "service" => KeyPart::Service,
            "operation" => KeyPart::Operation,
            "status" => KeyPart::Status,
            key => KeyPart::Attribute(key.to_owned()),
        };
        Self {
            parts: parts.iter().map(part).collect(),
        }
    }

    pub(super) fn of(&self, facts: &Facts<'_>) -> u64 {
        let mut hasher = DefaultHasher::new();
        for part in &self.parts {
            let value = match part {
                KeyPart::Service => Some(facts.root.service_name()),
                KeyPart::Operation => Some(facts.root.name()),
                KeyPart::Status => Some(facts.root.status_code()),
                KeyPart::Attribute(key) => facts.attribute(key),
            };
            value.hash(&mut hasher);
        }
        hasher.finish().max(OVERFLOW + 1)
    }
}

/// The eligible traces of each kind, in the order of the batch.
fn by_kind(asked: Place, batch: &Batch<'_>, eligible: &[bool]) -> BTreeMap<u64, Vec<usize>> {
    let mut kinds: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for place in (0..batch.cases.len()).filter(|place| eligible[*place]) {
        let kind = batch.answer(asked, place);
        kinds.entry(kind).or_default().push(place);
    }
    kinds
}

/// Keeps so many traces of each kind in a time.
#[derive(Debug)]
pub(super) struct KeepNPer {
    pub(super) key: Key,
    pub(super) traces: f64,
    pub(super) period_s: f64,
    pub(super) buckets: HashMap<u64, Bucket>,
}

impl KeepNPer {
    pub(super) fn thresholds(
        &mut self,
        batch: &mut Batch<'_>,
        eligible: &[bool],
    ) -> Vec<Threshold> {
        let mut found = vec![Threshold::KEEP_NONE; batch.cases.len()];
        let mut known: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        let asked = batch.question();
        let kinds = by_kind(asked, batch, eligible);
        self.make_room(kinds.len(), batch.came.0);
        for (kind, mut places) in kinds {
            let kind = self.place_of(kind, batch);
            known.entry(kind).or_default().append(&mut places);
        }
        for (kind, places) in known {
            let Some(bucket) = self.buckets.get_mut(&kind) else {
                continue;
            };
            let candidate = |place: &usize| batch.cases[*place].candidate(1.0);
            let candidates: Vec<_> = places.iter().map(candidate).collect();
            let of_kind = thresholds(&candidates, bucket.refill(batch.came));
            bucket.take(used(&candidates, &of_kind));
            for (place, threshold) in places.into_iter().zip(of_kind) {
                found[place] = threshold;
            }
        }
        found
    }

    /// Forgets kinds that are as good as new, when there may be too many with `more` of them.
    fn make_room(&mut self, more: usize, now_unix_nano: i64) {
        if self.buckets.len() + more > TAIL_KEYS_MAX {
            self.buckets
                .retain(|_, bucket| !bucket.is_full(now_unix_nano));
        }
    }

    /// The kind under which the budget of `kind` is kept, which has one then.
    fn place_of(&mut self, kind: u64, batch: &Batch<'_>) -> u64 {
        let has_room = self.buckets.len() < TAIL_KEYS_MAX;
        let kind = if has_room || self.buckets.contains_key(&kind) {
            kind
        } else {
            OVERFLOW
        };
        let rate = self.traces / self.period_s;
        let traces = self.traces;
        self.buckets
            .entry(kind)
            .or_insert_with(|| Bucket::new(rate, traces, batch.came.0));
        kind
    }
}

/// What is taken of a budget.
pub(super) fn used(candidates: &[Candidate], thresholds: &[Threshold]) -> f64 {
    let kept = candidates.iter().zip(thresholds);
    let kept = kept.filter(|(candidate, threshold)| threshold.keeps(candidate.random_bits));
    kept.map(|(candidate, _)| candidate.size).sum()
}

/// Keeps so many traces a second over all kinds. Each kind has a part that grows with the logarithm of its number, so that rare kinds are
/// kept whole and frequent ones thinned most.
#[derive(Debug)]
pub(super) struct Dynamic {
    pub(super) key: Key,
    pub(super) traces_per_second: f64,
    pub(super) bucket: Option<Bucket>,
}

impl Dynamic {
    /// Unused traces of so many seconds may be kept later.
    const CARRY_S: f64 = 60.0;

    pub(super) fn thresholds(
        &mut self,
        batch: &mut Batch<'_>,
        eligible: &[bool],
    ) -> Vec<Threshold> {
        let asked = batch.question();
        let rate = self.traces_per_second;
        let bucket = self.bucket.get_or_insert_with(|| {
            Bucket::new(rate, (rate * Self::CARRY_S).max(1.0), batch.came.0)
        });
        let kinds: Vec<_> = by_kind(asked, batch, eligible).into_values().collect();
        let counts: Vec<_> = kinds.iter().map(Vec::len).collect();
        let shares = shares(&counts, bucket.refill(batch.came));
        let mut found = vec![Threshold::KEEP_NONE; batch.cases.len()];
        let mut kept = 0.0;
        for (places, share) in kinds.into_iter().zip(shares) {
            for place in places {
                let case = &batch.cases[place];
                found[place] = if share >= 1.0 {
                    Threshold::KEEP_ALL
                } else {
                    case.applied.tightened(share)
                };
                kept += f64::from(u8::from(found[place].keeps(case.random_bits)));
            }
        }
        bucket.take(kept);
        found
    }
}

/// The share of each kind that is kept so that `budget` traces are kept in all.
fn shares(counts: &[usize], budget: f64) -> Vec<f64> {
    let part = |count: usize| 1.0 + (count as f64).ln();
    // Kinds that need no more than their part are kept whole, and leave more for the others.
    let mut order: Vec<usize> = (0..counts.len()).collect();
    let need = |place: usize| counts[place] as f64 / part(counts[place]);
    order.sort_by(|left, right| need(*left).total_cmp(&need(*right)));
    let mut parts: f64 = counts.iter().map(|count| part(*count)).sum();
    let mut left = budget;
    let mut shares = vec![1.0; counts.len()];
    for place in order {
        let count = counts[place] as f64;
        let granted = left * part(counts[place]) / parts;
        shares[place] = (granted / count).min(1.0);
        left -= granted.min(count);
        parts -= part(counts[place]);
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_spend_the_budget_and_keep_rare_kinds_whole() {
        let counts = [10_000, 100, 2, 1];
        let shares = shares(&counts, 60.0);
        let kept: f64 = counts.iter().zip(&shares).map(|(n, p)| *n as f64 * p).sum();
        assert!((kept - 60.0).abs() < 1e-6, "{kept}");
        assert_eq!(&shares[2..], [1.0, 1.0]);
        assert!(shares[0] < shares[1] && shares[1] < 1.0, "{shares:?}");
        assert_eq!(super::shares(&[3, 4], 7.0), [1.0, 1.0]);
        assert_eq!(super::shares(&[], 1.0), [0.0; 0]);
        assert!(super::shares(&[5], 0.001)[0] > 0.0);
    }
}
