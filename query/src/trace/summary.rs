//! A trace in a few figures: what a search shows of it.

use std::collections::BTreeMap;

use clew_storage::span::{earlier_start, start_order};
use serde::Serialize;

use super::structure::SpanIds;
use crate::rows::{SpanRow, SpanRows};

/// Figures of a whole trace, as the rows of `traces` have them for its parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Summary {
    /// Service of the root: the earliest span without a parent, else the earliest span.
    pub(crate) root_service_name: String,
    /// Name of the root.
    pub(crate) root_name: String,
    /// Earliest start, ns since the epoch, as sent; 0 only if no span has a start time.
    pub(crate) start_time: u64,
    /// From the earliest start to the latest end, ns; a span that ends before it starts counts as long as its start.
    pub(crate) duration_ns: i64,
    /// Spans.
    pub(crate) span_count: u32,
    /// Spans whose status is error.
    pub(crate) error_count: u32,
    /// Spans whose parent is not here.
    pub(crate) orphan_count: u32,
    /// The same by service, sorted by name.
    pub(crate) services: Vec<ServiceCount>,
    /// A root is here and no parent is missing.
    pub(crate) complete: bool,
}

/// Spans of one service in a trace.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ServiceCount {
    /// Service.
    pub(crate) name: String,
    /// Its spans.
    pub(crate) span_count: u32,
    /// Those whose status is error.
    pub(crate) error_count: u32,
}

/// True for a span without a parent that is not one half of a call under the other half either.
fn is_root(span: SpanRow<'_>) -> bool {
    span.parent_span_id().is_none() && span.parent_row().is_none()
}

impl Summary {
    /// The figures of `rows`, the spans of one trace. `rows` is not empty.
    pub(crate) fn of(rows: &SpanRows) -> Self {
        let ids = SpanIds::of(rows);
        let mut services: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
        let starts = rows.iter().map(SpanRow::start_unix_nano);
        let start = starts.reduce(earlier_start).unwrap_or(0);
        let (mut end, mut errors, mut orphans) = (0, 0, 0);
        for span in rows.iter() {
            let error = u32::from(span.status_code() == "error");
            // A span without a start time says nothing of when the trace ended.
            if span.start_unix_nano() >= start {
                let length = u64::try_from(span.duration_ns()).unwrap_or(0);
                end = end.max(span.start_unix_nano().saturating_add(length));
            }
            errors += error;
            orphans += u32::from(ids.is_orphan(span));
            let counts = services.entry(span.service_name()).or_default();
            counts.0 += 1;
            counts.1 += error;
        }
        let earliest = |roots_only: bool| {
            rows.iter()
                .filter(|span| !roots_only || is_root(*span))
                .min_by_key(|span| start_order(span.start_unix_nano()))
        };
        let root = earliest(true);
        let complete = root.is_some() && orphans == 0;
        let root = root.or_else(|| earliest(false));
        Self {
            root_service_name: root
                .map(|span| span.service_name().to_owned())
                .unwrap_or_default(),
            root_name: root.map(|span| span.name().to_owned()).unwrap_or_default(),
            start_time: start,
            duration_ns: i64::try_from(end.saturating_sub(start)).unwrap_or(i64::MAX),
            span_count: rows.len() as u32,
            error_count: errors,
            orphan_count: orphans,
            services: services
                .into_iter()
                .map(|(name, (span_count, error_count))| ServiceCount {
                    name: name.to_owned(),
                    span_count,
                    error_count,
                })
                .collect(),
            complete,
        }
    }
}
