//! Every limit of the store, in one place.

use std::time::Duration;

/// Text bytes of one payload's spans when each is given a copy of its resource and scope; decoders refuse more.
pub const TABLE_BYTES_MAX: usize = 1 << 30;

/// Bytes of the spans of one trace that a look-up returns; the rest is reported as truncated.
pub const TRACE_BYTES_MAX: usize = 256 << 20;

/// Rows of one table that are counted at a flush; what does not fit is counted as "other".
pub const DERIVED_ROWS_MAX: usize = 20_000;

/// Rows that files of a derived table are merged up to.
pub const DERIVED_MERGED_ROWS_MAX: usize = 100_000;

/// Series of running totals of spans, one for each service, name, kind and status.
pub const TOTALS_SERIES_MAX: usize = 5_000;

/// Sides of calls between services that wait for the other side.
pub const PENDING_CALLS_MAX: usize = 8_192;

/// Traces that may be pinned.
pub const PINNED_TRACES_MAX: usize = 10_000;

/// Bounds on memory, files and time. Sizes in bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// A log file is preallocated at this size and a new one begun when it is full.
    pub wal_segment_bytes: u64,
    /// Payload bytes that may wait for the log's writer; beyond it `append` answers `Overloaded`.
    pub wal_queue_bytes: usize,
    /// Payload bytes that one write and one fdatasync take together; a larger payload goes alone.
    pub wal_group_bytes: usize,
    /// One record in the log: a payload, a header, and twelve bytes a run of equal weights. Not above `wal_queue_bytes`.
    pub wal_record_bytes_max: usize,
    /// Memory of an epoch at which it is closed and flushed.
    pub epoch_bytes: usize,
    /// Age of an epoch at which it is closed and flushed.
    pub epoch_age: Duration,
    /// Memory of the whole hot window; beyond it `append` answers `Overloaded`.
    pub hot_window_bytes: usize,
    /// With tail sampling, bytes of segments whose traces wait for their decision, because memory has run out; beyond it the oldest are decided about
    /// early. 0 writes none.
    pub tail_spill_bytes: u64,
    /// How long a payload is remembered, so that a retry is not stored twice.
    pub recent_payload_age: Duration,
    /// How many payloads are remembered.
    pub recent_payloads_max: usize,
    /// How long a file that no snapshot names any more is kept.
    pub unlink_grace: Duration,
    /// Pause before the log or a flush is tried again after a failure.
    pub retry_pause: Duration,
    /// Longest pause between attempts to flush; it doubles from `retry_pause` up to this.
    pub flush_retry_pause_max: Duration,
    /// A full state of the manifest is written every so many versions.
    pub manifest_checkpoint_versions: u64,
    /// The wall clock may drift this far from the monotonic one before retention is suspended.
    pub clock_leap: Duration,
    /// Spans of one trace that a look-up returns; the rest is reported as truncated.
    pub trace_spans_max: usize,
    /// Parquet footers and indexes kept in memory.
    pub segment_cache_bytes: usize,
    /// How segments are written.
    pub segment_shape: SegmentShape,
    /// How long counts of spans are kept, by when the newest span in them left the hot window.
    pub derived_age: Duration,
    /// How segments are merged.
    pub compaction: CompactionLimits,
    /// With less free on the disk payloads are refused, so that what is already taken can be written out; 0 takes them to the last byte.
    pub disk_free_bytes_min: u64,
    /// With less free on the disk the oldest segments are dropped until there is so much; 0 drops none.
    pub disk_free_bytes_kept: u64,
}

/// How segments are merged, and what a merge may take. One merge runs at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactionLimits {
    /// Whether the store merges by itself.
    pub enabled: bool,
    /// Traces are kept apart by the window of this length in which they begin.
    pub window: Duration,
    /// A merged segment ends with the trace that makes it this large; one of half this size is not merged again.
    pub segment_bytes: u64,
    /// So many flushed segments, or merged ones of one size in a window that is still filling, are merged.
    pub fan_in: usize,
    /// Segments that one merge takes.
    pub inputs_max: usize,
    /// Spans that one merge takes, unless a single segment has more. Some 50 bytes of memory for each of their traces.
    pub spans_max: u64,
    /// How long nothing must have arrived for a window, and how long it must be over, until all of it is merged. A flushed segment of
    /// this age is merged even if there are few.
    pub settle: Duration,
    /// Memory for spans whose traces are not complete yet during a merge; beyond it the rest of a trace is read out of turn.
    pub held_bytes: usize,
    /// A trace of more spans in all is left in parts.
    pub trace_spans_max: usize,
    /// Share of one processor core, in percent, that merging takes on average while there is something to merge.
    pub cpu_percent: u32,
    /// Bytes a second that merging reads and writes together on average.
    pub bytes_per_second: u64,
}

impl Default for CompactionLimits {
    fn default() -> Self {
        Self {
            enabled: true,
            window: Duration::from_hours(1),
            segment_bytes: 256 << 20,
            fan_in: 8,
            inputs_max: 32,
            spans_max: 10 << 20,
            settle: Duration::from_mins(10),
            held_bytes: 64 << 20,
            trace_spans_max: 128 << 10,
            cpu_percent: 50,
            bytes_per_second: 64 << 20,
        }
    }
}

/// How a segment's files are written. None of it is a matter of their format: whatever it says, the files are read alike. The default is what was
/// found best; `docs/segment-layout.md` has the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentShape {
    /// A slice is cut into equal row groups of as near to so many rows as can be. A row group ends behind the trace that gives it its share, and at
    /// twice this number even inside a trace. At least 1.
    pub row_group_rows: usize,
    /// A row group ends when its encoded columns take this much memory.
    pub row_group_bytes: usize,
    /// Rows of a page at most, so that a trace needs few bytes of each column. At least 1.
    pub page_rows: usize,
    /// Bytes of a page before compression, about.
    pub page_bytes: usize,
    /// Bytes of a column's dictionary: it is read whole for one value.
    pub dictionary_bytes: usize,
    /// Level of zstd, 1 to 22.
    pub zstd_level: i32,
    /// Level of zstd for the ids of spans and parents, which are most of what a plain span takes.
    pub ids_zstd_level: i32,
    /// Whether columns that zstd makes hardly smaller are left as they are, which saves the reader to set up zstd for them.
    pub leaves_columns_plain: bool,
    /// How start times are encoded.
    pub start_time_encoding: NumberEncoding,
    /// How durations are encoded.
    pub duration_encoding: NumberEncoding,
    /// The order of the traces of a flush. A merge puts its traces in order by kind whatever this says.
    pub trace_order: TraceOrder,
    /// Traces are put in order by kind within slices of time of so many spans at most: a search for the newest ones need not read all of a
    /// segment, and a merge reads its inputs one slice after the other.
    pub slice_spans: u64,
    /// Which attribute keys get a column of their own.
    pub attribute_columns: AttributeColumns,
}

impl SegmentShape {
    /// The default, but for which attribute keys get a column.
    #[must_use]
    pub const fn with_columns(attribute_columns: AttributeColumns) -> Self {
        Self {
            row_group_rows: 64 << 10,
            row_group_bytes: 32 << 20,
            page_rows: 4096,
            page_bytes: 1 << 20,
            dictionary_bytes: 32 << 10,
            zstd_level: 1,
            ids_zstd_level: 3,
            leaves_columns_plain: true,
            start_time_encoding: NumberEncoding::ByteStreamSplit,
            duration_encoding: NumberEncoding::ByteStreamSplit,
            trace_order: TraceOrder::Kind,
            slice_spans: 128 << 10,
            attribute_columns,
        }
    }
}

impl Default for SegmentShape {
    fn default() -> Self {
        Self::with_columns(AttributeColumns::default())
    }
}

/// An encoding of a column of 64-bit numbers that hardly repeat; zstd follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberEncoding {
    /// First bytes, then second bytes, and so on.
    ByteStreamSplit,
    /// Differences of neighbours, in as few bits as they need.
    DeltaBinaryPacked,
    /// Eight bytes each.
    Plain,
}

/// In which order the traces of a segment stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceOrder {
    /// Service and name of the root, shape, start.
    Kind,
    /// Start.
    StartTime,
    /// Trace id.
    TraceId,
}

/// Which attribute keys get a column of their own in a segment; all others share a few maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributeColumns {
    /// Columns for keys of spans, at most
    /// [`COLUMNS_MAX`](crate::segment::attributes::COLUMNS_MAX).
    pub span_max: usize,
    /// Columns for keys of resources, at most as many.
    pub resource_max: usize,
    /// A key gets a column when at least so many spans of the segment have it, with values of one type.
    pub spans_min: u64,
    /// And when at least one span of so many has it.
    pub share_max: u64,
}

impl Default for AttributeColumns {
    fn default() -> Self {
        Self {
            span_max: 128,
            resource_max: 32,
            spans_min: 256,
            share_max: 128,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wal_segment_bytes: 64 << 20,
            wal_queue_bytes: 72 << 20,
            wal_group_bytes: 8 << 20,
            // A payload of 64 MiB and what admission says of its spans.
            wal_record_bytes_max: 72 << 20,
            epoch_bytes: 36 << 20,
            epoch_age: Duration::from_secs(30),
            // Two epochs, one of which is being written, and a little.
            hot_window_bytes: 76 << 20,
            tail_spill_bytes: 4 << 30,
            recent_payload_age: Duration::from_mins(10),
            recent_payloads_max: 1 << 20,
            unlink_grace: Duration::from_mins(1),
            retry_pause: Duration::from_secs(1),
            flush_retry_pause_max: Duration::from_mins(1),
            manifest_checkpoint_versions: 64,
            clock_leap: Duration::from_hours(1),
            trace_spans_max: 1_000_000,
            segment_cache_bytes: 128 << 20,
            segment_shape: SegmentShape::default(),
            derived_age: Duration::from_hours(400 * 24),
            compaction: CompactionLimits::default(),
            disk_free_bytes_min: 256 << 20,
            disk_free_bytes_kept: 0,
        }
    }
}
