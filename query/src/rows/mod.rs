//! A typed view of rows of `spans`: columns once downcast, then read span by span without copying.
//!
//! Rows come from [`Snapshot::trace`](clew_storage::Snapshot::trace) or [`SpanBatch::to_table`](clew_storage::SpanBatch::to_table)
//! and have all columns of [`schema::spans`](clew_storage::schema::spans).

mod attributes;
mod columns;
mod nested;

use arrow::array::{
    Array, FixedSizeBinaryArray, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch,
    StringViewArray, TimestampNanosecondArray, UInt32Array,
};

pub(crate) use attributes::{Attribute, AttributeColumn, Attributes};
pub(crate) use columns::Columns;
pub(crate) use nested::{EventRow, LinkRow};

use crate::error::QueryError;
use nested::{EventColumns, LinkColumns};

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
