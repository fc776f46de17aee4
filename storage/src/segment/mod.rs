//! A segment: what one flush or one merge writes, never changed afterwards.
//!
//! ```text
//!   <name>.spans.parquet    `spans`, a trace's rows together and depth first, traces clustered by kind     see `plan`;
//!                           attributes that occur often in columns of their own                           see `attributes`
//!   <name>.traces.parquet   `traces`, in the order of their rows in `spans`
//!   <name>.index            filters, trace id -> rows, operations, checksums of the other two              see `index`
//! ```
//!
//! The Parquet files are plain: any reader of Parquet can use them without the index. Their footers carry `clew.format` and
//! `clew.table`.
//!
//! Invariants:
//! - every file was made durable before the manifest names the segment;
//! - whatever is read is checked against a checksum first: damage is a [`StoreError::Corrupt`], never a wrong row or a panic;
//! - a filter may say yes in error, never no.
//!
//! [`StoreError::Corrupt`]: crate::StoreError::Corrupt

mod ahead;
pub mod attributes;
mod cache;
mod contents;
mod copy;
mod epoch;
mod file;
mod files;
pub mod ids;
mod index;
mod layouts;
pub(crate) mod plan;
mod properties;
mod reader;
mod rows;
pub(crate) mod slices;
pub(crate) mod stream;
mod table;
mod table_writer;
#[cfg(test)]
pub(crate) mod tests;
mod window;
mod writer;

use std::ops::RangeInclusive;

use arrow::datatypes::SchemaRef;

use crate::schema;
pub use cache::SegmentCache;
pub use epoch::write;
pub(crate) use epoch::write_planned;
pub use index::Operation;
pub use index::values::Held;
pub(crate) use layouts::Layouts;
pub use reader::{Segment, TracePlace};
pub use window::TimeWindow;
pub use writer::NewSegment;
pub(crate) use writer::SegmentWriter;

/// Version of the files that this code writes.
pub const FORMAT: u32 = 3;
/// Versions that it reads. Files of version 2 have the ids of spans and parents in a column each, and at most 62 columns of attributes for
/// each owner.
const FORMATS_READ: RangeInclusive<u32> = 2..=FORMAT;

/// What is wrong with a file of version `format`, if it is not one that this code reads.
pub(crate) fn unknown_format(format: &str) -> Option<String> {
    let known = format
        .parse()
        .is_ok_and(|format| FORMATS_READ.contains(&format));
    let (oldest, newest) = (FORMATS_READ.start(), FORMATS_READ.end());
    (!known).then(|| {
        format!("has format `{format}`, and this version reads {oldest} to {newest}: read it with the version that wrote it")
    })
}

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
    /// The merge that made it; `None` for what a flush wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<Merged>,
    /// It holds nothing but pinned traces that retention has left over, and stays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_pinned: bool,
    /// Its traces wait for the decision of tail sampling; nothing of it has been dropped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_undecided: bool,
}

impl SegmentMeta {
    /// True when its traces were sampled when they were old.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.merged.is_some_and(|merged| merged.is_sampled)
    }
}

/// Where a merge has put a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Merged {
    /// All traces of the segment begin here.
    pub window: TimeWindow,
    /// The same for all segments that one merge made, and for no others.
    pub merge_id: u64,
    /// Its traces were sampled when they were old; this is done once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_sampled: bool,
}

/// Which of a segment's two Parquet files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SegmentTable {
    /// `spans`.
    Spans,
    /// `traces`.
    Traces,
}

impl SegmentTable {
    /// Name of the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::Traces => "traces",
        }
    }

    /// Schema of the table.
    #[must_use]
    pub fn schema(self) -> SchemaRef {
        match self {
            Self::Spans => schema::spans(),
            Self::Traces => schema::traces(),
        }
    }

    /// Place of the table's file among a segment's.
    fn place(self) -> usize {
        match self {
            Self::Spans => 0,
            Self::Traces => 1,
        }
    }
}
