//! What a trial of policies found.

use serde::{Deserialize, Serialize};

/// How much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Amount {
    /// Traces, or the parts of them that are told apart here.
    pub(crate) traces: u64,
    /// Spans.
    pub(crate) spans: u64,
    /// Bytes of payload, about.
    pub(crate) bytes: u64,
}

impl Amount {
    pub(crate) fn add(&mut self, other: Self) {
        self.traces += other.traces;
        self.spans += other.spans;
        self.bytes += other.bytes;
    }

    /// What is left when `part` of it is taken away.
    pub(crate) fn without(self, part: Self) -> Self {
        Self {
            traces: self.traces - part.traces,
            spans: self.spans - part.spans,
            bytes: self.bytes - part.bytes,
        }
    }
}

/// What one policy keeps: traces of which it has the lowest threshold, the first of several policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OfPolicy {
    pub(crate) name: String,
    pub(crate) kept: Amount,
}

/// What is kept of one service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct OfService {
    pub(crate) name: String,
    pub(crate) all: Amount,
    pub(crate) kept: Amount,
    /// Sum of the weights of all its spans: how many there were.
    pub(crate) count: f64,
    /// The same made of the kept spans alone.
    pub(crate) estimated_count: f64,
    /// How far off that estimate is by the luck of the draw, as a standard deviation; estimated from the kept spans.
    pub(crate) standard_error: f64,
}

/// What the policies would keep.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct TrialReport {
    /// Traces of which a span arrived from then on, ns since the epoch.
    pub(crate) since_unix_nano: i64,
    pub(crate) all: Amount,
    pub(crate) kept: Amount,
    /// In the order of the file; `drop` policies keep nothing and are not listed.
    pub(crate) policies: Vec<OfPolicy>,
    /// By name.
    pub(crate) services: Vec<OfService>,
    /// Why spans are missing; empty when none are.
    pub(crate) unreadable: Vec<String>,
}
