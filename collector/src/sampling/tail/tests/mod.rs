//! Policies held against tables of cases, and against the mathematics of weights.

mod exact;
mod stateful;
mod stored;
mod tables;
mod traffic;

use std::sync::Arc;

use clew_storage::SpanBatch;
use clew_storage::sampling::SpanSet;

use super::{Outcome, PolicySetConfig, TailPolicies};

fn policies(yaml: &str) -> TailPolicies {
    let config: PolicySetConfig = serde_saphyr::from_str(yaml).unwrap();
    TailPolicies::new(&config).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
}

/// The outcomes by trace id.
fn decide(policies: &TailPolicies, batch: &Arc<SpanBatch>) -> Vec<Outcome> {
    let set = SpanSet::of(std::slice::from_ref(batch));
    let traces: Vec<_> = set.traces().collect();
    policies.evaluate(&traces)
}
