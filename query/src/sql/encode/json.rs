//! JSON, as a table and as lines.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, Int64Type, SchemaRef, TimeUnit, UInt64Type};
use arrow::error::ArrowError;
use arrow::json::writer::{
    Encoder as CellEncoder, EncoderFactory, EncoderOptions, NullableEncoder, make_encoder,
};
use serde::Serialize;
use serde_json::json;

use super::{Encoder, Stats, unwritable};
use crate::error::QueryError;
use crate::http::json::envelope;
use crate::sql::progress::Progress;

/// Largest integer that a JavaScript number holds exactly.
const SAFE_INTEGER_MAX: u64 = (1 << 53) - 1;

/// `{"columns":[…],"rows":[…],"stats":{…}}`
pub(super) struct JsonTable {
    body: Vec<u8>,
    first: bool,
}

impl JsonTable {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, QueryError> {
        let columns = schema
            .fields()
            .iter()
            .map(|field| json!({"name": field.name(), "type": type_name(field.data_type())}));
        let columns =
            serde_json::to_string(&columns.collect::<Vec<_>>()).map_err(QueryError::internal)?;
        Ok(Self {
            body: format!("{{\"columns\":{columns},\"rows\":[").into_bytes(),
            first: true,
        })
    }
}

impl Encoder for JsonTable {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), QueryError> {
        let options = options();
        let mut cells = cells(rows, &options).map_err(|error| unwritable(&error))?;
        for row in 0..rows.num_rows() {
            if !std::mem::take(&mut self.first) {
                self.body.push(b',');
            }
            self.body.push(b'[');
            for (column, cell) in cells.iter_mut().enumerate() {
                if column > 0 {
                    self.body.push(b',');
                }
                write_cell(cell, row, &mut self.body);
            }
            self.body.push(b']');
        }
        Ok(())
    }

    fn waiting(&self) -> usize {
        self.body.len()
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.body)
    }

    fn finish(mut self: Box<Self>, stats: &Stats) -> Result<Vec<u8>, QueryError> {
        self.body.extend_from_slice(b"],\"stats\":");
        serde_json::to_writer(&mut self.body, stats).map_err(QueryError::internal)?;
        self.body.push(b'}');
        Ok(self.body)
    }
}

/// One object a row; with `tagged`, each line is an object with one field that says what it is.
#[derive(Default)]
pub(super) struct JsonLines {
    body: Vec<u8>,
    tagged: bool,
}

impl JsonLines {
    /// Lines `{"row":{…}}`, `{"progress":{…}}`, and at the end `{"stats":{…}}` or `{"error":{…}}`.
    pub(super) fn tagged() -> Self {
        Self {
            body: Vec::new(),
            tagged: true,
        }
    }

    fn line(&mut self, tag: &str, value: &impl Serialize) -> Result<(), QueryError> {
        let value = serde_json::to_string(value).map_err(QueryError::internal)?;
        self.body
            .extend_from_slice(format!("{{\"{tag}\":{value}}}\n").as_bytes());
        Ok(())
    }
}

impl Encoder for JsonLines {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), QueryError> {
        let options = options();
        let mut cells = cells(rows, &options).map_err(|error| unwritable(&error))?;
        let keys = rows
            .schema_ref()
            .fields()
            .iter()
            .map(|field| serde_json::to_string(field.name()));
        let keys = keys
            .collect::<Result<Vec<_>, _>>()
            .map_err(QueryError::internal)?;
        for row in 0..rows.num_rows() {
            if self.tagged {
                self.body.extend_from_slice(b"{\"row\":");
            }
            for (column, (key, cell)) in keys.iter().zip(cells.iter_mut()).enumerate() {
                self.body.push(if column == 0 { b'{' } else { b',' });
                self.body.extend_from_slice(key.as_bytes());
                self.body.push(b':');
                write_cell(cell, row, &mut self.body);
            }
            self.body
                .extend_from_slice(if cells.is_empty() { b"{}" } else { b"}" });
            self.body
                .extend_from_slice(if self.tagged { b"}\n" } else { b"\n" });
        }
        Ok(())
    }

    fn waiting(&self) -> usize {
        self.body.len()
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.body)
    }

    fn progress(&mut self, progress: &Progress) -> Result<(), QueryError> {
        if self.tagged {
            self.line("progress", progress)?;
        }
        Ok(())
    }

    fn fail(&mut self, error: &QueryError) -> bool {
        self.tagged && self.line("error", &envelope(error)).is_ok()
    }

    fn finish(mut self: Box<Self>, stats: &Stats) -> Result<Vec<u8>, QueryError> {
        if self.tagged {
            self.line("stats", stats)?;
        }
        Ok(self.body)
    }
}

/// How values are written.
pub(super) fn options() -> EncoderOptions {
    EncoderOptions::default()
        .with_explicit_nulls(true)
        .with_encoder_factory(Arc::new(SafeNumbers))
}

/// An encoder for each column.
pub(super) fn cells<'a>(
    rows: &'a RecordBatch,
    options: &'a EncoderOptions,
) -> Result<Vec<NullableEncoder<'a>>, ArrowError> {
    let fields = rows.schema_ref().fields().iter();
    fields
        .zip(rows.columns())
        .map(|(field, column)| make_encoder(field, column.as_ref(), options))
        .collect()
}

/// Writes one value.
pub(super) fn write_cell(cell: &mut NullableEncoder<'_>, row: usize, out: &mut Vec<u8>) {
    if cell.is_null(row) {
        out.extend_from_slice(b"null");
    } else {
        cell.encode(row, out);
    }
}

/// Writes integers beyond what JavaScript holds as text, and null in the place of a map's key as text.
#[derive(Debug)]
struct SafeNumbers;

impl EncoderFactory for SafeNumbers {
    fn make_default_encoder<'a>(
        &self,
        _field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn CellEncoder + 'a> = match array.data_type() {
            DataType::Int64 => {
                let values = array.as_primitive::<Int64Type>();
                Box::new(Integers(move |row| {
                    (values.value(row).unsigned_abs(), values.value(row) < 0)
                }))
            }
            DataType::UInt64 => {
                let values = array.as_primitive::<UInt64Type>();
                Box::new(Integers(move |row| (values.value(row), false)))
            }
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

/// Integers as magnitude and sign.
struct Integers<F>(F);

impl<F: Fn(usize) -> (u64, bool)> CellEncoder for Integers<F> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let (magnitude, negative) = (self.0)(row);
        let sign = if negative { "-" } else { "" };
        let text = if magnitude > SAFE_INTEGER_MAX {
            format!("\"{sign}{magnitude}\"")
        } else {
            format!("{sign}{magnitude}")
        };
        out.extend_from_slice(text.as_bytes());
    }
}

/// What a column's type is called.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::FixedSizeBinary(bytes) => format!("binary({bytes})"),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "binary".to_owned(),
        DataType::Timestamp(unit, _) => format!("timestamp({})", digits(*unit)),
        DataType::Dictionary(_, values) => type_name(values),
        DataType::List(item) | DataType::LargeList(item) => {
            format!("list<{}>", type_name(item.data_type()))
        }
        DataType::Struct(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|field| format!("{} {}", field.name(), type_name(field.data_type())))
                .collect();
            format!("struct<{}>", fields.join(", "))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                format!(
                    "map<{}, {}>",
                    type_name(fields[0].data_type()),
                    type_name(fields[1].data_type())
                )
            }
            _ => "map".to_owned(),
        },
        other => other.to_string().to_ascii_lowercase(),
    }
}

/// Digits of a second's fraction.
fn digits(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

/// A column's values as JSON text, null where they are null.
pub(super) fn text_column(field: &FieldRef, column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let options = options();
    let mut cell = make_encoder(field, column.as_ref(), &options)?;
    let mut buffer = Vec::new();
    let values = (0..column.len()).map(|row| {
        if cell.is_null(row) {
            return None;
        }
        buffer.clear();
        cell.encode(row, &mut buffer);
        Some(String::from_utf8_lossy(&buffer).into_owned())
    });
    Ok(Arc::new(values.collect::<arrow::array::StringArray>()))
}
