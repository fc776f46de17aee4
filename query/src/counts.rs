//! Rows of the store's derived tables by time: what is counted of all spans, before any is dropped.
//!
//! A row counts a whole minute. A window of time takes all minutes that lie in it in part.

use std::collections::BTreeMap;

use arrow::array::{
    AsArray, Float64Array, Int32Array, ListArray, RecordBatch, StringViewArray,
    TimestampNanosecondArray,
};
use arrow::datatypes::Float64Type;
use clew_storage::derived::{DerivedTable, EdgeKind};
use clew_storage::histogram::Histogram;

use crate::error::QueryError;
use crate::rows::Columns;
use crate::service::Reading;

/// A minute, ns.
pub(crate) const MINUTE_NS: i64 = 60_000_000_000;

/// Some rows of a derived table.
pub(crate) struct CountRows {
    minutes: TimestampNanosecondArray,
    /// `service_name` or `caller`, `name` or `callee`, `kind`.
    texts: [StringViewArray; 3],
    counts: Float64Array,
    errors: Float64Array,
    scales: Int32Array,
    zeros: Float64Array,
    offsets: Int32Array,
    buckets: ListArray,
}

impl CountRows {
    fn new(rows: &RecordBatch, table: DerivedTable) -> Result<Self, QueryError> {
        let (texts, count) = match table {
            DerivedTable::SpanMetrics => (["service_name", "name", "kind"], "count"),
            DerivedTable::ServiceEdges => (["caller", "callee", "kind"], "call_count"),
        };
        let columns = Columns(rows);
        Ok(Self {
            minutes: columns.time("minute")?,
            texts: [
                columns.text(texts[0])?,
                columns.text(texts[1])?,
                columns.text(texts[2])?,
            ],
            counts: columns.f64(count)?,
            errors: columns.f64("error_count")?,
            scales: columns.i32("histogram_scale")?,
            zeros: columns.f64("histogram_zero_count")?,
            offsets: columns.i32("histogram_offset")?,
            buckets: columns.list("histogram_counts")?,
        })
    }

    /// The row `row`.
    fn row(&self, row: usize) -> CountRow<'_> {
        CountRow { rows: self, row }
    }
}

/// One row.
#[derive(Clone, Copy)]
pub(crate) struct CountRow<'a> {
    rows: &'a CountRows,
    row: usize,
}

impl<'a> CountRow<'a> {
    /// Start of the minute, ns since the epoch.
    pub(crate) fn minute(self) -> i64 {
        self.rows.minutes.value(self.row)
    }

    /// Service, or caller.
    pub(crate) fn service(self) -> &'a str {
        self.rows.texts[0].value(self.row)
    }

    /// Name of the span, or callee.
    pub(crate) fn name(self) -> &'a str {
        self.rows.texts[1].value(self.row)
    }

    /// Kind of the span, or of the call.
    pub(crate) fn kind(self) -> &'a str {
        self.rows.texts[2].value(self.row)
    }

    /// How many, not rounded.
    pub(crate) fn count(self) -> f64 {
        self.rows.counts.value(self.row)
    }

    /// How many of them are errors.
    pub(crate) fn errors(self) -> f64 {
        self.rows.errors.value(self.row)
    }

    /// The durations; none when the row is no histogram, which the store does not write.
    pub(crate) fn histogram(self) -> Histogram {
        let buckets = self.rows.buckets.value(self.row);
        let counts = buckets.as_primitive::<Float64Type>().values().iter();
        let histogram = Histogram::from_parts(
            self.rows.scales.value(self.row),
            self.rows.zeros.value(self.row),
            self.rows.offsets.value(self.row),
            counts.copied(),
        );
        histogram.unwrap_or_default()
    }
}

/// Shows every row of `table` whose minute overlaps `window`, from (inclusive) to (exclusive) in ns since the epoch, to `take`; one key may come
/// several times. Blocks. Says why rows may be missing.
///
/// # Errors
/// When rows are not what the store promises, and those of `take`.
pub(crate) fn read(
    reading: &Reading,
    table: DerivedTable,
    window: (i64, i64),
    take: &mut dyn FnMut(CountRow<'_>) -> Result<(), QueryError>,
) -> Result<Vec<String>, QueryError> {
    let overlaps = |minute: i64| minute < window.1 && minute.saturating_add(MINUTE_NS) > window.0;
    let mut incomplete = Vec::new();
    let mut show = |rows: &RecordBatch| {
        let rows = CountRows::new(rows, table)?;
        for row in 0..rows.minutes.len() {
            let row = rows.row(row);
            if overlaps(row.minute()) {
                take(row)?;
            }
        }
        Ok::<_, QueryError>(())
    };
    for file in reading.snapshot.derived(table) {
        let (first, last) = file.meta().minutes;
        if first >= window.1 || last.saturating_add(MINUTE_NS) <= window.0 {
            continue;
        }
        if reading.budget.over() {
            incomplete.push("the time for a query is over".to_owned());
            return Ok(incomplete);
        }
        match file.read() {
            Ok(rows) => show(&rows)?,
            Err(error) => incomplete.push(error.to_string()),
        }
    }
    let hot = reading.snapshot.hot_counts();
    show(hot.rows(table))?;
    if table == DerivedTable::ServiceEdges {
        let now = reading.service.clock().now_unix_nano();
        show(&hot.overdue_edges(now as i64))?;
    }
    Ok(incomplete)
}

/// Calls from one service to another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Edge {
    /// Who calls.
    pub(crate) parent: String,
    /// Who is called.
    pub(crate) child: String,
    /// How often.
    pub(crate) call_count: u64,
}

/// The calls of a window of time.
#[derive(Debug)]
pub(crate) struct Dependencies {
    /// Sorted by caller, then callee.
    pub(crate) edges: Vec<Edge>,
    /// Why calls may be missing.
    pub(crate) incomplete: Vec<String>,
}

/// Counts the calls between services that send spans in the minutes of `window`. Blocks.
///
/// # Errors
/// When rows are not what the store promises.
pub(crate) fn dependencies(
    reading: &Reading,
    window: (i64, i64),
) -> Result<Dependencies, QueryError> {
    let mut calls: BTreeMap<(String, String), f64> = BTreeMap::new();
    let incomplete = read(reading, DerivedTable::ServiceEdges, window, &mut |row| {
        if EdgeKind::is_between_services(row.kind()) {
            let ends = (row.service().to_owned(), row.name().to_owned());
            *calls.entry(ends).or_default() += row.count();
        }
        Ok(())
    })?;
    let edges = calls.into_iter().map(|((parent, child), count)| Edge {
        parent,
        child,
        call_count: count.round() as u64,
    });
    Ok(Dependencies {
        edges: edges.collect(),
        incomplete,
    })
}
