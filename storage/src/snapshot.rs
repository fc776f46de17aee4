//! One immutable view of the store: the segments of one manifest version and the hot window that goes with it.

use std::sync::{Arc, OnceLock};

use arrow::array::RecordBatch;

use crate::batch::SpanBatch;
use crate::derived::{Counted, DerivedFile, DerivedTable};
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::segment::Segment;
use crate::store::Counts;
use crate::trace;

/// What a query reads. Cheap to clone. The files of its segments stay until the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Snapshot {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    version: u64,
    segments: Arc<[Arc<Segment>]>,
    counts: Counts,
    hot: Vec<Arc<SpanBatch>>,
    /// Counts of the hot window, once somebody has asked for them.
    hot_counts: OnceLock<Counted>,
    trace_spans_max: usize,
}

/// A trace put together from all its parts.
#[derive(Debug, Clone)]
pub struct TraceRows {
    /// Rows of [`schema::spans`](crate::schema::spans) in depth-first order, identical spans collapsed, structure columns filled
    /// for the whole trace.
    pub rows: RecordBatch,
    /// Spans left out because of `Limits::trace_spans_max`.
    pub truncated_span_count: usize,
    /// Segments that hold spans of it, or would not say.
    pub segments_read: usize,
    /// Segments that could not be read, with the reason; empty when the answer is complete.
    pub unreadable: Vec<String>,
}

impl Snapshot {
    /// A view of these parts.
    pub(crate) fn new(
        version: u64,
        segments: Arc<[Arc<Segment>]>,
        counts: Counts,
        hot: Vec<Arc<SpanBatch>>,
        trace_spans_max: usize,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                version,
                segments,
                counts,
                hot,
                hot_counts: OnceLock::new(),
                trace_spans_max,
            }),
        }
    }

    /// Version of the manifest.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.inner.version
    }

    /// Stored segments, oldest commit first.
    #[must_use]
    pub fn segments(&self) -> &[Arc<Segment>] {
        &self.inner.segments
    }

    /// Batches of the hot window, in log order.
    #[must_use]
    pub fn hot(&self) -> &[Arc<SpanBatch>] {
        &self.inner.hot
    }

    /// Files of the rows of `table`, for spans that have left the hot window, oldest commit first. Several may have a row for the same key.
    pub fn derived(&self, table: DerivedTable) -> impl Iterator<Item = &Arc<DerivedFile>> {
        let files = self.inner.counts.files.iter();
        files.filter(move |file| file.meta().table == Some(table))
    }

    /// What is counted of the hot window. Blocks while it is counted for the first time: some microseconds a span.
    #[must_use]
    pub fn hot_counts(&self) -> &Counted {
        let inner = &*self.inner;
        let count = || Counted::of(&inner.hot, &inner.counts.pending);
        inner.hot_counts.get_or_init(count)
    }

    /// The trace `id`, of any age; `None` when no span of it is stored. Blocks on file reads.
    ///
    /// # Errors
    /// When no part of the trace could be read.
    pub fn trace(&self, id: TraceId) -> Result<Option<TraceRows>, StoreError> {
        let inner = &*self.inner;
        trace::assemble(id, &inner.hot, &inner.segments, inner.trace_spans_max)
    }

    /// The span in row `row` of [`Snapshot::trace`], a table of one row; the columns that tell its place may be null. `None` when there
    /// is no such trace or row. Where the trace lies in one place, only this row is read. Blocks on file reads.
    ///
    /// # Errors
    /// When a part of the trace cannot be read.
    pub fn trace_span(&self, id: TraceId, row: usize) -> Result<Option<RecordBatch>, StoreError> {
        let inner = &*self.inner;
        trace::span_at(id, row, &inner.hot, &inner.segments, inner.trace_spans_max)
    }

    /// Rows of [`schema::traces`](crate::schema::traces) for the hot window, one a trace (`first_row` is 0).
    #[must_use]
    pub fn hot_traces(&self) -> RecordBatch {
        trace::summaries(&self.inner.hot)
    }
}
