//! A whole trace put together from its parts, and the rows of `traces`.

use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::batch::SpanBatch;
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::segment::Segment;
use crate::snapshot::TraceRows;

/// The trace `id`, from all batches and segments that hold spans of it; `None` when none does.
///
/// Of more than `spans_max` spans the first ones met are kept, hot ones first. Reads files.
///
/// # Errors
/// When a segment cannot be read and nothing of the trace was found elsewhere.
pub fn assemble(
    id: TraceId,
    hot: &[Arc<SpanBatch>],
    segments: &[Arc<Segment>],
    spans_max: usize,
) -> Result<Option<TraceRows>, StoreError> {
    let _ = (id, hot, segments, spans_max);
    todo!()
}

/// Rows of [`schema::traces`](crate::schema::traces) for the spans of `batches`, one a trace, `first_row` 0.
#[must_use]
pub fn summaries(batches: &[Arc<SpanBatch>]) -> RecordBatch {
    let _ = batches;
    todo!()
}
