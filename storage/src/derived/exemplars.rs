//! Exemplars: for each series and bucket of durations a span that was kept, so that a graph leads to a trace.
//!
//! They are looked for when spans leave the hot window, and only while somebody reads them: within [`WANTED`] of the last reading.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::totals::{TOTAL_BOUNDS_MS, TotalKey};
use crate::batch::SpanBatch;
use crate::ids::{SpanId, TraceId};
use crate::limits::TOTALS_SERIES_MAX;
use crate::trace::columns::SpanColumns;

/// Exemplars are looked for as long after they were read.
const WANTED: Duration = Duration::from_mins(15);

/// Buckets of a series.
pub(super) const BUCKETS: usize = TOTAL_BOUNDS_MS.len() + 1;

/// A span that stands for others of its series and bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar {
    /// Trace.
    pub trace_id: TraceId,
    /// Span.
    pub span_id: SpanId,
    /// How long it took, ms.
    pub duration_ms: f64,
    /// When it ended, ns since the epoch.
    pub at_unix_nano: i64,
}

/// Whether somebody reads exemplars.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Until when, on the monotonic clock.
    until_ns: AtomicU64,
}

impl Wanted {
    /// Somebody reads them now.
    pub(crate) fn renew(&self, now_ns: u64) {
        let until = now_ns.saturating_add(WANTED.as_nanos() as u64);
        self.until_ns.fetch_max(until, Ordering::Relaxed);
    }

    pub(crate) fn is_on(&self, now_ns: u64) -> bool {
        now_ns < self.until_ns.load(Ordering::Relaxed)
    }
}

/// The first span of each series and bucket in `batches` whose trace is kept, of [`TOTALS_SERIES_MAX`] series at most.
pub(crate) fn find(
    batches: &[Arc<SpanBatch>],
    is_kept: impl Fn(TraceId) -> bool,
) -> Vec<(TotalKey, [Option<Exemplar>; BUCKETS])> {
    let mut found: HashMap<[&str; 4], [Option<Exemplar>; BUCKETS]> = HashMap::new();
    for batch in batches {
        let columns = SpanColumns::of_batch(batch);
        for row in 0..columns.len() {
            let key = [
                columns.service(row),
                columns.name(row),
                columns.kind(row),
                columns.status(row),
            ];
            if found.len() >= TOTALS_SERIES_MAX && !found.contains_key(&key) {
                continue;
            }
            let took_ns = columns.duration(row).max(0);
            let duration_ms = took_ns as f64 / 1e6;
            let bucket = TOTAL_BOUNDS_MS.partition_point(|bound| *bound < duration_ms);
            let place = &mut found.entry(key).or_insert([None; BUCKETS])[bucket];
            let trace_id = columns.trace_id(row);
            if place.is_none() && is_kept(trace_id) {
                *place = Some(Exemplar {
                    trace_id,
                    span_id: columns.span_id(row),
                    duration_ms,
                    at_unix_nano: columns.start(row).saturating_add(took_ns),
                });
            }
        }
    }
    let owned = |([service_name, name, kind, status_code], exemplars): ([&str; 4], _)| {
        let key = TotalKey {
            service_name: service_name.to_owned(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            status_code: status_code.to_owned(),
        };
        (key, exemplars)
    };
    found.into_iter().map(owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestSpan, batch};

    fn span(trace: u8, id: u8, name: &str, duration_ms: u64) -> TestSpan {
        TestSpan {
            trace_id: [trace; 16],
            span_id: [id; 8],
            name: name.to_owned(),
            start: 1_000_000_000,
            end: 1_000_000_000 + duration_ms * 1_000_000,
            ..TestSpan::default()
        }
    }

    #[test]
    fn each_bucket_has_a_span_that_was_kept() {
        let spans = [
            span(1, 1, "get", 3),
            span(2, 2, "get", 4),
            span(2, 3, "get", 60_000),
            span(3, 4, "put", 0),
        ];
        let batches = [Arc::new(batch(&spans, 1))];
        let mut found = find(&batches, |id| id != TraceId([1; 16]));
        found.sort_by(|left, right| left.0.cmp(&right.0));
        let names: Vec<&str> = found.iter().map(|(key, _)| key.name.as_str()).collect();
        assert_eq!(names, ["get", "put"]);
        let of_get: Vec<(usize, u8, f64)> = found[0]
            .1
            .iter()
            .enumerate()
            .filter_map(|(bucket, exemplar)| {
                let exemplar = exemplar.as_ref()?;
                Some((bucket, exemplar.span_id.0[0], exemplar.duration_ms))
            })
            .collect();
        assert_eq!(of_get, [(1, 2, 4.0), (16, 3, 60_000.0)]);
        let of_put = found[1].1[0].expect("the first bucket");
        assert_eq!(
            (of_put.trace_id, of_put.at_unix_nano),
            (TraceId([3; 16]), 1_000_000_000)
        );
    }

    #[test]
    fn as_many_series_as_allowed_have_exemplars_and_one_more_has_none() {
        let named = |number: usize| span(1, 1, &number.to_string(), 1);
        let spans: Vec<TestSpan> = (0..=TOTALS_SERIES_MAX).map(named).collect();
        let batches = [Arc::new(batch(&spans[..TOTALS_SERIES_MAX], 1))];
        assert_eq!(find(&batches, |_| true).len(), TOTALS_SERIES_MAX);
        let batches = [Arc::new(batch(&spans, 1))];
        assert_eq!(find(&batches, |_| true).len(), TOTALS_SERIES_MAX);
    }

    #[test]
    fn they_are_looked_for_as_long_as_somebody_reads_them() {
        let wanted = Wanted::default();
        assert!(!wanted.is_on(0));
        wanted.renew(10);
        let until = 10 + WANTED.as_nanos() as u64;
        assert!(wanted.is_on(until - 1) && !wanted.is_on(until));
    }
}
