//! A whole trace put together from its parts, and the rows of `traces`.
//!
//! Both stand on the same steps, as the segment writer does: gather a trace's spans, drop copies that are identical in every field,
//! order the rest as a tree.

pub(crate) mod columns;
pub(crate) mod content;
pub(crate) mod gather;
pub(crate) mod parts;
pub(crate) mod summary;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};

use crate::batch::SpanBatch;
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::policy::Weighing;
use crate::schema::{self, column};
use crate::segment::{Segment, SegmentTable};
use crate::snapshot::TraceRows;
use crate::tree::TreeRow;
use columns::SpanColumns;
use content::{Spans, write_table_row};
use gather::Gathered;
use parts::Parts;
use summary::{Summary, TracesBuilder};

const ONE_SCHEMA: &str = "all parts have the schema of `spans`, and are far below 2^31 bytes";

/// The trace `id`, from all batches and segments that hold spans of it; `None` when none does.
///
/// Of more than `spans_max` spans, or more than [`TRACE_BYTES_MAX`](crate::limits::TRACE_BYTES_MAX) bytes of them, the first ones
/// met are kept, hot ones first. Reads files.
///
/// # Errors
/// When a segment cannot be read and nothing of the trace was found elsewhere.
pub fn assemble(
    id: TraceId,
    hot: &[Arc<SpanBatch>],
    segments: &[Arc<Segment>],
    spans_max: usize,
) -> Result<Option<TraceRows>, StoreError> {
    let mut parts = Parts::new(spans_max);
    for batch in hot {
        parts.add_hot(id, batch);
    }
    let (mut failures, mut segments_read) = (Vec::new(), 0);
    for segment in segments.iter().rev() {
        match parts.add_stored(id, segment) {
            Ok(held) => segments_read += usize::from(held),
            Err(error) => {
                segments_read += 1;
                failures.push(error);
            }
        }
    }
    if parts.is_empty() {
        return failures.into_iter().next().map_or(Ok(None), Err);
    }
    Ok(Some(TraceRows {
        rows: arrange(&joined(&parts.tables)),
        truncated_span_count: parts.truncated,
        segments_read,
        unreadable: failures.iter().map(ToString::to_string).collect(),
    }))
}

/// The span in row `row` of what [`assemble`] makes of trace `id`, with all columns of `spans`; those that tell its place may be null.
/// `None` when there is no such trace or row.
///
/// A trace that lies in one segment, or in the hot window alone, is not put together for it.
///
/// # Errors
/// As [`assemble`].
pub fn span_at(
    id: TraceId,
    row: usize,
    hot: &[Arc<SpanBatch>],
    segments: &[Arc<Segment>],
    spans_max: usize,
) -> Result<Option<RecordBatch>, StoreError> {
    let gathered = Gathered::of_trace(hot, id);
    let mut stored = Vec::new();
    for segment in segments {
        stored.extend(segment.trace_rows(id)?.map(|rows| (segment, rows)));
    }
    match (gathered.len(), stored.as_slice()) {
        (0, []) => Ok(None),
        // A segment has a trace's rows in this very order, without copies; a beginning of them keeps its order.
        (0, [(segment, rows)]) => {
            if row >= rows.len().min(spans_max) {
                return Ok(None);
            }
            let row = rows.start + row as u32;
            segment
                .read_rows(SegmentTable::Spans, row..row + 1, None)
                .map(Some)
        }
        (spans, []) if spans <= spans_max => Ok(hot_span_at(&gathered, row)),
        _ => {
            let trace = assemble(id, hot, segments, spans_max)?;
            let rows = trace.map(|trace| trace.rows);
            Ok(rows
                .filter(|rows| row < rows.num_rows())
                .map(|rows| rows.slice(row, 1)))
        }
    }
}

fn hot_span_at(spans: &Gathered<'_>, row: usize) -> Option<RecordBatch> {
    let (rows, tree) = content::arrange(spans, 0..spans.len() as u32);
    let span = spans.span(rows[tree.get(row)?.node as usize]);
    let batch = &spans.batches[span.batch as usize];
    Some(batch.rows_to_table(&UInt32Array::from(vec![span.row]), None))
}

fn joined(tables: &[RecordBatch]) -> RecordBatch {
    concat_batches(&schema::spans(), tables).expect(ONE_SCHEMA)
}

/// A table with all columns of `spans`.
pub(crate) struct Table<'a> {
    columns: SpanColumns<'a>,
    table: &'a RecordBatch,
}

impl<'a> Table<'a> {
    pub(crate) fn new(table: &'a RecordBatch) -> Self {
        Self {
            columns: SpanColumns::of_table(table),
            table,
        }
    }
}

impl Spans for Table<'_> {
    fn columns(&self, row: usize) -> (&SpanColumns<'_>, usize) {
        (&self.columns, row)
    }

    fn write_content(&self, row: usize, out: &mut Vec<u8>) {
        write_table_row(self.table, row, out);
    }
}

/// The rows of one trace in order, without copies, structure columns filled.
fn arrange(table: &RecordBatch) -> RecordBatch {
    let spans = Table::new(table);
    let (rows, tree) = content::arrange(&spans, 0..table.num_rows() as u32);
    let order: UInt32Array = tree.iter().map(|row| rows[row.node as usize]).collect();
    let ordered = take_record_batch(table, &order).expect("rows are in range");
    let mut columns = ordered.columns().to_vec();
    columns.truncate(column::DEPTH);
    columns.extend(structure(&tree));
    RecordBatch::try_new(schema::spans(), columns).expect(ONE_SCHEMA)
}

/// The columns `depth`, `parent_offset` and `subtree_size`.
fn structure(tree: &[TreeRow]) -> [ArrayRef; 3] {
    let depth: Int32Array = tree.iter().map(|row| Some(row.depth as i32)).collect();
    let offset =
        |(place, row): (usize, &TreeRow)| row.parent.map(|parent| (place as u32 - parent) as i32);
    let parent_offset: Int32Array = tree.iter().enumerate().map(offset).collect();
    let subtree_size: Int32Array = tree
        .iter()
        .map(|row| Some(row.subtree_size as i32))
        .collect();
    [
        Arc::new(depth),
        Arc::new(parent_offset),
        Arc::new(subtree_size),
    ]
}

/// Rows of [`schema::traces`] for the spans of `batches`, one a trace, `first_row` 0, sorted by trace id.
#[must_use]
pub fn summaries(batches: &[Arc<SpanBatch>]) -> RecordBatch {
    let gathered = Gathered::of(batches);
    let mut builder = TracesBuilder::new();
    for trace in gathered.traces() {
        let (rows, tree) = content::arrange(&gathered, trace);
        let summary = Summary::of(&gathered, &rows, &tree);
        builder.push(&summary, Weighing::UNCHANGED, 0);
    }
    builder.finish()
}
