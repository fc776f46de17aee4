//! A trace as the waterfall draws it: one row a span in depth-first order, as columns of numbers, and a head with the
//! dictionaries of services and names. 40 bytes a span, so that 100,000 spans travel in one answer.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, FixedSizeBinaryBuilder, Int32Array, Int64Array, RecordBatch, UInt8Array,
};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, UInt8Type};
use arrow::ipc::writer::StreamWriter;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::Trace;
use super::otlp::{kind_number, status_number};
use super::structure::SpanIds;
use super::summary::Summary;
use crate::coverage::Coverage;
use crate::error::QueryError;
use crate::rows::{SpanRow, SpanRows};
use crate::ser::{Hex, Seq, Text};

/// Flag of a span whose parent is not here.
const ORPHAN: u8 = 1;
/// Flag of one half of a call whose two sides share a span id.
const SHARED_HALF: u8 = 2;
/// Flag of a span that ends before it starts.
const ENDS_EARLY: u8 = 4;
/// Rows of one batch of the Arrow stream.
const BATCH_ROWS: usize = 65_536;

/// What is said once about a trace.
#[derive(Debug, Serialize)]
struct Head {
    trace_id: String,
    start_time_unix_nano: String,
    duration_ns: String,
    span_count: u32,
    error_count: u32,
    orphan_count: u32,
    /// Levels: 1 when no span has a child.
    depth: i32,
    root_service_name: String,
    root_name: String,
    services: Vec<String>,
    names: Vec<String>,
    truncated_span_count: usize,
    coverage: Coverage,
}

/// The skeleton of a trace.
pub(crate) struct Skeleton {
    head: Head,
    columns: RecordBatch,
}

impl Skeleton {
    /// The skeleton of `trace`, which is not empty; `elapsed_ns` is the time it took to load.
    ///
    /// # Errors
    /// Never for rows that the store made.
    pub(crate) fn new(trace: Trace, elapsed_ns: u64) -> Result<Self, QueryError> {
        let rows = &trace.rows;
        let summary = Summary::of(rows);
        let services = Dictionary::of(rows, SpanRow::service_name);
        let names = Dictionary::of(rows, SpanRow::name);
        let columns = columns(rows, summary.start_time, &services, &names)?;
        let head = Head {
            trace_id: trace.id.to_string(),
            start_time_unix_nano: summary.start_time.to_string(),
            duration_ns: summary.duration_ns.to_string(),
            span_count: summary.span_count,
            error_count: summary.error_count,
            orphan_count: summary.orphan_count,
            depth: rows.iter().map(|span| span.depth() + 1).max().unwrap_or(0),
            root_service_name: summary.root_service_name,
            root_name: summary.root_name,
            services: services.texts,
            names: names.texts,
            truncated_span_count: trace.truncated_span_count,
            coverage: trace.covering.finish(elapsed_ns),
        };
        Ok(Self { head, columns })
    }

    /// Writes an Arrow IPC stream; the head stands as JSON in the schema's metadata under `clew`.
    ///
    /// # Errors
    /// Those of the writer.
    pub(crate) fn write_arrow(&self, writer: &mut dyn Write) -> io::Result<()> {
        let head = serde_json::to_string(&self.head)?;
        let metadata = HashMap::from([("clew".to_owned(), head)]);
        let schema = self
            .columns
            .schema()
            .as_ref()
            .clone()
            .with_metadata(metadata);
        let mut stream = StreamWriter::try_new(writer, &schema).map_err(io::Error::other)?;
        for first in (0..self.columns.num_rows()).step_by(BATCH_ROWS) {
            let rows = BATCH_ROWS.min(self.columns.num_rows() - first);
            stream
                .write(&self.columns.slice(first, rows))
                .map_err(io::Error::other)?;
        }
        stream.finish().map_err(io::Error::other)
    }
}

/// Texts in the order in which they first appear, and each row's place among them.
struct Dictionary {
    texts: Vec<String>,
    places: Vec<i32>,
}

impl Dictionary {
    fn of<'a>(rows: &'a SpanRows, text: impl Fn(SpanRow<'a>) -> &'a str) -> Self {
        let mut known: HashMap<&str, i32> = HashMap::new();
        let mut texts = Vec::new();
        let places = rows.iter().map(|span| {
            *known.entry(text(span)).or_insert_with_key(|text| {
                texts.push((*text).to_owned());
                texts.len() as i32 - 1
            })
        });
        let places = places.collect();
        Self { texts, places }
    }
}

fn columns(
    rows: &SpanRows,
    trace_start: u64,
    services: &Dictionary,
    names: &Dictionary,
) -> Result<RecordBatch, QueryError> {
    let ids = SpanIds::of(rows);
    let mut span_ids = FixedSizeBinaryBuilder::with_capacity(rows.len(), 8);
    for span in rows.iter() {
        span_ids.append_value(span.span_id())?;
    }
    let int32 = |values: &dyn Fn(SpanRow<'_>) -> i32| -> ArrayRef {
        Arc::new(rows.iter().map(values).collect::<Int32Array>())
    };
    let int64 = |values: &dyn Fn(SpanRow<'_>) -> i64| -> ArrayRef {
        Arc::new(rows.iter().map(values).collect::<Int64Array>())
    };
    let uint8 = |values: &dyn Fn(SpanRow<'_>) -> u8| -> ArrayRef {
        Arc::new(rows.iter().map(values).collect::<UInt8Array>())
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("span_id", Arc::new(span_ids.finish())),
        (
            "parent_row",
            int32(&|span| span.parent_row().map_or(-1, |row| row as i32)),
        ),
        ("depth", int32(&|span| span.depth())),
        ("subtree_size", int32(&|span| span.subtree_size())),
        (
            "start_offset_ns",
            int64(&|span| span.start_time().wrapping_sub(trace_start as i64)),
        ),
        ("duration_ns", int64(&|span| span.duration_ns())),
        (
            "service",
            Arc::new(Int32Array::from(services.places.clone())),
        ),
        ("name", Arc::new(Int32Array::from(names.places.clone()))),
        (
            "kind",
            uint8(&|span| {
                u8::try_from(kind_number(span.kind()))
                    .ok()
                    .filter(|kind| *kind <= 5)
                    .unwrap_or(255)
            }),
        ),
        (
            "status",
            uint8(&|span| u8::try_from(status_number(span.status_code())).unwrap_or(255)),
        ),
        ("flags", uint8(&|span| flags(&ids, span))),
        ("event_count", int32(&|span| span.events().len() as i32)),
        ("link_count", int32(&|span| span.links().len() as i32)),
    ];
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, c)| Field::new(*name, c.data_type().clone(), false))
        .collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    Ok(RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns,
    )?)
}

fn flags(ids: &SpanIds<'_>, span: SpanRow<'_>) -> u8 {
    let mut flags = 0;
    if ids.is_orphan(span) {
        flags |= ORPHAN;
    }
    if ids.is_shared_half(span) {
        flags |= SHARED_HALF;
    }
    if span.duration_ns() < 0 {
        flags |= ENDS_EARLY;
    }
    flags
}

/// The JSON form: `{"head":{…},"columns":{name:[…]}}`.
impl Serialize for Skeleton {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("head", &self.head)?;
        map.serialize_entry("columns", &Columns(&self.columns))?;
        map.end()
    }
}

struct Columns<'a>(&'a RecordBatch);

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (field, column) in self.0.schema_ref().fields().iter().zip(self.0.columns()) {
            match field.data_type() {
                DataType::Int32 => map.serialize_entry(
                    field.name(),
                    column.as_primitive::<Int32Type>().values().as_ref(),
                )?,
                DataType::UInt8 => map.serialize_entry(
                    field.name(),
                    column.as_primitive::<UInt8Type>().values().as_ref(),
                )?,
                DataType::Int64 => {
                    let values = column.as_primitive::<Int64Type>().values();
                    map.serialize_entry(field.name(), &Seq(|| values.iter().map(Text)))?;
                }
                _ => {
                    let ids = column.as_fixed_size_binary();
                    map.serialize_entry(field.name(), &Seq(|| ids.iter().flatten().map(Hex)))?;
                }
            }
        }
        map.end()
    }
}
