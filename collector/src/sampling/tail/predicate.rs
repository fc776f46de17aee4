//! Conditions that a trace meets or does not.

use clew_storage::attributes::AttributeType;
use regex::RegexSet;

use super::facts::Facts;

/// W3C's flag of a span that the sender sampled.
const SAMPLED_FLAG: u32 = 1;

/// A condition.
#[derive(Debug)]
pub(super) enum Predicate {
    Always,
    /// Longer than the first, at most the second, ns.
    Latency(u64, Option<u64>),
    /// A span has one of these, as the column `status_code` has them.
    Status(Vec<&'static str>),
    String {
        key: String,
        values: TextValues,
    },
    Numeric {
        key: String,
        min: f64,
        max: f64,
    },
    Boolean {
        key: String,
        value: bool,
    },
    /// At least the first, at most the second.
    SpanCount(u64, Option<u64>),
    TraceState {
        key: String,
        values: Vec<String>,
    },
    Sampled,
    Not(Box<Predicate>),
}

/// Texts that are looked for.
#[derive(Debug)]
pub(super) enum TextValues {
    Exact(Vec<String>),
    Regex(RegexSet),
}

impl TextValues {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(values) => values.iter().any(|value| value == text),
            Self::Regex(set) => set.is_match(text),
        }
    }
}

impl Predicate {
    pub(super) fn is_met(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Always => true,
            Self::Latency(over, at_most) => {
                facts.duration_ns > *over && at_most.is_none_or(|max| facts.duration_ns <= max)
            }
            Self::Status(codes) => facts
                .trace
                .spans()
                .any(|span| codes.contains(&span.status_code())),
            Self::String { key, values } => facts.any_attribute(key, |kind, text| {
                kind == AttributeType::String && values.matches(text)
            }),
            Self::Numeric { key, min, max } => facts.any_attribute(key, |kind, text| {
                matches!(kind, AttributeType::Int | AttributeType::Double)
                    && text
                        .parse::<f64>()
                        .is_ok_and(|number| (*min..=*max).contains(&number))
            }),
            Self::Boolean { key, value } => facts.any_attribute(key, |kind, text| {
                kind == AttributeType::Bool && text.parse() == Ok(*value)
            }),
            Self::SpanCount(min, max) => {
                let count = facts.trace.span_count() as u64;
                count >= *min && max.is_none_or(|max| count <= max)
            }
            Self::TraceState { key, values } => facts
                .trace
                .spans()
                .any(|span| trace_state_has(span.trace_state(), key, values)),
            Self::Sampled => facts
                .trace
                .spans()
                .any(|span| span.flags() & SAMPLED_FLAG != 0),
            Self::Not(other) => !other.is_met(facts),
        }
    }
}

fn trace_state_has(trace_state: &str, key: &str, values: &[String]) -> bool {
    let entries = trace_state.split(',');
    entries
        .filter_map(|entry| entry.trim().split_once('='))
        .any(|(name, value)| name == key && values.iter().any(|wanted| wanted == value))
}
