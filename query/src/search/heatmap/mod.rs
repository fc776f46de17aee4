//! A heatmap: what matches, counted by time and duration.
//!
//! ```text
//!  traces: hits of the scan ──▶ figures of each trace ─┐
//!  spans:  rows of the scan (in traces that match) ────┴─▶ Grid: columns of time x rows of duration ──▶ cells
//! ```
//!
//! A trace is at its own start and as long as it is, over all parts; one that began before the time range, of which a span is
//! inside it, is in the first column. Every cell has an example. Spans are counted as they are stored: one that was stored twice
//! and whose copies have not been put together yet counts twice, a trace never does.
//!
//! Memory is that of the columns times the fine rows in use, and 40 bytes for each matching trace.

mod axis;
mod grid;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampNanosecondType};
use clew_storage::TraceId;
use clew_storage::schema::column;

use self::axis::Columns;
use self::grid::{Cell, Finished, Grid, Point};
use super::parts::Parts;
use super::sample::Sample;
use super::scan::{Gather, Scan};
use super::{Total, check_terms, ranked};
use crate::coverage::Coverage;
use crate::error::QueryError;
use crate::filter::Filter;
use crate::language::TraceFilter;
use crate::service::Reading;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Traces of which a span matches.
    Traces,
    /// Spans that match.
    Spans,
}

/// What to count, and how finely.
#[derive(Debug, Clone)]
pub(crate) struct HeatmapRequest {
    /// Condition on one span.
    pub(crate) filter: Filter,
    /// Condition on its trace.
    pub(crate) trace: Option<TraceFilter>,
    /// What is counted.
    pub(crate) unit: Unit,
    /// Ends of the time axis, ns since the epoch; with an open end it fits itself to the times that there are.
    pub(crate) range: (Option<u64>, Option<u64>),
    /// Columns.
    pub(crate) columns: usize,
    /// Rows at most.
    pub(crate) rows: usize,
}

/// The counts.
#[derive(Debug)]
pub(crate) struct Heatmap {
    /// The cells and their axes.
    pub(crate) grid: Finished,
    /// Those that have no time to be shown at.
    pub(crate) untimed_count: u64,
    /// All that are counted.
    pub(crate) total: Total,
    /// Matching traces.
    pub(crate) trace_total: Total,
    /// Those counted that have an error.
    pub(crate) error_count: u64,
    /// Durations below which half, 95 % and 99 % lie, within 3 %.
    pub(crate) quantiles_ns: Option<[u64; 3]>,
    /// What was read.
    pub(crate) coverage: Coverage,
}

impl Finished {
    /// Column, row, count, errors and example of each cell.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (u32, u32, u64, u64, TraceId)> {
        self.cells.iter().map(|((column, row), cell)| {
            let Cell {
                count,
                error_count,
                example,
            } = *cell;
            (*column, *row, count, error_count, example)
        })
    }
}

/// Counts. Blocks.
///
/// # Errors
/// When the filter has too many terms.
pub(crate) fn heatmap(reading: &Reading, request: &HeatmapRequest) -> Result<Heatmap, QueryError> {
    check_terms(reading, &request.filter)?;
    let columns = Columns::new(request.range, request.columns);
    let mut scan = Scan::new(reading, &request.filter)?;
    let (grid, traces) = match request.unit {
        Unit::Traces => of_traces(request, &mut scan, columns)?,
        Unit::Spans => of_spans(request, &mut scan, columns)?,
    };
    let total = |value| Total {
        value,
        exact: scan.complete,
    };
    let quantile = |share| grid.quantile(share);
    let quantiles = quantile(0.5).zip(quantile(0.95)).zip(quantile(0.99));
    Ok(Heatmap {
        grid: grid.finish(request.rows),
        untimed_count: grid.untimed,
        total: total(grid.count as usize),
        trace_total: total(traces),
        error_count: grid.error_count,
        quantiles_ns: quantiles.map(|((half, most), nearly_all)| [half, most, nearly_all]),
        coverage: scan.covering.finish(reading.budget.elapsed_ns()),
    })
}

fn of_traces(
    request: &HeatmapRequest,
    scan: &mut Scan<'_>,
    columns: Columns,
) -> Result<(Grid, usize), QueryError> {
    let mut parts = Parts::new(&scan.reading().snapshot);
    let hits = ranked::hits(scan)?;
    let mut grid = Grid::new(columns);
    parts.figures(&hits, scan, |trace_id, trace| {
        let wanted = request.trace.as_ref();
        if wanted.is_none_or(|wanted| wanted.matches(trace)) {
            grid.add(Point {
                trace_id,
                start_time: trace.start_time,
                duration_ns: trace.duration_ns,
                is_error: trace.error_count > 0,
            });
        }
    });
    let traces = grid.count as usize;
    Ok((grid, traces))
}

fn of_spans(
    request: &HeatmapRequest,
    scan: &mut Scan<'_>,
    columns: Columns,
) -> Result<(Grid, usize), QueryError> {
    let wanted = wanted_traces(scan, &request.filter, request.trace.as_ref())?;
    let traces_max = scan.limits().search_total_max;
    let gathered = scan.gather(Sample::ALL, || Spans {
        grid: Grid::new(columns),
        traces: HashSet::new(),
        traces_max,
        more_traces: false,
        wanted: wanted.clone(),
    })?;
    if gathered.more_traces {
        scan.incomplete(format!(
            "more than {traces_max} traces have a span that matches; they were not all counted"
        ));
    }
    Ok((gathered.grid, gathered.traces.len()))
}

/// The traces that meet a condition on the whole of them and of which a span matches; `None` when there is no such condition.
pub(super) fn wanted_traces(
    scan: &mut Scan<'_>,
    filter: &Filter,
    trace: Option<&TraceFilter>,
) -> Result<Option<Arc<HashSet<TraceId>>>, QueryError> {
    let Some(condition) = trace else {
        return Ok(None);
    };
    let mut first = Scan::new(scan.reading(), filter)?;
    let mut parts = Parts::new(&scan.reading().snapshot);
    let hits: HashMap<TraceId, u32> = ranked::hits(&mut first)?;
    let mut wanted = HashSet::new();
    parts.figures(&hits, &mut first, |id, trace| {
        if condition.matches(trace) {
            wanted.insert(id);
        }
    });
    for reason in first.covering.reasons {
        scan.incomplete(reason);
    }
    Ok(Some(Arc::new(wanted)))
}

/// Fills a grid with spans.
struct Spans {
    grid: Grid,
    traces: HashSet<TraceId>,
    traces_max: usize,
    more_traces: bool,
    /// The traces whose spans count; all when `None`.
    wanted: Option<Arc<HashSet<TraceId>>>,
}

impl Gather for Spans {
    const COLUMNS: &'static [usize] = &[
        column::TRACE_ID,
        column::START_TIME,
        column::DURATION_NS,
        column::STATUS_CODE,
    ];

    fn add(&mut self, rows: &RecordBatch) -> Result<(), QueryError> {
        let ids = rows.column(0).as_fixed_size_binary();
        let starts = rows.column(1).as_primitive::<TimestampNanosecondType>();
        let durations = rows.column(2).as_primitive::<Int64Type>();
        let statuses = rows.column(3).as_string_view();
        for row in 0..rows.num_rows() {
            let Some(trace_id) = TraceId::from_bytes(ids.value(row)) else {
                continue;
            };
            if self
                .wanted
                .as_ref()
                .is_some_and(|wanted| !wanted.contains(&trace_id))
            {
                continue;
            }
            if self.traces.len() < self.traces_max {
                self.traces.insert(trace_id);
            } else if !self.traces.contains(&trace_id) {
                self.more_traces = true;
            }
            self.grid.add(Point {
                trace_id,
                start_time: starts.value(row) as u64,
                duration_ns: durations.value(row),
                is_error: statuses.value(row) == "error",
            });
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        self.grid.merge(other.grid);
        self.more_traces |= other.more_traces;
        for id in other.traces {
            if self.traces.len() < self.traces_max || self.traces.contains(&id) {
                self.traces.insert(id);
            } else {
                self.more_traces = true;
            }
        }
    }
}
