//! Head sampling: which spans are kept, decided on each span alone, alike on every machine.
//!
//! Consistent probability as W3C trace context level 2 and OpenTelemetry define it. A trace has 56 random bits R: the low
//! 56 bits of its id, or `rv` in the tracestate. A stage that keeps spans with probability p has the threshold
//! T = (1 - p) 2^56 and keeps those with R >= T. So stages that differ in p keep subsets of each other, and a span that
//! passed several stages was kept with the probability of the highest threshold.
//!
//! The weight of a kept span is 2^56 / (2^56 - T), T being the higher of our threshold and the one in `ot=th` that the
//! sender says it has applied: a threshold is never lowered. A span without `th` counts as unsampled.
//!
//! The tracestate is stored as it was sent; what Clew decided is in the weight.
//!
//! Limits: ids whose low 56 bits are not random (few old tracers) are sampled unevenly, though whole traces at a time.

mod tracestate;

use clew_storage::TraceId;

use crate::glob;
use tracestate::OtState;

/// Number of values that the random bits of a trace can take: 2^56.
const RANDOM_VALUES: u64 = 1 << 56;

/// Rule that decides with which probability spans of a service are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingRule {
    /// Service name; `*` stands for any text, `?` for any one character.
    pub service: String,
    /// Probability from 0 (none) to 1 (all) with which a trace's spans of this service are kept.
    pub probability: f64,
}

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "sampling rule {number} (service `{service}`): probability {probability} is not between 0 and 1"
)]
pub struct InvalidRule {
    number: usize,
    service: String,
    probability: f64,
}

/// Head sampling by service: the first rule that matches decides; where none does, every span is kept.
#[derive(Debug, Clone, Default)]
pub struct Sampler {
    rules: Vec<(String, Threshold)>,
}

impl Sampler {
    /// A sampler with `rules`, tried in order.
    ///
    /// # Errors
    /// When a probability is not between 0 and 1.
    pub fn new(rules: &[SamplingRule]) -> Result<Self, InvalidRule> {
        let compile = |(index, rule): (usize, &SamplingRule)| {
            let threshold = Threshold::from_probability(rule.probability);
            threshold
                .map(|threshold| (rule.service.clone(), threshold))
                .ok_or(InvalidRule {
                    number: index + 1,
                    service: rule.service.clone(),
                    probability: rule.probability,
                })
        };
        let rules = rules
            .iter()
            .enumerate()
            .map(compile)
            .collect::<Result<_, _>>()?;
        Ok(Self { rules })
    }

    /// Our threshold for spans of `service`.
    pub(crate) fn threshold(&self, service: &str) -> Threshold {
        let rule = self
            .rules
            .iter()
            .find(|(pattern, _)| glob::matches(pattern, service));
        rule.map_or(Threshold::KEEP_ALL, |(_, threshold)| *threshold)
    }
}

/// Random bits below this reject a trace; from 0 (keep all) to 2^56 (keep none).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Threshold(u64);

impl Threshold {
    pub(crate) const KEEP_ALL: Self = Self(0);

    fn from_probability(probability: f64) -> Option<Self> {
        let kept = (probability * RANDOM_VALUES as f64).round();
        (0.0..=1.0)
            .contains(&probability)
            .then(|| Self(RANDOM_VALUES - kept as u64))
    }

    /// The weight of a span of trace `id` with `trace_state`; 0 if it is to be dropped.
    pub(crate) fn weigh(self, id: TraceId, trace_state: &str) -> f64 {
        if self == Self::KEEP_ALL && trace_state.is_empty() {
            return 1.0;
        }
        let state = OtState::parse(trace_state);
        let random = state.random_value.unwrap_or_else(|| random_bits(id));
        if random < self.0 {
            return 0.0;
        }
        let applied = self.0.max(state.threshold.unwrap_or(0));
        RANDOM_VALUES as f64 / (RANDOM_VALUES - applied) as f64
    }
}

/// The low 56 bits of a trace id.
fn random_bits(id: TraceId) -> u64 {
    u128::from_be_bytes(id.0) as u64 & (RANDOM_VALUES - 1)
}

#[cfg(test)]
mod tests;
