//! A segment: what one flush writes. Files `<name>.spans.parquet`, `<name>.traces.parquet`, `<name>.index`.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;

use crate::batch::SpanBatch;
use crate::env::Env;
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::policy::FlushPolicy;

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

/// What a segment that is about to be written is called.
#[derive(Debug, Clone, Copy)]
pub struct NewSegment<'a> {
    /// Data directory.
    pub data_dir: &'a Path,
    /// Name: path below the data directory without the endings; not taken yet. Its directory is made where absent.
    pub name: &'a str,
    /// Tenant.
    pub tenant: &'a str,
    /// First and last log sequence number of the spans, inclusive.
    pub wal: (u64, u64),
}

/// Writes the spans of `batches` that `policy` keeps as a new segment; `None`, and no file, when it keeps none.
///
/// Everything is durable, names included, when this returns `Ok`. On an error the files are removed as far as possible.
/// Blocks; takes memory for some 50 bytes a span and one row group.
///
/// # Errors
/// When a file cannot be written.
pub fn write(
    env: &Env,
    new: &NewSegment<'_>,
    batches: &[Arc<SpanBatch>],
    policy: &dyn FlushPolicy,
) -> Result<Option<SegmentMeta>, StoreError> {
    let _ = (env, new, batches, policy);
    todo!()
}

/// What all segments of a store share: footers, indexes and open files, each kind bounded.
#[derive(Debug)]
pub struct SegmentCache {
    _private: (),
}

impl SegmentCache {
    /// An empty cache for `bytes` of footers and indexes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let _ = bytes;
        todo!()
    }
}

/// An open segment. Reads block; call from a blocking thread or accept page-cache reads.
#[derive(Debug)]
pub struct Segment {
    _private: (),
}

impl Segment {
    /// The segment that `meta` tells of. Opens and reads nothing yet, so damage shows when it is first used.
    #[must_use]
    pub fn open(env: &Env, data_dir: &Path, meta: SegmentMeta, cache: &Arc<SegmentCache>) -> Self {
        let _ = (env, data_dir, meta, cache);
        todo!()
    }

    /// A quick look for damage: files are there and as long as they should be, the index can be read.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), StoreError> {
        todo!()
    }

    /// Reads every byte and compares the checksums with the manifest's.
    ///
    /// # Errors
    /// What is wrong, first file first.
    pub fn verify(&self) -> Result<(), StoreError> {
        todo!()
    }

    /// Paths of the three files: spans, traces, index.
    #[must_use]
    pub fn paths(data_dir: &Path, name: &str) -> [std::path::PathBuf; 3] {
        ["spans.parquet", "traces.parquet", "index"]
            .map(|ending| data_dir.join(format!("{name}.{ending}")))
    }

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
