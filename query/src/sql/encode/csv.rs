//! CSV with a header; safe to open in a spreadsheet.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::csv::{Writer, WriterBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::json::text_column;
use super::{Encoder, Stats, unwritable};
use crate::error::QueryError;

/// A header and one line a row.
pub(super) struct CsvTable {
    writer: Writer<Shared>,
    body: Shared,
}

/// Bytes that the writer and the encoder both see.
#[derive(Clone, Default)]
struct Shared(Arc<std::sync::Mutex<Vec<u8>>>);

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl CsvTable {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, QueryError> {
        let body = Shared::default();
        let mut table = Self {
            writer: WriterBuilder::new().with_header(true).build(body.clone()),
            body,
        };
        // The header stands even above no rows.
        table.write(&RecordBatch::new_empty(Arc::clone(schema)))?;
        Ok(table)
    }
}

impl Encoder for CsvTable {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), QueryError> {
        let fields = rows.schema_ref().fields();
        let columns =
            fields
                .iter()
                .zip(rows.columns())
                .map(|(field, column)| match column.data_type() {
                    data_type if data_type.is_nested() => harmless(&text_column(field, column)?),
                    DataType::Utf8
                    | DataType::LargeUtf8
                    | DataType::Utf8View
                    | DataType::Dictionary(..) => harmless(column),
                    _ => Ok(Arc::clone(column)),
                });
        let columns = columns
            .collect::<Result<Vec<_>, ArrowError>>()
            .map_err(|error| unwritable(&error))?;
        let fields: Vec<_> = fields
            .iter()
            .zip(&columns)
            .map(|(field, column)| Field::new(safe(field.name()), column.data_type().clone(), true))
            .collect();
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let rows =
            RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?;
        self.writer.write(&rows).map_err(|error| unwritable(&error))
    }

    fn waiting(&self) -> usize {
        self.body.lock().len()
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut *self.body.lock())
    }

    fn finish(self: Box<Self>, _stats: &Stats) -> Result<Vec<u8>, QueryError> {
        let Self { writer, body } = *self;
        drop(writer.into_inner());
        Ok(std::mem::take(&mut *body.lock()))
    }
}

/// A column of text in which no cell is a formula.
fn harmless(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let text = cast(column, &DataType::Utf8)?;
    let text = text.as_string::<i32>().iter().map(|cell| cell.map(safe));
    Ok(Arc::new(text.collect::<StringArray>()))
}

/// Text that a spreadsheet would run as a formula, with a `'` in front.
fn safe(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn formulas_are_disarmed_and_other_text_stays() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(safe(text), format!("'{text}"));
        }
        for text in ["", "a=1", "GET /", "'=1", " =1"] {
            assert_eq!(safe(text), text);
        }
    }
}
