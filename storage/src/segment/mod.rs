//! A segment: what one flush writes, never changed afterwards.
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

pub mod attributes;
mod cache;
mod file;
mod index;
mod plan;
mod properties;
mod reader;
mod rows;
mod table;
#[cfg(test)]
mod tests;
mod writer;

use arrow::datatypes::SchemaRef;

use crate::schema;
pub use cache::SegmentCache;
pub use index::Operation;
pub use reader::{Segment, TracePlace};
pub use writer::{NewSegment, write};

/// Version of the files that this code writes, and the only one that it reads.
pub const FORMAT: u32 = 2;

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
