//! Policies, each of which gives every trace of a batch a threshold.
//!
//! A threshold is exact for a trace whose random bits it keeps. For others it need only be some threshold that rejects them. That is
//! enough: of several policies the lowest threshold that keeps a trace decides, and it is exact.
//!
//! A policy is asked about eligible traces only, and gives the others [`Threshold::KEEP_NONE`]. Whether a trace is eligible depends on its
//! own random bits only by way of a threshold that then is part of the whole.

use clew_storage::sampling::Threshold;

use super::budget::{Bucket, thresholds};
use super::case::Batch;
use super::facts::Facts;
use super::keyed::{Dynamic, KeepNPer, used};
use super::learned::{Rare, RelativeLatency};
use super::predicate::Predicate;

/// A policy and what it has learned.
#[derive(Debug)]
pub(super) enum Policy {
    Matches(Predicate),
    Share(Threshold),
    Limit(Limit),
    /// What all of them keep, each asked about what those before it keep.
    All(Vec<Policy>),
    /// The complementary share.
    Complement(Box<Policy>),
    Composite(Vec<Part>),
    KeepNPer(KeepNPer),
    Dynamic(Dynamic),
    RelativeLatency(RelativeLatency),
    Rare(Rare),
}

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Spans,
    Bytes,
}

/// So many spans or bytes a second.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) unit: Unit,
    pub(super) rate: f64,
    pub(super) burst: f64,
    pub(super) bucket: Option<Bucket>,
}

/// One policy of a composite, and its budget.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) policy: Policy,
    pub(super) limit: Limit,
}

impl Policy {
    /// What the policy has to know of a trace: one answer for each of its leaves, in the order in which [`Policy::thresholds`] asks for them.
    pub(super) fn ask(&self, facts: &Facts<'_>, answers: &mut Vec<u64>) {
        match self {
            Self::Matches(predicate) => answers.push(u64::from(predicate.is_met(facts))),
            Self::Share(_) => {}
            Self::Limit(limit) => answers.push(limit.size(facts)),
            Self::All(policies) => {
                for policy in policies {
                    policy.ask(facts, answers);
                }
            }
            Self::Complement(policy) => policy.ask(facts, answers),
            Self::Composite(parts) => {
                for Part { policy, limit } in parts {
                    policy.ask(facts, answers);
                    answers.push(limit.size(facts));
                }
            }
            Self::KeepNPer(policy) => answers.push(policy.key.of(facts)),
            Self::Dynamic(policy) => answers.push(policy.key.of(facts)),
            Self::RelativeLatency(policy) => answers.push(policy.kind(facts)),
            Self::Rare(policy) => answers.push(policy.kind(facts)),
        }
    }

    /// The threshold of each trace.
    pub(super) fn thresholds(
        &mut self,
        batch: &mut Batch<'_>,
        eligible: &[bool],
    ) -> Vec<Threshold> {
        match self {
            Self::Matches(_) => {
                let asked = batch.question();
                let is_met = |(case, eligible): (usize, &bool)| {
                    super::yes_or_no(*eligible && batch.answer(asked, case) != 0)
                };
                eligible.iter().enumerate().map(is_met).collect()
            }
            Self::Share(threshold) => {
                let share = |eligible: &bool| {
                    if *eligible {
                        *threshold
                    } else {
                        Threshold::KEEP_NONE
                    }
                };
                eligible.iter().map(share).collect()
            }
            Self::Limit(limit) => limit.thresholds(batch, eligible),
            Self::All(policies) => all(policies, batch, eligible),
            Self::Complement(policy) => {
                let of_policy = policy.thresholds(batch, eligible).into_iter();
                let complement = |(threshold, eligible): (Threshold, &bool)| {
                    if *eligible {
                        threshold.complement()
                    } else {
                        Threshold::KEEP_NONE
                    }
                };
                of_policy.zip(eligible).map(complement).collect()
            }
            Self::Composite(parts) => composite(parts, batch, eligible),
            Self::KeepNPer(policy) => policy.thresholds(batch, eligible),
            Self::Dynamic(policy) => policy.thresholds(batch, eligible),
            Self::RelativeLatency(policy) => policy.thresholds(batch, eligible),
            Self::Rare(policy) => policy.thresholds(batch, eligible),
        }
    }

    /// True when what it says of a trace hangs on no other trace.
    pub(super) fn is_alone(&self) -> bool {
        match self {
            Self::Matches(_) | Self::Share(_) => true,
            Self::All(policies) => policies.iter().all(Self::is_alone),
            Self::Complement(policy) => policy.is_alone(),
            Self::Limit(_)
            | Self::Composite(_)
            | Self::KeepNPer(_)
            | Self::Dynamic(_)
            | Self::RelativeLatency(_)
            | Self::Rare(_) => false,
        }
    }

    /// True when a trace's threshold depends on the other traces' random bits, so that there is no complement of what it keeps.
    pub(super) fn has_budget(&self) -> bool {
        match self {
            Self::Matches(_) | Self::Share(_) | Self::RelativeLatency(_) | Self::Rare(_) => false,
            Self::Limit(_) | Self::Composite(_) | Self::KeepNPer(_) | Self::Dynamic(_) => true,
            Self::All(policies) => policies.iter().any(Self::has_budget),
            Self::Complement(policy) => policy.has_budget(),
        }
    }
}

/// What all `policies` keep.
pub(super) fn all(
    policies: &mut [Policy],
    batch: &mut Batch<'_>,
    eligible: &[bool],
) -> Vec<Threshold> {
    let mut left = eligible.to_vec();
    let mut found: Vec<_> = left.iter().map(|yes| super::yes_or_no(*yes)).collect();
    for policy in policies {
        // Only a budget has to know what is left for it. All others give each trace the same threshold whatever its random bits, so that
        // there is an exact complement.
        let asked = if policy.has_budget() { &left } else { eligible };
        let of_policy = policy.thresholds(batch, asked);
        for (place, threshold) in of_policy.into_iter().enumerate() {
            found[place] = found[place].max(threshold);
            left[place] &= found[place].keeps(batch.cases[place].random_bits);
        }
    }
    found
}

/// The first part whose policy can keep a trace decides about it, within the part's budget.
fn composite(parts: &mut [Part], batch: &mut Batch<'_>, eligible: &[bool]) -> Vec<Threshold> {
    let mut left = eligible.to_vec();
    let mut found = vec![Threshold::KEEP_NONE; left.len()];
    for Part { policy, limit } in parts {
        let of_policy = policy.thresholds(batch, &left);
        let is_candidate: Vec<bool> = batch
            .cases
            .iter()
            .zip(&of_policy)
            .map(|(case, threshold)| threshold.keeps(case.random_bits))
            .collect();
        let of_budget = limit.thresholds(batch, &is_candidate);
        for place in 0..left.len() {
            if of_policy[place] < Threshold::KEEP_NONE {
                left[place] = false;
                found[place] = of_policy[place].max(of_budget[place]);
            }
        }
    }
    found
}

impl Limit {
    /// What a trace takes of the budget.
    fn size(&self, facts: &Facts<'_>) -> u64 {
        match self.unit {
            Unit::Spans => facts.trace.span_count() as u64,
            Unit::Bytes => facts.payload_bytes(),
        }
    }

    fn thresholds(&mut self, batch: &mut Batch<'_>, eligible: &[bool]) -> Vec<Threshold> {
        let asked = batch.question();
        let Self { rate, burst, .. } = *self;
        let bucket = self
            .bucket
            .get_or_insert_with(|| Bucket::new(rate, burst, batch.came.0));
        let places: Vec<_> = (0..eligible.len())
            .filter(|place| eligible[*place])
            .collect();
        let candidate = |place: &usize| {
            let size = batch.answer(asked, *place);
            batch.cases[*place].candidate(size as f64)
        };
        let candidates: Vec<_> = places.iter().map(candidate).collect();
        let of_budget = thresholds(&candidates, bucket.refill(batch.came));
        bucket.take(used(&candidates, &of_budget));
        let mut found = vec![Threshold::KEEP_NONE; eligible.len()];
        for (place, threshold) in places.into_iter().zip(of_budget) {
            found[place] = threshold;
        }
        found
    }
}
