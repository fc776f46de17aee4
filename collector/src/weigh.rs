//! Who says which weight a span has: head sampling when it arrives, the log's record of that when it is replayed.

use std::sync::Arc;

use clew_storage::Admission;
use clew_storage::span::{GroupFields, SpanFields};

use crate::sampling::remote::{Observed, ServiceRoots};
use crate::sampling::{self, Sampler, ServiceRules};

/// Gives each span its weight; 0 is a span to drop.
pub(crate) trait Weigh {
    /// The spans that follow may be of another service.
    fn begin_group(&mut self);
    /// The weight of the next span.
    fn weigh(&mut self, group: &GroupFields<'_>, span: &SpanFields<'_>) -> f64;
}

/// Head sampling, and the count of root spans before it.
pub(crate) struct Sampling<'a> {
    sampler: &'a Sampler,
    received_at_unix_nano: u64,
    /// Rules for the group's service, once looked up.
    rules: Option<ServiceRules<'a>>,
    observed: Option<&'a Observed>,
    /// Where roots of the group's service are counted, if they are.
    roots: Option<Arc<ServiceRoots>>,
}

impl<'a> Sampling<'a> {
    pub(crate) fn new(
        sampler: &'a Sampler,
        observed: Option<&'a Observed>,
        received_at_unix_nano: u64,
    ) -> Self {
        Self {
            sampler,
            received_at_unix_nano,
            rules: None,
            observed,
            roots: None,
        }
    }
}

impl Weigh for Sampling<'_> {
    fn begin_group(&mut self) {
        self.rules = None;
    }

    fn weigh(&mut self, group: &GroupFields<'_>, span: &SpanFields<'_>) -> f64 {
        let sampler = self.sampler;
        let observed = self.observed;
        let rules = self.rules.get_or_insert_with(|| {
            let service = group.service_name();
            self.roots = observed.and_then(|observed| observed.service(service));
            sampler.of_service(service)
        });
        if let Some(roots) = &self.roots {
            roots.count(span);
        }
        let threshold = rules.threshold(span.name, self.received_at_unix_nano);
        sampling::weigh(threshold, span.trace_id, span.trace_state)
    }
}

/// Weights as an [`Admission`] tells them.
pub(crate) struct Replay<'a> {
    runs: std::slice::Iter<'a, (u32, f64)>,
    left: u32,
    weight: f64,
    /// Spans that the admission does not account for.
    missing: u64,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(admission: &'a Admission) -> Self {
        Self {
            runs: admission.weights.iter(),
            left: 0,
            weight: 0.0,
            missing: 0,
        }
    }

    /// Whether the payload had other than the spans that the admission accounts for, and if so, how.
    pub(crate) fn mismatch(self) -> Option<String> {
        let unused: u64 = u64::from(self.left) + self.runs.map(|run| u64::from(run.0)).sum::<u64>();
        match (self.missing, unused) {
            (0, 0) => None,
            (0, unused) => Some(format!("it has {unused} spans fewer than were admitted")),
            (missing, _) => Some(format!("it has {missing} spans more than were admitted")),
        }
    }
}

impl Weigh for Replay<'_> {
    fn begin_group(&mut self) {}

    fn weigh(&mut self, _group: &GroupFields<'_>, _span: &SpanFields<'_>) -> f64 {
        while self.left == 0 {
            let Some(&(count, weight)) = self.runs.next() else {
                self.missing += 1;
                return 0.0;
            };
            (self.left, self.weight) = (count, weight);
        }
        self.left -= 1;
        self.weight
    }
}

/// Notes the weight of one more span.
pub(crate) fn record(admission: &mut Admission, weight: f64) {
    match admission.weights.last_mut() {
        Some((count, last)) if last.to_bits() == weight.to_bits() && *count < u32::MAX => {
            *count += 1;
        }
        _ => admission.weights.push((1, weight)),
    }
}
