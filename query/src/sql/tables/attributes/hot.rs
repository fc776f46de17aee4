//! Attributes in the hot window, where every span has its map.

use arrow::array::{AsArray, RecordBatch};
use clew_storage::SpanBatch;
use clew_storage::schema::{self as stored, column};
use datafusion::common::Result;

use super::super::pass::Out;
use super::condition::met;
use super::entries::Chunk;
use super::part::Part;
use super::scan::{Scan, column_of_spans};

/// Spans that are worked on at a time.
const HOT_ROWS: usize = 8_192;

/// What a scan reads of the hot window.
pub(super) struct Hot<'a> {
    scan: &'a Scan,
    /// The map, the columns that are asked for and the condition, if there is one.
    part: Part,
}

impl<'a> Hot<'a> {
    /// What `scan` reads.
    ///
    /// # Errors
    /// When its condition is not over `spans`.
    pub(super) fn new(scan: &'a Scan) -> Result<Self> {
        let mut exprs = vec![column_of_spans(column::ATTRIBUTES)];
        exprs.extend(scan.of_spans().map(column_of_spans));
        exprs.extend(scan.condition.of_span.clone());
        let part = Part::of(exprs, &stored::spans())?;
        Ok(Self { scan, part })
    }

    /// Gives what a batch has; false when nobody wants more.
    ///
    /// # Errors
    /// When the condition cannot be evaluated.
    pub(super) fn batch(&self, batch: &SpanBatch, send: Out<'_>) -> Result<bool> {
        let rows_max = HOT_ROWS.min(self.scan.chunk_rows_max());
        for rows in batch.tables(Some(&self.part.columns), rows_max) {
            if !send(self.entries(&rows)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn entries(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let mut columns = self.part.of_rows(rows)?;
        let condition = match self.scan.condition.of_span {
            Some(_) => columns.pop(),
            None => None,
        };
        let map = columns.remove(0);
        let chunk = Chunk {
            scan: self.scan,
            spans: &columns,
            wanted: condition.as_deref().map(met).transpose()?,
        };
        chunk.of_map(map.as_map())
    }
}
