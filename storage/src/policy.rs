//! What of the spans that go into a segment is kept, and how much each then stands for.

use crate::ids::TraceId;
use crate::sampling::Threshold;

/// Facts about one trace among those spans.
#[derive(Debug, Clone, Copy)]
pub struct TraceFacts<'a> {
    /// Trace id.
    pub trace_id: TraceId,
    /// Service of the root span, or of the earliest span.
    pub root_service: &'a str,
    /// Name of that span.
    pub root_name: &'a str,
    /// From the earliest start to the latest end, ns.
    pub duration_ns: i64,
    /// Spans of the trace in the epoch.
    pub span_count: u32,
    /// Spans whose status is error.
    pub error_count: u32,
}

/// How the weights of the spans of a trace change when it is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighing(
    /// 0 for no change; above it the least weight; below it the factor, negated.
    f64,
);

impl Weighing {
    /// They stay as they are.
    pub const UNCHANGED: Self = Self(0.0);

    /// The trace has passed this threshold too, on the random bits that earlier stages have asked: the higher weight counts.
    #[must_use]
    pub fn passed(threshold: Threshold) -> Self {
        if threshold == Threshold::KEEP_ALL {
            Self::UNCHANGED
        } else {
            Self(threshold.weight())
        }
    }

    /// The trace was drawn from `factor` times as many, by something that no earlier stage has asked: the weights multiply.
    #[must_use]
    pub fn times(factor: f64) -> Self {
        Self(-factor)
    }

    /// What a span weighs that had `weight` before.
    #[must_use]
    pub fn apply(self, weight: f64) -> f64 {
        if self.0 < 0.0 {
            weight * -self.0
        } else {
            weight.max(self.0)
        }
    }
}

/// Says of each trace whether it is kept.
pub trait FlushPolicy: Send + Sync {
    /// What becomes of the weights of the trace's spans, or `None` to drop it.
    fn decide(&self, trace: &TraceFacts<'_>) -> Option<Weighing>;

    /// True only when every trace is kept as it is.
    fn keeps_all(&self) -> bool {
        false
    }
}

/// Keeps every trace as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeepAll;

impl FlushPolicy for KeepAll {
    fn decide(&self, _trace: &TraceFacts<'_>) -> Option<Weighing> {
        Some(Weighing::UNCHANGED)
    }

    fn keeps_all(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_raised_or_multiplied() {
        let half = Threshold::new(1 << 55);
        let check = |weighing: Weighing, weight: f64, expected: f64| {
            assert_eq!(weighing.apply(weight).to_bits(), expected.to_bits());
        };
        for weight in [0.5, 1.0, 8.0] {
            check(Weighing::UNCHANGED, weight, weight);
            check(Weighing::passed(Threshold::KEEP_ALL), weight, weight);
            check(Weighing::times(1.5), weight, 1.5 * weight);
        }
        check(Weighing::passed(half), 1.0, 2.0);
        check(Weighing::passed(half), 8.0, 8.0);
    }
}
