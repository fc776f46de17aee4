//! One trace, put together from all its parts, and the shapes in which it is answered.

pub(crate) mod detail;
pub(crate) mod find;
pub(crate) mod group;
pub(crate) mod otlp;
pub(crate) mod set;
pub(crate) mod skeleton;
pub(crate) mod structure;
pub(crate) mod summary;

use arrow::array::RecordBatch;
use clew_storage::TraceId;

use crate::coverage::Covering;
use crate::error::QueryError;
use crate::rows::SpanRows;
use crate::service::Reading;

/// A trace in depth-first order.
pub(crate) struct Trace {
    /// Its id.
    pub(crate) id: TraceId,
    /// Its spans.
    pub(crate) rows: SpanRows,
    /// The same as a table.
    pub(crate) table: RecordBatch,
    /// Spans left out because there were too many.
    pub(crate) truncated_span_count: usize,
    /// What could be read.
    pub(crate) covering: Covering,
}

impl Trace {
    /// Reads the trace `id`; blocks.
    ///
    /// # Errors
    /// [`QueryError::NotFound`] when no span of it is stored, and when nothing of it could be read.
    pub(crate) fn load(reading: &Reading, id: TraceId) -> Result<Self, QueryError> {
        Self::find(reading, id)?.ok_or_else(|| QueryError::NotFound {
            message: format!("trace {id} is not stored"),
            hint: Some("it may have been dropped by retention or sampling".to_owned()),
        })
    }

    /// Reads the trace `id`, if any span of it is stored; blocks.
    ///
    /// # Errors
    /// When nothing of it could be read.
    pub(crate) fn find(reading: &Reading, id: TraceId) -> Result<Option<Self>, QueryError> {
        let Some(trace) = reading.snapshot.trace(id)? else {
            return Ok(None);
        };
        let mut covering = Covering {
            segments_total: reading.snapshot.segments().len(),
            segments_read: trace.segments_read,
            reasons: trace.unreadable,
        };
        if trace.truncated_span_count > 0 {
            covering.incomplete(format!(
                "{} spans over the limit of one trace are left out",
                trace.truncated_span_count
            ));
        }
        let rows = SpanRows::new(&trace.rows)?;
        Ok(Some(Self {
            id,
            rows,
            table: trace.rows,
            truncated_span_count: trace.truncated_span_count,
            covering,
        }))
    }
}
