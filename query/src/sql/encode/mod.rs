//! Results as JSON, NDJSON, CSV, Arrow IPC stream or Parquet.
//!
//! | `Accept` | form |
//! |---|---|
//! | `application/json`, `*/*` or none | `{"columns":[{"name","type"}],"rows":[[…]],"stats":{…}}` |
//! | `application/x-ndjson` | one JSON object a row |
//! | `text/csv` | a header and one line a row; nested values as JSON |
//! | `application/vnd.apache.arrow.stream` | Arrow IPC stream, types as they are |
//! | `application/vnd.apache.parquet` | a Parquet file, types as they are |
//!
//! In text, ids and other bytes are lower-case hex, times are RFC 3339 in UTC with all their nanoseconds, and integers that
//! JavaScript cannot hold are JSON text. In CSV, text that a spreadsheet would take for a formula gets a `'` in front.
//! A result over a limit is cut off after a whole row; `stats.truncated` and the header `x-clew-truncated` say so.

mod binary;
mod csv;
mod json;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use serde::Serialize;

use crate::clew::ARROW_STREAM;
use crate::error::QueryError;
use crate::limits::SqlLimits;

/// Rows encoded between two looks at the size of the result.
const CHUNK_ROWS: usize = 256;

/// What a result holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Stats {
    /// Rows.
    pub(crate) rows: usize,
    /// True when there were more.
    pub(crate) truncated: bool,
    /// The limit that cut it off: `rows` or `bytes`.
    pub(crate) truncated_by: Option<&'static str>,
    /// Segments of the snapshot.
    pub(crate) segments_total: usize,
    /// Segments that were left after pruning, at the scan with the most.
    pub(crate) segments_read: usize,
    /// Time from taking the turn to the last row, ms.
    pub(crate) elapsed_ms: f64,
}

/// Forms of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Ndjson,
    Csv,
    Arrow,
    Parquet,
}

impl Format {
    /// The first form that an `Accept` header names.
    ///
    /// # Errors
    /// When it names none.
    pub(crate) fn of_accept(accept: &str) -> Result<Self, QueryError> {
        if accept.trim().is_empty() {
            return Ok(Self::Json);
        }
        let types = accept
            .split(',')
            .map(|range| range.split(';').next().unwrap_or_default().trim());
        let known = types.filter_map(|media| match media {
            "application/json" | "application/*" | "*/*" => Some(Self::Json),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
                Some(Self::Ndjson)
            }
            "text/csv" | "text/*" => Some(Self::Csv),
            ARROW_STREAM => Some(Self::Arrow),
            "application/vnd.apache.parquet" => Some(Self::Parquet),
            _ => None,
        });
        let mut known = known;
        known.next().ok_or_else(|| {
            QueryError::invalid_with_hint(
                format!("no form of a result is `{accept}`"),
                "accept application/json, application/x-ndjson, text/csv, application/vnd.apache.arrow.stream or \
                 application/vnd.apache.parquet",
            )
        })
    }

    /// Its media type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Arrow => ARROW_STREAM,
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// An encoder of rows of `schema`.
    ///
    /// # Errors
    /// When the form has no way to write some type.
    pub(crate) fn encoder(self, schema: &SchemaRef) -> Result<Box<dyn Encoder>, QueryError> {
        Ok(match self {
            Self::Json => Box::new(json::JsonTable::new(schema)?),
            Self::Ndjson => Box::new(json::JsonLines::default()),
            Self::Csv => Box::new(csv::CsvTable::new(schema)?),
            Self::Arrow => Box::new(binary::ArrowStream::new(schema)?),
            Self::Parquet => Box::new(binary::ParquetFile::new(schema)?),
        })
    }
}

/// The error for values that the form has no text for, like times of a zone that there is not.
fn unwritable(error: &ArrowError) -> QueryError {
    QueryError::invalid_with_hint(
        format!("the result cannot be written: {error}"),
        "cast the column to text",
    )
}

/// Writes rows into a body.
pub(crate) trait Encoder: Send {
    /// Appends all rows of `rows`.
    fn write(&mut self, rows: &RecordBatch) -> Result<(), QueryError>;

    /// Bytes so far.
    fn bytes(&self) -> usize;

    /// The whole body.
    fn finish(self: Box<Self>, stats: &Stats) -> Result<Vec<u8>, QueryError>;

    /// Appends the rows of `batch` that are within the limits; false when the result is full.
    fn take(
        &mut self,
        batch: &RecordBatch,
        limits: &SqlLimits,
        stats: &mut Stats,
    ) -> Result<bool, QueryError> {
        for first in (0..batch.num_rows()).step_by(CHUNK_ROWS) {
            let room = limits.rows_max - stats.rows;
            let cut = if self.bytes() >= limits.result_bytes_max {
                Some("bytes")
            } else {
                (room == 0).then_some("rows")
            };
            if cut.is_some() {
                stats.truncated = true;
                stats.truncated_by = cut;
                return Ok(false);
            }
            let rows = CHUNK_ROWS.min(batch.num_rows() - first).min(room);
            self.write(&batch.slice(first, rows))?;
            stats.rows += rows;
            if rows == room && first + rows < batch.num_rows() {
                stats.truncated = true;
                stats.truncated_by = Some("rows");
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn the_first_known_type_wins() {
        for (accept, format) in [
            ("", Format::Json),
            ("*/*", Format::Json),
            ("text/csv, application/json", Format::Csv),
            ("application/x-ndjson;q=0.9", Format::Ndjson),
            (
                "text/html, application/vnd.apache.arrow.stream",
                Format::Arrow,
            ),
            ("application/vnd.apache.parquet", Format::Parquet),
        ] {
            assert_eq!(Format::of_accept(accept).unwrap(), format, "{accept}");
        }
        assert!(Format::of_accept("text/html").is_err());
    }
}
