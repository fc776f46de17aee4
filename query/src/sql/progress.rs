//! How far a running statement is, and what it has read and returned.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clew_storage::env::Clock;
use datafusion::physical_plan::ExecutionPlan;
use serde::Serialize;

/// How far a statement is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Progress {
    /// Rows that came out of the scans so far.
    pub(crate) rows_read: usize,
    /// Rows of the result so far.
    pub(crate) rows: usize,
    /// Time so far, ms.
    pub(crate) elapsed_ms: f64,
}

/// What a result holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Stats {
    /// Rows.
    pub(crate) rows: usize,
    /// True when there were more.
    pub(crate) truncated: bool,
    /// The limit that cut it off: `rows` or `bytes`.
    pub(crate) truncated_by: Option<&'static str>,
    /// Segments of the snapshot.
    pub(crate) segments_total: usize,
    /// Segments that were left after pruning, at the scan with the most.
    pub(crate) segments_read: usize,
    /// Rows that came out of the scans of segments, after what the scans could filter.
    pub(crate) rows_read: usize,
    /// Time from taking the turn to the last row, ms.
    pub(crate) elapsed_ms: f64,
}

/// Watches a statement. It holds no part of the plan: a deep one must be dropped where there is stack for it.
pub(super) struct Watch {
    rows_read: Arc<AtomicUsize>,
    segments_total: usize,
    segments_read: usize,
    clock: Arc<dyn Clock>,
    started_ns: u64,
    rows: usize,
}

impl Watch {
    pub(super) fn new(
        rows_read: Arc<AtomicUsize>,
        segments_total: usize,
        segments_read: usize,
        clock: Arc<dyn Clock>,
        started_ns: u64,
    ) -> Self {
        Self {
            rows_read,
            segments_total,
            segments_read,
            clock,
            started_ns,
            rows: 0,
        }
    }

    /// Counts rows of the result.
    pub(super) fn count_rows(&mut self, rows: usize) {
        self.rows += rows;
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            rows_read: self.rows_read.load(Ordering::Relaxed),
            rows: self.rows,
            elapsed_ms: self.elapsed_ms(),
        }
    }

    pub(super) fn stats(&self, truncated_by: Option<&'static str>) -> Stats {
        Stats {
            rows: self.rows,
            truncated: truncated_by.is_some(),
            truncated_by,
            segments_total: self.segments_total,
            segments_read: self.segments_read,
            rows_read: self.rows_read.load(Ordering::Relaxed),
            elapsed_ms: self.elapsed_ms(),
        }
    }

    fn elapsed_ms(&self) -> f64 {
        (self.clock.monotonic_ns().saturating_sub(self.started_ns) / 1_000) as f64 / 1_000.0
    }
}

/// Rows that the leaves of a plan have given.
pub(super) fn rows_read(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let children = plan.children();
    if children.is_empty() {
        let metrics = plan.metrics();
        return metrics
            .and_then(|metrics| metrics.output_rows())
            .unwrap_or(0);
    }
    children.into_iter().map(rows_read).sum()
}
