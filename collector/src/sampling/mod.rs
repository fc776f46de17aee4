//! Sampling: of single spans when they arrive ([`head`]), of whole traces when they leave the hot window ([`tail`]), and what SDKs are told to
//! sample before they send anything ([`remote`]).
//!
//! Consistent probability as W3C trace context level 2 and OpenTelemetry define it. A trace has 56 random bits R: the low
//! 56 bits of its id, or `rv` in the tracestate. A stage that keeps spans with probability p has the threshold
//! T = (1 - p) 2^56 and keeps those with R >= T. So stages that differ in p keep subsets of each other, and a span that
//! passed several stages was kept with the probability of the highest threshold.
//!
//! The weight of a kept span is 2^56 / (2^56 - T), T being the higher of our threshold and the one in `ot=th` that the
//! sender says it has applied: a threshold is never lowered. A span without `th` counts as unsampled.
//!
//! The tracestate of a span that head sampling kept with a higher threshold than the sender's gets that threshold. Otherwise it is stored as it
//! was sent. What tail sampling decided is in the weight alone.
//!
//! Limits: ids whose low 56 bits are not random (few old tracers) are sampled unevenly, though whole traces at a time.

mod head;
pub mod remote;
pub mod tail;
pub(crate) mod tracestate;

use clew_storage::TraceId;
use clew_storage::sampling::Threshold;
use clew_storage::sampling::threshold::random_bits;

pub(crate) use head::ServiceRules;
pub use head::{InvalidRule, Keep, Sampler, SamplingRule};
use tracestate::OtState;

/// The weight of a span of trace `id` with `trace_state`, kept with `threshold`; 0 if it is to be dropped.
pub(crate) fn weigh(threshold: Threshold, id: TraceId, trace_state: &str) -> f64 {
    if threshold == Threshold::KEEP_ALL && trace_state.is_empty() {
        return 1.0;
    }
    let state = OtState::parse(trace_state);
    let random = state.random_value.unwrap_or_else(|| random_bits(id));
    if !threshold.keeps(random) {
        return 0.0;
    }
    let applied = Threshold::new(state.threshold.unwrap_or(0));
    threshold.max(applied).weight()
}

#[cfg(test)]
mod tests;
