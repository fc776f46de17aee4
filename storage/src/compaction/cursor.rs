//! One input of a merge, read trace by trace in the order of its rows.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::UInt32Type;

use super::held::{Held, Key, Piece};
use super::survey::InputRows;
use crate::batch::SpanBatch;
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::policy::Weighing;
use crate::segment::plan::{PlannedRow, SHAPE_SPANS_MAX, Shape, operation_hash};
use crate::segment::stream::{SpanPart, SpanStream};
use crate::segment::{Segment, SegmentTable};
use crate::trace::columns::SpanColumns;
use crate::trace::gather::SpanRef;
use crate::trace::summary::Summary;

/// Rows of `traces` that are read at a time.
const TRACES: u32 = 4096;
/// Place of `span_count` and `first_row` in `traces`.
const SPAN_COUNT: usize = 5;
const FIRST_ROW: usize = 12;

/// The next trace of an input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) id: TraceId,
    pub(super) spans: usize,
}

/// An input.
pub(super) struct Cursor<'a> {
    segment: &'a Segment,
    repeats_ids: bool,
    /// The rows that are wanted, ascending; whole traces.
    wanted: &'a [Range<usize>],
    /// Rows of `traces`, and the one that is next among them.
    traces: RecordBatch,
    trace: usize,
    /// The row of `traces` that follows those.
    next_traces: u32,
    spans: SpanStream,
    /// What is read and not used up; of the first part the rows from `at` on.
    parts: VecDeque<SpanPart>,
    at: usize,
    /// Rows in `parts` that are not used up.
    available: usize,
    /// Traces that hold rows of the first part.
    held: Vec<TraceId>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(segment: &'a Segment, wanted: &'a InputRows) -> Result<Self, StoreError> {
        Ok(Self {
            segment,
            repeats_ids: segment.repeats_span_ids()?,
            wanted: &wanted.rows,
            traces: RecordBatch::new_empty(SegmentTable::Traces.schema()),
            trace: 0,
            next_traces: wanted.first_trace,
            spans: SpanStream::new(segment, wanted.rows.clone())?,
            parts: VecDeque::new(),
            at: 0,
            available: 0,
            held: Vec::new(),
        })
    }

    /// The next trace; `None` behind the last one.
    pub(super) fn head(&mut self) -> Result<Option<Head>, StoreError> {
        loop {
            if self.wanted.is_empty() {
                return Ok(None);
            }
            if self.trace == self.traces.num_rows() && !self.read_traces()? {
                return Ok(None);
            }
            let number = |place: usize| {
                let column = self.traces.column(place).as_primitive::<UInt32Type>();
                column.value(self.trace) as usize
            };
            let (first, spans) = (number(FIRST_ROW), number(SPAN_COUNT));
            // Nothing wanted is left in front of this trace.
            let passed = self.wanted.partition_point(|range| range.end <= first);
            self.wanted = &self.wanted[passed..];
            if self
                .wanted
                .first()
                .is_some_and(|range| range.start <= first)
            {
                let ids = self.traces.column(0).as_fixed_size_binary();
                let id = TraceId::from_bytes(ids.value(self.trace)).unwrap_or_default();
                return Ok(Some(Head { id, spans }));
            }
            self.trace += 1;
        }
    }

    fn read_traces(&mut self) -> Result<bool, StoreError> {
        let (start, count) = (self.next_traces, self.segment.meta().trace_count as u32);
        let end = count.min(start.saturating_add(TRACES));
        if start >= end {
            return Ok(false);
        }
        self.traces = self
            .segment
            .read_rows(SegmentTable::Traces, start..end, None)?;
        self.trace = 0;
        self.next_traces = end;
        Ok(true)
    }

    /// What `traces` says of the next trace.
    pub(super) fn summary(&self) -> Summary<'_> {
        Summary::of_row(&self.traces, self.trace, self.repeats_ids)
    }

    /// Where the next trace stands in the order.
    pub(super) fn key(&mut self, head: Head) -> Result<Key, StoreError> {
        let spans = head.spans.min(SHAPE_SPANS_MAX);
        self.fill(spans)?;
        let mut shape = Shape::default();
        let (mut left, mut at) = (spans, self.at);
        for part in &self.parts {
            let columns = SpanColumns::of_batch(&part.batch);
            let rows = at..part.batch.len().min(at + left);
            left -= rows.len();
            for row in rows {
                let operation = (columns.service(row), columns.name(row), columns.kind(row));
                shape.add(operation_hash(operation), part.depth.value(row));
            }
            at = 0;
        }
        let summary = self.summary();
        Ok(Key {
            root_service: summary.root_service.to_owned(),
            root_name: summary.root_name.to_owned(),
            shape: shape.finish(),
            start_unix_nano: summary.start_unix_nano,
        })
    }

    /// Reads until so many rows are there.
    fn fill(&mut self, rows: usize) -> Result<(), StoreError> {
        while self.available < rows {
            let Some(part) = self.spans.next()? else {
                let message = "has fewer spans than its traces say".to_owned();
                return Err(self.segment.corrupt(message));
            };
            self.available += part.batch.len();
            self.parts.push_back(part);
        }
        Ok(())
    }

    /// Uses up rows of the trace under way, `rows` of them or as many as lie together, at least one, and shows each to `row`. How many, and
    /// their bytes, about.
    pub(super) fn emit(
        &mut self,
        rows: usize,
        weighing: Weighing,
        waiting: &mut Held,
        mut row: impl FnMut(&Arc<SpanBatch>, usize, PlannedRow),
    ) -> Result<(usize, usize), StoreError> {
        self.fill(1)?;
        let (rows, bytes) = {
            let part = &self.parts[0];
            let rows = self.at..part.batch.len().min(self.at + rows);
            for place in rows.clone() {
                let offset = &part.parent_offset;
                let planned = PlannedRow {
                    span: SpanRef { batch: 0, row: 0 },
                    depth: part.depth.value(place),
                    parent_offset: if offset.is_null(place) {
                        0
                    } else {
                        offset.value(place)
                    },
                    subtree_size: part.subtree_size.value(place),
                    weighing,
                };
                row(&part.batch, place, planned);
            }
            (rows.len(), rows.len() * part.row_bytes)
        };
        self.advance(rows, waiting);
        Ok((rows, bytes))
    }

    /// Uses up the rows of the next trace without a look at them.
    pub(super) fn skip(&mut self, head: Head, waiting: &mut Held) -> Result<(), StoreError> {
        let mut left = head.spans;
        while left > 0 {
            self.fill(1)?;
            let rows = left.min(self.parts[0].batch.len() - self.at);
            self.advance(rows, waiting);
            left -= rows;
        }
        self.end_trace();
        Ok(())
    }

    /// The rows of the next trace, which are not used up by that.
    pub(super) fn pieces(&mut self, head: Head) -> Result<Vec<Piece>, StoreError> {
        self.fill(head.spans)?;
        let (mut left, mut at) = (head.spans, self.at);
        let mut pieces = Vec::new();
        for part in &self.parts {
            if left == 0 {
                break;
            }
            let rows = at..part.batch.len().min(at + left);
            left -= rows.len();
            pieces.push(Piece {
                batch: Arc::clone(&part.batch),
                rows,
            });
            at = 0;
        }
        Ok(pieces)
    }

    /// Uses up the rows of the next trace, which waits and holds on to them.
    pub(super) fn hold(&mut self, head: Head, waiting: &mut Held) {
        let mut left = head.spans;
        while left > 0 {
            self.held.push(head.id);
            let rows = left.min(self.parts[0].batch.len() - self.at);
            self.advance(rows, waiting);
            left -= rows;
        }
        self.end_trace();
    }

    /// All rows of the next trace are used up.
    pub(super) fn end_trace(&mut self) {
        self.trace += 1;
    }

    fn advance(&mut self, rows: usize, waiting: &mut Held) {
        self.at += rows;
        self.available -= rows;
        if self.parts[0].batch.len() == self.at
            && let Some(part) = self.parts.pop_front()
        {
            self.at = 0;
            waiting.detach(&part.batch, &std::mem::take(&mut self.held));
        }
    }
}
