//! Events and links of spans: the structs in the lists `events` and `links`.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, RecordBatch, StringArray, StructArray,
    TimestampNanosecondArray, UInt32Array,
};

use super::attributes::{AttributeColumn, Attributes};
use super::columns::Columns;
use crate::error::QueryError;

/// Columns of events.
pub(super) struct EventColumns {
    time: TimestampNanosecondArray,
    name: StringArray,
    attributes: AttributeColumn,
    dropped_attributes_count: UInt32Array,
}

impl EventColumns {
    pub(super) fn new(values: &ArrayRef) -> Result<Self, QueryError> {
        let fields = struct_batch(values, "events")?;
        let columns = Columns(&fields);
        Ok(Self {
            time: columns.time("time")?,
            name: columns.get("name", |c| c.as_string_opt::<i32>().cloned())?,
            attributes: columns.nested_attributes()?,
            dropped_attributes_count: columns.u32("dropped_attributes_count")?,
        })
    }
}

/// One event of a span.
#[derive(Clone, Copy)]
pub(crate) struct EventRow<'a> {
    pub(super) columns: &'a EventColumns,
    pub(super) row: usize,
}

impl<'a> EventRow<'a> {
    /// Time, ns since the epoch; wraps beyond 2^63.
    pub(crate) fn time(self) -> i64 {
        self.columns.time.value(self.row)
    }

    /// Event name.
    pub(crate) fn name(self) -> &'a str {
        self.columns.name.value(self.row)
    }

    /// Attributes of the event.
    pub(crate) fn attributes(self) -> Attributes<'a> {
        self.columns.attributes.row(self.row)
    }

    /// Attributes that the sender dropped.
    pub(crate) fn dropped_attributes_count(self) -> u32 {
        self.columns.dropped_attributes_count.value(self.row)
    }
}

/// Columns of links.
pub(super) struct LinkColumns {
    trace_id: BinaryArray,
    span_id: BinaryArray,
    trace_state: StringArray,
    attributes: AttributeColumn,
    dropped_attributes_count: UInt32Array,
    flags: UInt32Array,
}

impl LinkColumns {
    pub(super) fn new(values: &ArrayRef) -> Result<Self, QueryError> {
        let fields = struct_batch(values, "links")?;
        let columns = Columns(&fields);
        Ok(Self {
            trace_id: columns.get("trace_id", |c| c.as_binary_opt::<i32>().cloned())?,
            span_id: columns.get("span_id", |c| c.as_binary_opt::<i32>().cloned())?,
            trace_state: columns.get("trace_state", |c| c.as_string_opt::<i32>().cloned())?,
            attributes: columns.nested_attributes()?,
            dropped_attributes_count: columns.u32("dropped_attributes_count")?,
            flags: columns.u32("flags")?,
        })
    }
}

/// One link of a span.
#[derive(Clone, Copy)]
pub(crate) struct LinkRow<'a> {
    pub(super) columns: &'a LinkColumns,
    pub(super) row: usize,
}

impl<'a> LinkRow<'a> {
    /// Linked trace, of whatever length was sent.
    pub(crate) fn trace_id(self) -> &'a [u8] {
        self.columns.trace_id.value(self.row)
    }

    /// Linked span, of whatever length was sent.
    pub(crate) fn span_id(self) -> &'a [u8] {
        self.columns.span_id.value(self.row)
    }

    /// W3C tracestate of the link.
    pub(crate) fn trace_state(self) -> &'a str {
        self.columns.trace_state.value(self.row)
    }

    /// Attributes of the link.
    pub(crate) fn attributes(self) -> Attributes<'a> {
        self.columns.attributes.row(self.row)
    }

    /// Attributes that the sender dropped.
    pub(crate) fn dropped_attributes_count(self) -> u32 {
        self.columns.dropped_attributes_count.value(self.row)
    }

    /// Flags as sent.
    pub(crate) fn flags(self) -> u32 {
        self.columns.flags.value(self.row)
    }
}

/// The children of a list's struct values as a batch, to be looked up by name.
fn struct_batch(values: &ArrayRef, list: &str) -> Result<RecordBatch, QueryError> {
    let values: &StructArray = values
        .as_struct_opt()
        .ok_or_else(|| QueryError::internal(format!("`{list}` is not a list of structs")))?;
    let schema = arrow::datatypes::Schema::new(values.fields().clone());
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(values.len()));
    Ok(RecordBatch::try_new_with_options(
        schema.into(),
        values.columns().to_vec(),
        &options,
    )?)
}
