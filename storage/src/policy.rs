//! What of an epoch is kept when it is flushed.

use crate::ids::TraceId;

/// Facts about one trace inside the epoch that is being flushed.
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

/// Decides each trace once, with all its spans of the epoch in view.
pub trait FlushPolicy: Send + Sync {
    /// The factor (at least 1) that the weights of the trace's spans are multiplied with, or `None` to drop the trace.
    fn decide(&self, trace: &TraceFacts<'_>) -> Option<f64>;
}

/// Keeps every trace as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeepAll;

impl FlushPolicy for KeepAll {
    fn decide(&self, _trace: &TraceFacts<'_>) -> Option<f64> {
        Some(1.0)
    }
}
