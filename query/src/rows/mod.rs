//! A typed view of rows of `spans`: columns once downcast, then read span by span without copying.
//!
//! Rows come from [`Snapshot::trace`](clew_storage::Snapshot::trace) or [`SpanBatch::to_table`](clew_storage::SpanBatch::to_table)
//! and have all columns of [`schema::spans`](clew_storage::schema::spans).

mod attributes;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, FixedSizeBinaryArray, Float64Array, Int32Array,
    Int64Array, ListArray, RecordBatch, StringArray, StringViewArray, StructArray,
    TimestampNanosecondArray, UInt32Array,
};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type, TimestampNanosecondType, UInt32Type};

pub(crate) use attributes::{Attribute, AttributeColumn, Attributes};

use crate::error::QueryError;

/// Rows of `spans` with all columns.
pub(crate) struct SpanRows {
    len: usize,
    trace_id: FixedSizeBinaryArray,
    span_id: FixedSizeBinaryArray,
    parent_span_id: FixedSizeBinaryArray,
    trace_state: StringViewArray,
    flags: UInt32Array,
    name: StringViewArray,
    kind: StringViewArray,
    start_time: TimestampNanosecondArray,
    duration_ns: Int64Array,
    status_code: StringViewArray,
    status_message: StringViewArray,
    attributes: AttributeColumn,
    dropped_attributes_count: UInt32Array,
    events: ListArray,
    event: EventColumns,
    dropped_events_count: UInt32Array,
    links: ListArray,
    link: LinkColumns,
    dropped_links_count: UInt32Array,
    sample_weight: Float64Array,
    ingested_at: TimestampNanosecondArray,
    service_name: StringViewArray,
    resource_attributes: AttributeColumn,
    resource_dropped_attributes_count: UInt32Array,
    resource_schema_url: StringViewArray,
    scope_name: StringViewArray,
    scope_version: StringViewArray,
    scope_attributes: AttributeColumn,
    scope_dropped_attributes_count: UInt32Array,
    scope_schema_url: StringViewArray,
    depth: Int32Array,
    parent_offset: Int32Array,
    subtree_size: Int32Array,
}

struct EventColumns {
    time: TimestampNanosecondArray,
    name: StringArray,
    attributes: AttributeColumn,
    dropped_attributes_count: UInt32Array,
}

struct LinkColumns {
    trace_id: BinaryArray,
    span_id: BinaryArray,
    trace_state: StringArray,
    attributes: AttributeColumn,
    dropped_attributes_count: UInt32Array,
    flags: UInt32Array,
}

impl SpanRows {
    /// A view of `batch`.
    ///
    /// # Errors
    /// When a column is missing or of another type than the schema says: a fault of the store.
    pub(crate) fn new(batch: &RecordBatch) -> Result<Self, QueryError> {
        let columns = Columns(batch);
        let events = columns.list("events")?;
        let event = EventColumns::new(events.values())?;
        let links = columns.list("links")?;
        let link = LinkColumns::new(links.values())?;
        Ok(Self {
            len: batch.num_rows(),
            trace_id: columns.fixed("trace_id")?,
            span_id: columns.fixed("span_id")?,
            parent_span_id: columns.fixed("parent_span_id")?,
            trace_state: columns.text("trace_state")?,
            flags: columns.u32("flags")?,
            name: columns.text("name")?,
            kind: columns.text("kind")?,
            start_time: columns.time("start_time")?,
            duration_ns: columns.i64("duration_ns")?,
            status_code: columns.text("status_code")?,
            status_message: columns.text("status_message")?,
            attributes: columns.attributes("attributes", "attribute_types")?,
            dropped_attributes_count: columns.u32("dropped_attributes_count")?,
            events,
            event,
            dropped_events_count: columns.u32("dropped_events_count")?,
            links,
            link,
            dropped_links_count: columns.u32("dropped_links_count")?,
            sample_weight: columns.f64("sample_weight")?,
            ingested_at: columns.time("ingested_at")?,
            service_name: columns.text("service_name")?,
            resource_attributes: columns
                .attributes("resource_attributes", "resource_attribute_types")?,
            resource_dropped_attributes_count: columns.u32("resource_dropped_attributes_count")?,
            resource_schema_url: columns.text("resource_schema_url")?,
            scope_name: columns.text("scope_name")?,
            scope_version: columns.text("scope_version")?,
            scope_attributes: columns.attributes("scope_attributes", "scope_attribute_types")?,
            scope_dropped_attributes_count: columns.u32("scope_dropped_attributes_count")?,
            scope_schema_url: columns.text("scope_schema_url")?,
            depth: columns.i32("depth")?,
            parent_offset: columns.i32("parent_offset")?,
            subtree_size: columns.i32("subtree_size")?,
        })
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The span in row `row`.
    pub(crate) fn span(&self, row: usize) -> SpanRow<'_> {
        SpanRow { rows: self, row }
    }

    /// All spans, in row order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = SpanRow<'_>> {
        (0..self.len).map(|row| self.span(row))
    }
}

impl EventColumns {
    fn new(values: &ArrayRef) -> Result<Self, QueryError> {
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

impl LinkColumns {
    fn new(values: &ArrayRef) -> Result<Self, QueryError> {
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

/// Looks columns up by name and type.
pub(crate) struct Columns<'a>(pub(crate) &'a RecordBatch);

impl Columns<'_> {
    pub(crate) fn get<T>(
        &self,
        name: &str,
        downcast: impl Fn(&ArrayRef) -> Option<T>,
    ) -> Result<T, QueryError> {
        let column = self
            .0
            .column_by_name(name)
            .ok_or_else(|| QueryError::internal(format!("column `{name}` is missing")))?;
        downcast(column).ok_or_else(|| {
            QueryError::internal(format!(
                "column `{name}` has the unexpected type {}",
                column.data_type()
            ))
        })
    }

    pub(crate) fn fixed(&self, name: &str) -> Result<FixedSizeBinaryArray, QueryError> {
        self.get(name, |c| c.as_fixed_size_binary_opt().cloned())
    }

    pub(crate) fn text(&self, name: &str) -> Result<StringViewArray, QueryError> {
        self.get(name, |c| c.as_string_view_opt().cloned())
    }

    pub(crate) fn u32(&self, name: &str) -> Result<UInt32Array, QueryError> {
        self.get(name, |c| c.as_primitive_opt::<UInt32Type>().cloned())
    }

    pub(crate) fn i32(&self, name: &str) -> Result<Int32Array, QueryError> {
        self.get(name, |c| c.as_primitive_opt::<Int32Type>().cloned())
    }

    pub(crate) fn i64(&self, name: &str) -> Result<Int64Array, QueryError> {
        self.get(name, |c| c.as_primitive_opt::<Int64Type>().cloned())
    }

    pub(crate) fn f64(&self, name: &str) -> Result<Float64Array, QueryError> {
        self.get(name, |c| c.as_primitive_opt::<Float64Type>().cloned())
    }

    pub(crate) fn time(&self, name: &str) -> Result<TimestampNanosecondArray, QueryError> {
        self.get(name, |c| {
            c.as_primitive_opt::<TimestampNanosecondType>().cloned()
        })
    }

    pub(crate) fn list(&self, name: &str) -> Result<ListArray, QueryError> {
        self.get(name, |c| c.as_list_opt::<i32>().cloned())
    }

    fn attributes(&self, map: &str, types: &str) -> Result<AttributeColumn, QueryError> {
        let map = self.get(map, |c| c.as_map_opt().cloned())?;
        AttributeColumn::new(map, self.text(types)?.into())
    }

    fn nested_attributes(&self) -> Result<AttributeColumn, QueryError> {
        let map = self.get("attributes", |c| c.as_map_opt().cloned())?;
        let types = self.get("attribute_types", |c| c.as_string_opt::<i32>().cloned())?;
        AttributeColumn::new(map, types.into())
    }
}

/// One span.
#[derive(Clone, Copy)]
pub(crate) struct SpanRow<'a> {
    rows: &'a SpanRows,
    /// Row of the span.
    pub(crate) row: usize,
}

impl<'a> SpanRow<'a> {
    /// The 16 bytes of the trace id.
    pub(crate) fn trace_id(self) -> &'a [u8] {
        self.rows.trace_id.value(self.row)
    }

    /// The 8 bytes of the span id.
    pub(crate) fn span_id(self) -> &'a [u8] {
        self.rows.span_id.value(self.row)
    }

    /// The 8 bytes of the parent's id, if there is one.
    pub(crate) fn parent_span_id(self) -> Option<&'a [u8]> {
        let ids = &self.rows.parent_span_id;
        ids.is_valid(self.row).then(|| ids.value(self.row))
    }

    /// W3C tracestate.
    pub(crate) fn trace_state(self) -> &'a str {
        self.rows.trace_state.value(self.row)
    }

    /// W3C flags and OpenTelemetry's bits.
    pub(crate) fn flags(self) -> u32 {
        self.rows.flags.value(self.row)
    }

    /// Span name.
    pub(crate) fn name(self) -> &'a str {
        self.rows.name.value(self.row)
    }

    /// Kind as text.
    pub(crate) fn kind(self) -> &'a str {
        self.rows.kind.value(self.row)
    }

    /// Start, ns since the epoch; wraps beyond 2^63.
    pub(crate) fn start_time(self) -> i64 {
        self.rows.start_time.value(self.row)
    }

    /// Start, ns since the epoch, as sent.
    pub(crate) fn start_unix_nano(self) -> u64 {
        self.start_time() as u64
    }

    /// End minus start, ns; negative when the span ends before it starts.
    pub(crate) fn duration_ns(self) -> i64 {
        self.rows.duration_ns.value(self.row)
    }

    /// End, ns since the epoch; wraps beyond 2^63.
    pub(crate) fn end_time(self) -> i64 {
        self.start_time().wrapping_add(self.duration_ns())
    }

    /// Status as text.
    pub(crate) fn status_code(self) -> &'a str {
        self.rows.status_code.value(self.row)
    }

    /// Status message.
    pub(crate) fn status_message(self) -> &'a str {
        self.rows.status_message.value(self.row)
    }

    /// Attributes of the span.
    pub(crate) fn attributes(self) -> Attributes<'a> {
        self.rows.attributes.row(self.row)
    }

    /// Attributes that the sender dropped.
    pub(crate) fn dropped_attributes_count(self) -> u32 {
        self.rows.dropped_attributes_count.value(self.row)
    }

    /// Events, in the order sent.
    pub(crate) fn events(self) -> impl ExactSizeIterator<Item = EventRow<'a>> {
        let columns = &self.rows.event;
        list_range(&self.rows.events, self.row).map(move |row| EventRow { columns, row })
    }

    /// Events that the sender dropped.
    pub(crate) fn dropped_events_count(self) -> u32 {
        self.rows.dropped_events_count.value(self.row)
    }

    /// Links, in the order sent.
    pub(crate) fn links(self) -> impl ExactSizeIterator<Item = LinkRow<'a>> {
        let columns = &self.rows.link;
        list_range(&self.rows.links, self.row).map(move |row| LinkRow { columns, row })
    }

    /// Links that the sender dropped.
    pub(crate) fn dropped_links_count(self) -> u32 {
        self.rows.dropped_links_count.value(self.row)
    }

    /// How many spans this one stands for.
    pub(crate) fn sample_weight(self) -> f64 {
        self.rows.sample_weight.value(self.row)
    }

    /// When the span was received, ns since the epoch.
    pub(crate) fn ingested_at(self) -> i64 {
        self.rows.ingested_at.value(self.row)
    }

    /// Service.
    pub(crate) fn service_name(self) -> &'a str {
        self.rows.service_name.value(self.row)
    }

    /// Attributes of the resource.
    pub(crate) fn resource_attributes(self) -> Attributes<'a> {
        self.rows.resource_attributes.row(self.row)
    }

    /// Attributes that the sender dropped from the resource.
    pub(crate) fn resource_dropped_attributes_count(self) -> u32 {
        self.rows.resource_dropped_attributes_count.value(self.row)
    }

    /// Schema URL of the resource.
    pub(crate) fn resource_schema_url(self) -> &'a str {
        self.rows.resource_schema_url.value(self.row)
    }

    /// Name of the instrumentation scope.
    pub(crate) fn scope_name(self) -> &'a str {
        self.rows.scope_name.value(self.row)
    }

    /// Version of the instrumentation scope.
    pub(crate) fn scope_version(self) -> &'a str {
        self.rows.scope_version.value(self.row)
    }

    /// Attributes of the scope.
    pub(crate) fn scope_attributes(self) -> Attributes<'a> {
        self.rows.scope_attributes.row(self.row)
    }

    /// Attributes that the sender dropped from the scope.
    pub(crate) fn scope_dropped_attributes_count(self) -> u32 {
        self.rows.scope_dropped_attributes_count.value(self.row)
    }

    /// Schema URL of the scope.
    pub(crate) fn scope_schema_url(self) -> &'a str {
        self.rows.scope_schema_url.value(self.row)
    }

    /// Steps down from the root.
    pub(crate) fn depth(self) -> i32 {
        if self.rows.depth.is_valid(self.row) {
            self.rows.depth.value(self.row)
        } else {
            0
        }
    }

    /// Row of the parent; `None` for a root or an orphan.
    pub(crate) fn parent_row(self) -> Option<usize> {
        let offsets = &self.rows.parent_offset;
        let offset = offsets
            .is_valid(self.row)
            .then(|| offsets.value(self.row))?;
        self.row.checked_sub(usize::try_from(offset).ok()?)
    }

    /// Rows of the subtree, this one included.
    pub(crate) fn subtree_size(self) -> i32 {
        if self.rows.subtree_size.is_valid(self.row) {
            self.rows.subtree_size.value(self.row)
        } else {
            1
        }
    }
}

fn list_range(list: &ListArray, row: usize) -> std::ops::Range<usize> {
    let offsets = list.value_offsets();
    offsets[row] as usize..offsets[row + 1] as usize
}

/// One event of a span.
#[derive(Clone, Copy)]
pub(crate) struct EventRow<'a> {
    columns: &'a EventColumns,
    row: usize,
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

/// One link of a span.
#[derive(Clone, Copy)]
pub(crate) struct LinkRow<'a> {
    columns: &'a LinkColumns,
    row: usize,
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
