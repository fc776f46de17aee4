//! What of the spans that go into a segment is kept.

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

/// Says of each trace whether it is kept.
pub trait FlushPolicy: Send + Sync {
    /// The threshold that the trace is kept with, or `None` to drop it. Its spans get the weight of that threshold, unless they have a
    /// higher one already.
    fn decide(&self, trace: &TraceFacts<'_>) -> Option<Threshold>;
}

/// Keeps every trace as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeepAll;

impl FlushPolicy for KeepAll {
    fn decide(&self, _trace: &TraceFacts<'_>) -> Option<Threshold> {
        Some(Threshold::KEEP_ALL)
    }
}
