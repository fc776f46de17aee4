//! Rows on their way into a segment, gathered from wherever they lie until they are enough to be written together.

use std::collections::HashMap;
use std::sync::Arc;

use crate::batch::SpanBatch;
use crate::error::StoreError;
use crate::segment::SegmentWriter;
use crate::segment::plan::PlannedRow;
use crate::trace::gather::SpanRef;

/// Rows that are written together.
const ROWS_MAX: usize = 4096;
/// Bytes that are written together, about.
const BYTES_MAX: usize = 16 << 20;

/// The rows.
#[derive(Default)]
pub(super) struct Chunk {
    batches: Vec<Arc<SpanBatch>>,
    /// Place of each batch, by its address.
    places: HashMap<usize, usize>,
    rows: Vec<(usize, usize)>,
    planned: Vec<PlannedRow>,
    ends: Vec<usize>,
    bytes: usize,
}

impl Chunk {
    /// Takes the next row of the trace under way. Its place in `planned` is set here.
    pub(super) fn push(&mut self, batch: &Arc<SpanBatch>, row: usize, planned: PlannedRow) {
        let address = Arc::as_ptr(batch) as usize;
        let place = *self.places.entry(address).or_insert_with(|| {
            self.batches.push(Arc::clone(batch));
            self.batches.len() - 1
        });
        self.planned.push(PlannedRow {
            span: SpanRef {
                batch: 0,
                row: self.rows.len() as u32,
            },
            ..planned
        });
        self.rows.push((place, row));
    }

    /// Counts the bytes of rows that were taken.
    pub(super) fn add_bytes(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// The trace ends behind the row that was taken last.
    pub(super) fn end_trace(&mut self) {
        self.ends.push(self.rows.len());
    }

    /// True when the rows are enough.
    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= ROWS_MAX || self.bytes >= BYTES_MAX
    }

    /// Rows that fit in before it is full, at least one.
    pub(super) fn room(&self) -> usize {
        ROWS_MAX.saturating_sub(self.rows.len()).max(1)
    }

    /// Writes the rows and is empty again.
    pub(super) fn write(&mut self, writer: &mut SegmentWriter<'_>) -> Result<(), StoreError> {
        let chunk = std::mem::take(self);
        if chunk.rows.is_empty() {
            return Ok(());
        }
        let batches: Vec<&SpanBatch> = chunk.batches.iter().map(|batch| &**batch).collect();
        let gathered = SpanBatch::gather(&batches, &chunk.rows);
        writer.write(gathered, &chunk.planned, &chunk.ends)
    }
}
