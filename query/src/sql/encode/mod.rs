//! Results as JSON, NDJSON, CSV, Arrow IPC stream or Parquet.
//!
//! | `Accept` | form |
//! |---|---|
//! | `application/json`, `*/*` or none | `{"columns":[{"name","type"}],"rows":[[…]],"stats":{…}}` |
//! | `application/x-ndjson` | one JSON object a row |
//! | `application/x-ndjson; progress=true` | lines `{"progress":{…}}`, `{"row":{…}}`, and last `{"stats":{…}}` or `{"error":{…}}` |
//! | `text/csv` | a header and one line a row; nested values as JSON |
//! | `application/vnd.apache.arrow.stream` | Arrow IPC stream, types as they are |
//! | `application/vnd.apache.parquet` | a Parquet file, types as they are |
//!
//! In text, ids and other bytes are lower-case hex, times are RFC 3339 in UTC with all their nanoseconds, and integers that
//! JavaScript cannot hold are JSON text. In CSV, text that a spreadsheet would take for a formula gets a `'` in front.
//! A result over a limit is cut off after a whole row, and says so: see [`send`](super::send).

mod binary;
mod csv;
mod json;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use super::progress::{Progress, Stats};
use crate::clew::ARROW_STREAM;
use crate::error::QueryError;

/// Forms of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Ndjson,
    /// NDJSON with lines of progress and a last one of statistics.
    NdjsonProgress,
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
        let mut known = accept.split(',').filter_map(Self::of_range);
        known.next().ok_or_else(|| {
            QueryError::invalid_with_hint(
                format!("no form of a result is `{accept}`"),
                "accept application/json, application/x-ndjson, text/csv, application/vnd.apache.arrow.stream or \
                 application/vnd.apache.parquet",
            )
        })
    }

    /// The form that one media range asks for.
    fn of_range(range: &str) -> Option<Self> {
        let mut parts = range.split(';').map(str::trim);
        Some(match parts.next()? {
            "application/json" | "application/*" | "*/*" => Self::Json,
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
                if parts.any(|parameter| parameter == "progress=true") {
                    Self::NdjsonProgress
                } else {
                    Self::Ndjson
                }
            }
            "text/csv" | "text/*" => Self::Csv,
            ARROW_STREAM => Self::Arrow,
            "application/vnd.apache.parquet" => Self::Parquet,
            _ => return None,
        })
    }

    /// Its media type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::NdjsonProgress => "application/x-ndjson; progress=true",
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
            Self::NdjsonProgress => Box::new(json::JsonLines::tagged()),
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

/// Writes rows as bytes, which are taken from it as they come.
pub(crate) trait Encoder: Send {
    /// Writes all rows of `rows`.
    fn write(&mut self, rows: &RecordBatch) -> Result<(), QueryError>;

    /// Bytes that were made and not taken yet.
    fn waiting(&self) -> usize;

    /// Takes the bytes that are ready to be sent.
    fn take(&mut self) -> Vec<u8>;

    /// Says how far the statement is, where the form has a place for it.
    fn progress(&mut self, _progress: &Progress) -> Result<(), QueryError> {
        Ok(())
    }

    /// Says that the statement has failed; false where the form has no place for it.
    fn fail(&mut self, _error: &QueryError) -> bool {
        false
    }

    /// The bytes that are left, and the end.
    fn finish(self: Box<Self>, stats: &Stats) -> Result<Vec<u8>, QueryError>;
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
                "application/x-ndjson; progress=true",
                Format::NdjsonProgress,
            ),
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
