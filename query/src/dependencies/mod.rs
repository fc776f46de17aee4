//! Which service calls which, counted from spans: each span whose parent belongs to another service is a call, and stands
//! for as many as its weight says.
//!
//! In a segment a trace's spans stand together and know how far up their parent is, so one pass over a few columns counts
//! them. Traces that lie in several segments or in the hot window are set aside during that pass, put together by the
//! store's own rule, identical spans collapsed, and counted then. A span counts when it starts within the window; where
//! its parent lies does not matter.

mod joint;

use std::collections::{BTreeMap, HashMap, HashSet};

use arrow::array::{Array, RecordBatch};
use clew_storage::schema::column;
use clew_storage::segment::SegmentTable;
use clew_storage::{Segment, TraceId};

use crate::error::QueryError;
use crate::rows::{Columns, SpanRows};
use crate::runs::{Run, runs_of};
use crate::service::Reading;
use joint::{Joint, Span};

/// Rows of a segment read at a time, unless one trace has more.
const CHUNK_ROWS: u32 = 65_536;
/// Columns that the pass over a segment reads.
const COLUMNS: [usize; 9] = [
    column::SPAN_ID,
    column::PARENT_SPAN_ID,
    column::KIND,
    column::START_TIME,
    column::DURATION_NS,
    column::SAMPLE_WEIGHT,
    column::SERVICE_NAME,
    column::PARENT_OFFSET,
    column::TRACE_ID,
];

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

/// Counts the calls that start within `window`: from (inclusive) and to (exclusive), ns since the epoch. Blocks.
///
/// # Errors
/// When more spans would have to be kept in memory than the limit allows.
pub(crate) fn dependencies(
    reading: &Reading,
    window: (i64, i64),
) -> Result<Dependencies, QueryError> {
    let mut counting = Counting {
        reading,
        window,
        calls: Calls::default(),
        joint: Joint::new(reading.limits().dependency_spans_max),
        late: HashSet::new(),
        incomplete: Vec::new(),
    };
    counting.hot()?;
    counting.segments()?;
    counting.late();
    let Counting {
        mut calls,
        joint,
        incomplete,
        ..
    } = counting;
    joint.count(window, &mut calls);
    Ok(Dependencies {
        edges: calls.edges(),
        incomplete,
    })
}

struct Counting<'a> {
    reading: &'a Reading,
    window: (i64, i64),
    calls: Calls,
    joint: Joint,
    /// Traces with a parent in a segment outside of the window.
    late: HashSet<TraceId>,
    incomplete: Vec<String>,
}

impl Counting<'_> {
    fn hot(&mut self) -> Result<(), QueryError> {
        for batch in self.reading.snapshot.hot() {
            let rows = batch.to_table(Some(&COLUMNS));
            let columns = SpanColumns::new(&rows)?;
            for row in 0..rows.num_rows() {
                let service = self.calls.service(columns.services.value(row));
                self.joint
                    .push(columns.trace_id(row), columns.span(row, service))?;
            }
        }
        Ok(())
    }

    fn segments(&mut self) -> Result<(), QueryError> {
        let segments = self.reading.snapshot.segments();
        let (from, to) = self.window;
        let within = segments.iter().filter(|segment| {
            let (first, last) = segment.meta().start_time;
            first < to && last >= from
        });
        let within: Vec<&Segment> = within.map(AsRef::as_ref).collect();
        let mut runs = Vec::with_capacity(within.len());
        for segment in &within {
            match runs_of(segment) {
                Ok(found) => runs.push(found),
                Err(error) => {
                    self.unreadable(segment, &error);
                    runs.push(Vec::new());
                }
            }
        }
        let mut seen = HashSet::new();
        for run in runs.iter().flatten() {
            if !seen.insert(run.id) {
                self.joint.expect(run.id);
            }
        }
        for (segment, runs) in within.iter().zip(runs) {
            if self.reading.budget.over() {
                self.incomplete
                    .push("the time for a query is over".to_owned());
                return Ok(());
            }
            match self.segment(segment, &runs) {
                Err(error @ QueryError::Limit { .. }) => return Err(error),
                Err(error) => self.unreadable(segment, &error),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn unreadable(&mut self, segment: &Segment, error: &QueryError) {
        self.incomplete.push(format!(
            "segment {} cannot be read: {error}",
            segment.meta().name
        ));
    }

    /// Counts the calls in one segment.
    fn segment(&mut self, segment: &Segment, runs: &[Run]) -> Result<(), QueryError> {
        let mut runs = runs;
        while let Some(first) = runs.first() {
            let begin = first.first_row;
            let fits = |run: &&Run| run.first_row + run.rows - begin <= CHUNK_ROWS;
            let (chunk, rest) = runs.split_at(runs.iter().take_while(fits).count().max(1));
            let end = chunk.last().map_or(begin, |run| run.first_row + run.rows);
            let rows = segment.read_rows(SegmentTable::Spans, begin..end, Some(&COLUMNS))?;
            let columns = SpanColumns::new(&rows)?;
            for run in chunk {
                let first = (run.first_row - begin) as usize;
                self.run(segment, &columns, run.id, first..first + run.rows as usize)?;
            }
            runs = rest;
        }
        Ok(())
    }

    /// Counts the calls of one trace in one segment, or sets them aside.
    fn run(
        &mut self,
        segment: &Segment,
        columns: &SpanColumns,
        id: TraceId,
        rows: std::ops::Range<usize>,
    ) -> Result<(), QueryError> {
        if self.joint.expects(id) {
            for row in rows {
                let service = self.calls.service(columns.services.value(row));
                self.joint.push(id, columns.span(row, service))?;
            }
            return Ok(());
        }
        let orphan =
            |row: usize| columns.parent_offsets.is_null(row) && columns.parents.is_valid(row);
        if rows.clone().any(orphan) && self.lies_elsewhere(segment, id) {
            self.late.insert(id);
            return Ok(());
        }
        for row in rows {
            if let Some(parent) = columns.parent(row) {
                let span = columns.span(row, 0);
                let services = (columns.services.value(parent), columns.services.value(row));
                self.calls.count(services, span, self.window);
            }
        }
        Ok(())
    }

    fn lies_elsewhere(&self, here: &Segment, id: TraceId) -> bool {
        let others = self.reading.snapshot.segments().iter();
        let mut others = others.filter(|segment| segment.meta().name != here.meta().name);
        others.any(|segment| !matches!(segment.trace_rows(id), Ok(None)))
    }

    /// Counts the calls of traces with a parent outside of the window.
    fn late(&mut self) {
        for id in std::mem::take(&mut self.late) {
            if self.reading.budget.over() {
                self.incomplete
                    .push("the time for a query is over".to_owned());
                return;
            }
            let trace = self.reading.snapshot.trace(id).map_err(QueryError::from);
            let rows =
                trace.and_then(|trace| trace.map(|trace| SpanRows::new(&trace.rows)).transpose());
            match rows {
                Ok(Some(rows)) => self.whole(&rows),
                Ok(None) => {}
                Err(error) => self
                    .incomplete
                    .push(format!("trace {id} cannot be read: {error}")),
            }
        }
    }

    fn whole(&mut self, rows: &SpanRows) {
        for span in rows.iter() {
            if let Some(parent) = span.parent_row() {
                let services = (rows.span(parent).service_name(), span.service_name());
                let call = Span {
                    start_time: span.start_time(),
                    weight: span.sample_weight(),
                    ..Span::default()
                };
                self.calls.count(services, call, self.window);
            }
        }
    }
}

/// The columns of some spans.
struct SpanColumns {
    trace_ids: arrow::array::FixedSizeBinaryArray,
    ids: arrow::array::FixedSizeBinaryArray,
    parents: arrow::array::FixedSizeBinaryArray,
    kinds: arrow::array::StringViewArray,
    start_times: arrow::array::TimestampNanosecondArray,
    durations: arrow::array::Int64Array,
    weights: arrow::array::Float64Array,
    services: arrow::array::StringViewArray,
    parent_offsets: arrow::array::Int32Array,
}

impl SpanColumns {
    fn new(rows: &RecordBatch) -> Result<Self, QueryError> {
        let columns = Columns(rows);
        Ok(Self {
            trace_ids: columns.fixed("trace_id")?,
            ids: columns.fixed("span_id")?,
            parents: columns.fixed("parent_span_id")?,
            kinds: columns.text("kind")?,
            start_times: columns.time("start_time")?,
            durations: columns.i64("duration_ns")?,
            weights: columns.f64("sample_weight")?,
            services: columns.text("service_name")?,
            parent_offsets: columns.i32("parent_offset")?,
        })
    }

    fn trace_id(&self, row: usize) -> TraceId {
        TraceId::from_bytes(self.trace_ids.value(row)).unwrap_or_default()
    }

    fn span(&self, row: usize, service: u32) -> Span {
        Span {
            id: joint::span_id(self.ids.value(row)),
            parent: self
                .parents
                .is_valid(row)
                .then(|| joint::span_id(self.parents.value(row))),
            role: joint::role(self.kinds.value(row)),
            service,
            start_time: self.start_times.value(row),
            duration_ns: self.durations.value(row),
            weight: self.weights.value(row),
        }
    }

    /// Row of the parent, if it is among these rows.
    fn parent(&self, row: usize) -> Option<usize> {
        let offset = self
            .parent_offsets
            .is_valid(row)
            .then(|| self.parent_offsets.value(row))?;
        row.checked_sub(usize::try_from(offset).ok()?)
    }
}

/// Calls between services, by number.
#[derive(Default)]
struct Calls {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
    counts: HashMap<(u32, u32), f64>,
}

impl Calls {
    /// The number of a service.
    fn service(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        number
    }

    /// Counts the call `span` between the two named services, if it starts within `window`.
    fn count(&mut self, services: (&str, &str), span: Span, window: (i64, i64)) {
        if services.0 != services.1 {
            let numbers = (self.service(services.0), self.service(services.1));
            self.add(numbers, span, window);
        }
    }

    fn add(&mut self, services: (u32, u32), span: Span, window: (i64, i64)) {
        if services.0 != services.1 && (window.0..window.1).contains(&span.start_time) {
            *self.counts.entry(services).or_default() += span.weight;
        }
    }

    fn edges(self) -> Vec<Edge> {
        let names = &self.names;
        let sorted: BTreeMap<(&str, &str), f64> = self
            .counts
            .iter()
            .map(|((parent, child), count)| {
                (
                    (
                        names[*parent as usize].as_str(),
                        names[*child as usize].as_str(),
                    ),
                    *count,
                )
            })
            .collect();
        let edge = |((parent, child), count): ((&str, &str), f64)| Edge {
            parent: parent.to_owned(),
            child: child.to_owned(),
            call_count: count.round() as u64,
        };
        sorted.into_iter().map(edge).collect()
    }
}
