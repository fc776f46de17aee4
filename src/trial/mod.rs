//! Trying policies of tail sampling on what is stored: what they would keep, and how wrong counts of the kept spans would be.
//!
//! ```text
//!  snapshot ──▶ traces, some thousand at a time ──▶ what the policies ask, and amounts ──▶ by arrival ──▶ decided together as a flush would
//! ```
//!
//! Nothing is changed. Stored spans may have been sampled before: their weights count, but what was dropped cannot come back.
//!
//! Limits: [`TRACES_TOGETHER`] traces are decided about in the order in which they arrived, in some 150 bytes each; of more, so many at a time in the order of
//! the segments, so that budgets by the second come out about right only. [`SERVICES_MAX`] services are told apart.

mod report;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clew_collector::tail::{Case, Outcome, PolicySetConfig, TailPolicies};
use clew_storage::Store;
use clew_storage::sampling::{SpanSet, Threshold, TraceView};

pub(crate) use report::{Amount, OfPolicy, OfService, TrialReport};

/// Traces that are decided about in the order of their arrival.
const TRACES_TOGETHER: usize = 1_000_000;
/// Services that are told apart.
const SERVICES_MAX: usize = 1_000;
/// Stands for all others.
const OTHER: &str = "(other)";

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The policies make no sense.
    Policies(String),
    /// The caller has said that nobody waits any more.
    GivenUp,
}

/// Decides about the traces of the last `last` as the policies would, those that arrive within `epoch` of each other together, until
/// `given_up`. Blocks.
pub(crate) fn try_policies(
    store: &Store,
    policies: &PolicySetConfig,
    last: Duration,
    epoch: Duration,
    given_up: &AtomicBool,
) -> Result<TrialReport, Fault> {
    let now = store.env().clock.now_unix_nano();
    let last_ns = u64::try_from(last.as_nanos()).unwrap_or(u64::MAX);
    let since = i64::try_from(now.saturating_sub(last_ns)).unwrap_or(i64::MAX);
    let mut trial = Trial::new(policies, since, epoch)?;
    let rehearsed = store.snapshot().rehearse(since, &mut |set| {
        trial.take(set);
        !given_up.load(Ordering::Relaxed)
    });
    if !rehearsed.is_complete {
        return Err(Fault::GivenUp);
    }
    Ok(trial.finish(rehearsed.unreadable))
}

/// What one trace has of one service, of spans of one weight.
#[derive(Debug, Clone, Copy)]
struct Share {
    service: u32,
    spans: u32,
    bytes: u64,
    weight: f64,
}

/// A trace that waits for its decision.
#[derive(Debug)]
struct Waiting {
    case: Case,
    /// Its places in the list of shares.
    shares: Range<usize>,
}

struct Trial {
    policies: TailPolicies,
    since: i64,
    epoch_ns: i64,
    /// Of each policy.
    kept: Vec<Amount>,
    names: BTreeMap<String, u32>,
    services: Vec<OfService>,
    waiting: Vec<Waiting>,
    shares: Vec<Share>,
    report: TrialReport,
}

impl Trial {
    fn new(policies: &PolicySetConfig, since: i64, epoch: Duration) -> Result<Self, Fault> {
        let policies =
            TailPolicies::new(policies).map_err(|error| Fault::Policies(error.to_string()))?;
        Ok(Self {
            kept: vec![Amount::default(); policies.names().len()],
            policies,
            since,
            epoch_ns: i64::try_from(epoch.as_nanos()).unwrap_or(i64::MAX).max(1),
            names: BTreeMap::new(),
            services: Vec::new(),
            waiting: Vec::new(),
            shares: Vec::new(),
            report: TrialReport {
                since_unix_nano: since,
                ..TrialReport::default()
            },
        })
    }

    fn take(&mut self, set: &SpanSet<'_>) {
        let traces: Vec<TraceView<'_>> = set.traces().collect();
        let cases = self.policies.cases(&traces);
        for (trace, case) in traces.iter().zip(cases) {
            if case.arrived_at_unix_nano() < self.since {
                continue;
            }
            let shares = self.add_shares(trace);
            self.waiting.push(Waiting { case, shares });
        }
        if self.waiting.len() >= TRACES_TOGETHER {
            self.decide();
        }
    }

    fn add_shares(&mut self, trace: &TraceView<'_>) -> Range<usize> {
        let first = self.shares.len();
        for span in trace.spans() {
            let (service, weight) = (self.service(span.service_name()), span.sample_weight());
            let bytes = span.payload_bytes() as u64;
            let known = self.shares[first..].iter_mut().find(|share| {
                share.service == service && share.weight.to_bits() == weight.to_bits()
            });
            if let Some(share) = known {
                share.spans += 1;
                share.bytes += bytes;
            } else {
                self.shares.push(Share {
                    service,
                    spans: 1,
                    bytes,
                    weight,
                });
            }
        }
        first..self.shares.len()
    }

    /// The number of a service, the same for all beyond the bound.
    fn service(&mut self, name: &str) -> u32 {
        if let Some(number) = self.names.get(name) {
            return *number;
        }
        if self.services.len() > SERVICES_MAX {
            return SERVICES_MAX as u32;
        }
        let number = self.services.len() as u32;
        let is_one_more = self.services.len() == SERVICES_MAX;
        let name = if is_one_more { OTHER } else { name };
        if !is_one_more {
            self.names.insert(name.to_owned(), number);
        }
        self.services.push(OfService {
            name: name.to_owned(),
            ..OfService::default()
        });
        number
    }

    /// Decides about all that wait, in the order of arrival.
    fn decide(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|waiting| waiting.case.arrived_at_unix_nano());
        let mut left = waiting.as_slice();
        while let Some(first) = left.first() {
            let end = first
                .case
                .arrived_at_unix_nano()
                .saturating_add(self.epoch_ns);
            let count = left.partition_point(|next| next.case.arrived_at_unix_nano() < end);
            let (together, later) = left.split_at(count.max(1));
            left = later;
            let cases: Vec<Case> = together.iter().map(|next| next.case.clone()).collect();
            let outcomes = self.policies.evaluate_cases(&cases);
            for (next, outcome) in together.iter().zip(outcomes) {
                self.decided(next.shares.clone(), outcome);
            }
        }
        self.shares.clear();
    }

    fn decided(&mut self, shares: Range<usize>, outcome: Outcome) {
        let mut trace = Amount {
            traces: 1,
            ..Amount::default()
        };
        let shares = &mut self.shares[shares];
        shares.sort_unstable_by_key(|share| share.service);
        for of_service in shares.chunk_by(|one, other| one.service == other.service) {
            let part = PartOf::of(of_service, outcome.threshold);
            trace.spans += part.amount.spans;
            trace.bytes += part.amount.bytes;
            if let Some(service) = self.services.get_mut(of_service[0].service as usize) {
                part.add_to(service, outcome.is_kept);
            }
        }
        self.report.all.add(trace);
        if outcome.is_kept {
            self.report.kept.add(trace);
        }
        if let Some(policy) = outcome.policy {
            self.kept[policy].add(trace);
        }
    }

    fn finish(mut self, unreadable: Vec<String>) -> TrialReport {
        self.decide();
        let mut services = self.services;
        for service in &mut services {
            service.standard_error = service.standard_error.sqrt();
        }
        services.sort_by(|left, right| left.name.cmp(&right.name));
        let names = self.policies.names().iter().cloned();
        TrialReport {
            policies: names
                .zip(self.kept)
                .map(|(name, kept)| OfPolicy { name, kept })
                .collect(),
            services,
            unreadable,
            ..self.report
        }
    }
}

/// What a trace has of one service.
struct PartOf {
    amount: Amount,
    /// Sum of the weights now, and as they would be once it is kept.
    count: f64,
    estimated_count: f64,
}

impl PartOf {
    fn of(shares: &[Share], threshold: Threshold) -> Self {
        let mut part = Self {
            amount: Amount {
                traces: 1,
                ..Amount::default()
            },
            count: 0.0,
            estimated_count: 0.0,
        };
        for share in shares {
            let spans = f64::from(share.spans);
            part.amount.spans += u64::from(share.spans);
            part.amount.bytes += share.bytes;
            part.count += spans * share.weight;
            part.estimated_count += spans * threshold.raise(share.weight);
        }
        part
    }

    /// The variance of the estimate is the sum of n² (1 - p) / p over all traces, of which the kept ones, each with the weight 1 / p, give an
    /// unbiased estimate; with n / p as the estimated count e that is e (e - n). It is kept in `standard_error` until the end.
    fn add_to(&self, service: &mut OfService, is_kept: bool) {
        service.all.add(self.amount);
        service.count += self.count;
        if is_kept {
            service.kept.add(self.amount);
            service.estimated_count += self.estimated_count;
            service.standard_error += self.estimated_count * (self.estimated_count - self.count);
        }
    }
}
