//! Collecting the parts of one trace within bounds.

use std::ops::Range;

use arrow::array::{Array, AsArray, RecordBatch, UInt32Array};
use arrow::datatypes::DataType;

use crate::batch::SpanBatch;
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::limits::TRACE_BYTES_MAX;
use crate::segment::{Segment, SegmentTable};

/// Rows that are read first where nothing tells how large they are.
const STEP_ROWS_MIN: usize = 16;
/// Rows that are read at a time, once it is known that they are small.
const STEP_ROWS_MAX: usize = 8192;
/// Bytes that a step should have at most.
const STEP_BYTES: usize = 8 << 20;

/// What has been found of a trace.
#[derive(Debug)]
pub(super) struct Parts {
    /// Tables with all columns of `spans`.
    pub(super) tables: Vec<RecordBatch>,
    /// Spans that may still be taken.
    room: usize,
    /// Bytes that may still be taken.
    bytes: usize,
    /// Spans that were not taken.
    pub(super) truncated: usize,
}

impl Parts {
    pub(super) fn new(spans_max: usize) -> Self {
        Self {
            tables: Vec::new(),
            room: spans_max,
            bytes: TRACE_BYTES_MAX,
            truncated: 0,
        }
    }

    /// True when no span of the trace was met.
    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.truncated == 0
    }

    pub(super) fn add_hot(&mut self, id: TraceId, batch: &SpanBatch) {
        let rows = batch.rows_of_trace(id);
        let read = |step: Range<usize>| {
            Ok(batch.rows_to_table(&UInt32Array::from(rows[step].to_vec()), None))
        };
        let added: Result<(), std::convert::Infallible> = self.add(rows.len(), STEP_ROWS_MIN, read);
        let Ok(()) = added;
    }

    /// Adds what a segment holds of the trace; false when that is nothing.
    pub(super) fn add_stored(
        &mut self,
        id: TraceId,
        segment: &Segment,
    ) -> Result<bool, StoreError> {
        let Some(rows) = segment.trace_rows(id)? else {
            return Ok(false);
        };
        let step =
            |step: Range<usize>| rows.start + step.start as u32..rows.start + step.end as u32;
        let first = 0..rows.len().min(STEP_ROWS_MAX);
        let small = segment
            .page_bytes(SegmentTable::Spans, step(first.clone()))?
            .is_some_and(|bytes| bytes <= STEP_BYTES);
        let first = if small { first.end } else { STEP_ROWS_MIN };
        self.add(rows.len(), first, |rows| {
            segment.read_rows(SegmentTable::Spans, step(rows), None)
        })?;
        Ok(true)
    }

    /// Takes of `found` spans as many as there is room for, in steps that follow the size of those before; the first takes
    /// `step` spans.
    fn add<E>(
        &mut self,
        found: usize,
        mut step: usize,
        read: impl Fn(Range<usize>) -> Result<RecordBatch, E>,
    ) -> Result<(), E> {
        let mut taken = 0;
        while taken < found && self.room > 0 && self.bytes > 0 {
            let rows = step.min(found - taken).min(self.room);
            let table = read(taken..taken + rows)?;
            taken += rows;
            self.room -= rows;
            let bytes: usize = table.columns().iter().map(|column| bytes_of(column)).sum();
            self.bytes = self.bytes.saturating_sub(bytes);
            step = (rows * STEP_BYTES / bytes.max(1)).clamp(1, STEP_ROWS_MAX);
            self.tables.push(table);
        }
        self.truncated += found - taken;
        Ok(())
    }
}

/// Bytes of the values of an array. Text views count what they show, not the buffers that they share.
pub(crate) fn bytes_of(array: &dyn Array) -> usize {
    match array.data_type() {
        DataType::Utf8View => array
            .as_string_view()
            .lengths()
            .map(|length| length as usize + 16)
            .sum(),
        DataType::Map(..) => bytes_of(array.as_map().entries()) + 4 * array.len(),
        DataType::List(_) => bytes_of(array.as_list::<i32>().values()) + 4 * array.len(),
        DataType::Struct(_) => array
            .as_struct()
            .columns()
            .iter()
            .map(|column| bytes_of(column))
            .sum(),
        _ => array
            .to_data()
            .get_slice_memory_size()
            .unwrap_or(usize::MAX),
    }
}
