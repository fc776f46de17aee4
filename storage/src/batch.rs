//! A batch of decoded spans in columns: what one payload becomes, and what the hot window is made of.
//!
//! The columns of [`schema::spans`](crate::schema::spans) that all spans of a resource and scope share are kept once per
//! group, with a `UInt32` per span that names its group; [`SpanBatch::to_table`] spreads them out for the columns that a
//! query asks for.

use arrow::array::RecordBatch;

use crate::span::{GroupFields, SpanFields};

/// Decoded spans, immutable.
#[derive(Debug, Clone)]
pub struct SpanBatch {
    _private: (),
}

impl SpanBatch {
    /// Number of spans.
    #[must_use]
    pub fn len(&self) -> usize {
        todo!()
    }

    /// True when there is no span.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that the columns hold.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        todo!()
    }

    /// The columns `projection` (indices into [`schema::spans`](crate::schema::spans), in that order; all if `None`).
    #[must_use]
    pub fn to_table(&self, projection: Option<&[usize]>) -> RecordBatch {
        let _ = projection;
        todo!()
    }
}

/// Builds a [`SpanBatch`] span by span.
#[derive(Debug)]
pub struct SpanBatchBuilder {
    _private: (),
}

/// A resource and scope that [`SpanBatchBuilder::push_group`] has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group(u32);

impl SpanBatchBuilder {
    /// An empty batch whose spans were received at `ingested_at_unix_nano`.
    #[must_use]
    pub fn new(ingested_at_unix_nano: u64) -> Self {
        let _ = ingested_at_unix_nano;
        todo!()
    }

    /// Takes a resource and scope; `service_name` comes from the resource attribute `service.name`.
    pub fn push_group(&mut self, group: &GroupFields<'_>) -> Group {
        let _ = group;
        todo!()
    }

    /// Appends a span with the weight that admission gave it (1 = unsampled).
    pub fn push_span(&mut self, group: Group, span: &SpanFields<'_>, sample_weight: f64) {
        let _ = (group, span, sample_weight);
        todo!()
    }

    /// Spans so far.
    #[must_use]
    pub fn len(&self) -> usize {
        todo!()
    }

    /// True when no span has been pushed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The batch.
    #[must_use]
    pub fn finish(self) -> SpanBatch {
        todo!()
    }
}
