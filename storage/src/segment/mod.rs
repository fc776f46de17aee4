//! A segment: what one flush writes. Files `<name>.spans.parquet`, `<name>.traces.parquet`, `<name>.index`.

use std::ops::Range;

use arrow::array::RecordBatch;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;

use crate::error::StoreError;
use crate::ids::TraceId;

/// Facts about a segment that stand in the manifest and serve to prune.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SegmentMeta {
    /// Name: path below the data directory without the endings.
    pub name: String,
    /// Tenant.
    pub tenant: String,
    /// Format version of the files.
    pub format: u32,
    /// First and last log sequence number, inclusive.
    pub wal: (u64, u64),
    /// Rows of `spans`.
    pub span_count: u64,
    /// Rows of `traces`.
    pub trace_count: u64,
    /// Bytes of the three files: spans, traces, index.
    pub file_bytes: [u64; 3],
    /// CRC32 of the three files.
    pub file_crc: [u32; 3],
    /// Earliest and latest `start_time` (signed ns).
    pub start_time: (i64, i64),
    /// Earliest and latest `ingested_at` (signed ns).
    pub ingested_at: (i64, i64),
    /// Distinct service names, sorted; empty when there are more than 1,000.
    pub services: Vec<String>,
}

/// Which of a segment's two Parquet files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SegmentTable {
    /// `spans`.
    Spans,
    /// `traces`.
    Traces,
}

/// An open segment. Reads block; call from a blocking thread or accept page-cache reads.
#[derive(Debug)]
pub struct Segment {
    _private: (),
}

impl Segment {
    /// Facts from the manifest.
    #[must_use]
    pub fn meta(&self) -> &SegmentMeta {
        todo!()
    }

    /// Bytes `range` of a file, for the Parquet reader.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self, table: SegmentTable, range: Range<u64>) -> Result<bytes::Bytes, StoreError> {
        let _ = (table, range);
        todo!()
    }

    /// Footer with page index, cached.
    ///
    /// # Errors
    /// When the footer cannot be read.
    pub fn metadata(&self, table: SegmentTable) -> Result<ArrowReaderMetadata, StoreError> {
        let _ = table;
        todo!()
    }

    /// Rows of `spans` that hold the trace, if it is here: a filter in memory first, then the index on disk.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn trace_rows(&self, id: TraceId) -> Result<Option<Range<u32>>, StoreError> {
        let _ = id;
        todo!()
    }

    /// Reads the rows `rows` of a table with the columns `projection` (indices into the table's schema, all if `None`), as the schema says.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_rows(
        &self,
        table: SegmentTable,
        rows: Range<u32>,
        projection: Option<&[usize]>,
    ) -> Result<RecordBatch, StoreError> {
        let _ = (table, rows, projection);
        todo!()
    }

    /// False when no span of row group `row_group` of `spans` has an attribute (span, resource, scope, event or link level)
    /// `key` whose canonical text is `value`. May be true in error, never false.
    ///
    /// # Errors
    /// When the filter cannot be read.
    pub fn row_group_may_hold(
        &self,
        row_group: usize,
        key: &str,
        value: &str,
    ) -> Result<bool, StoreError> {
        let _ = (row_group, key, value);
        todo!()
    }
}
