//! Building a batch span by span.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeBinaryBuilder, Float64Builder, Int64Builder, StringViewBuilder,
    TimestampNanosecondArray, TimestampNanosecondBuilder, UInt32Builder,
};

use super::columns::{AttributesBuilder, EventsBuilder, LinksBuilder};
use super::{GroupKeys, SpanBatch};
use crate::attributes::{AttributeRef, ValueRef};
use crate::schema;
use crate::span::{GroupFields, SpanFields, kind_text, status_text};

/// A resource and scope that [`SpanBatchBuilder::push_group`] has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group(u32);

/// Builds a [`SpanBatch`] span by span.
#[derive(Debug)]
pub struct SpanBatchBuilder {
    ingested_at: i64,
    own: OwnBuilder,
    group_of: Vec<u32>,
    groups: GroupsBuilder,
    table_bytes: usize,
}

impl SpanBatchBuilder {
    /// An empty batch whose spans were received at `ingested_at_unix_nano`.
    #[must_use]
    pub fn new(ingested_at_unix_nano: u64) -> Self {
        Self::with_capacity(ingested_at_unix_nano, 0)
    }

    /// The same, with room for `spans` spans from the start.
    #[must_use]
    pub fn with_capacity(ingested_at_unix_nano: u64, spans: usize) -> Self {
        Self {
            ingested_at: ingested_at_unix_nano as i64,
            own: OwnBuilder::with_capacity(spans),
            group_of: Vec::with_capacity(spans),
            groups: GroupsBuilder::new(),
            table_bytes: 0,
        }
    }

    /// Takes a resource and scope; `service_name` comes from the resource attribute `service.name`.
    ///
    /// A group of the same content as an earlier one is that earlier one.
    pub fn push_group(&mut self, group: &GroupFields<'_>) -> Group {
        self.groups.push(group)
    }

    /// Appends a span with the weight that admission gave it (1 = unsampled).
    ///
    /// # Panics
    /// When `group` comes from another builder and is out of range here.
    pub fn push_span(&mut self, group: Group, span: &SpanFields<'_>, sample_weight: f64) {
        let before = self.own.text_bytes();
        self.own.push(span, sample_weight);
        self.group_of.push(group.0);
        let group_bytes = self.groups.keys[group.0 as usize].len();
        self.table_bytes += self.own.text_bytes() - before + group_bytes;
    }

    /// Spans so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.group_of.len()
    }

    /// True when no span has been pushed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Roughly the bytes of text that [`SpanBatch::to_table`] gives: each span counts its group's bytes anew.
    #[must_use]
    pub fn table_bytes(&self) -> usize {
        self.table_bytes
    }

    /// The batch.
    #[must_use]
    pub fn finish(self) -> SpanBatch {
        let ingested_at =
            TimestampNanosecondArray::from_value(self.ingested_at, self.group_of.len());
        let ingested_at = ingested_at.with_data_type(schema::timestamp());
        let (groups, group_keys) = self.groups.finish();
        SpanBatch::lean(
            self.own.finish(ingested_at),
            self.group_of,
            groups,
            group_keys,
        )
    }
}

/// The columns that spans carry themselves.
#[derive(Debug)]
struct OwnBuilder {
    trace_id: FixedSizeBinaryBuilder,
    span_id: FixedSizeBinaryBuilder,
    parent_span_id: FixedSizeBinaryBuilder,
    trace_state: StringViewBuilder,
    flags: UInt32Builder,
    name: StringViewBuilder,
    kind: StringViewBuilder,
    start_time: TimestampNanosecondBuilder,
    duration_ns: Int64Builder,
    status_code: StringViewBuilder,
    status_message: StringViewBuilder,
    attributes: AttributesBuilder,
    attribute_types: StringViewBuilder,
    dropped_attributes_count: UInt32Builder,
    events: EventsBuilder,
    dropped_events_count: UInt32Builder,
    links: LinksBuilder,
    dropped_links_count: UInt32Builder,
    sample_weight: Float64Builder,
    /// Letters of the span at hand.
    letters: String,
    /// Bytes of the text views so far.
    view_bytes: usize,
}

impl OwnBuilder {
    fn with_capacity(spans: usize) -> Self {
        let text = || StringViewBuilder::with_capacity(spans);
        // Spans of one sort have one name and attributes of the same types.
        let repeated = || text().with_deduplicate_strings();
        Self {
            trace_id: FixedSizeBinaryBuilder::with_capacity(spans, 16),
            span_id: FixedSizeBinaryBuilder::with_capacity(spans, 8),
            parent_span_id: FixedSizeBinaryBuilder::with_capacity(spans, 8),
            trace_state: text(),
            flags: UInt32Builder::with_capacity(spans),
            name: repeated(),
            kind: text(),
            start_time: TimestampNanosecondBuilder::with_capacity(spans)
                .with_data_type(schema::timestamp()),
            duration_ns: Int64Builder::with_capacity(spans),
            status_code: text(),
            status_message: text(),
            attributes: AttributesBuilder::with_capacity(spans),
            attribute_types: repeated(),
            dropped_attributes_count: UInt32Builder::with_capacity(spans),
            events: EventsBuilder::with_capacity(spans),
            dropped_events_count: UInt32Builder::with_capacity(spans),
            links: LinksBuilder::with_capacity(spans),
            dropped_links_count: UInt32Builder::with_capacity(spans),
            sample_weight: Float64Builder::with_capacity(spans),
            letters: String::new(),
            view_bytes: 0,
        }
    }

    fn push(&mut self, span: &SpanFields<'_>, sample_weight: f64) {
        const WIDTH: &str = "ids have the column's width";
        self.trace_id.append_value(span.trace_id.0).expect(WIDTH);
        self.span_id.append_value(span.span_id.0).expect(WIDTH);
        match span.parent_span_id {
            Some(parent) => self.parent_span_id.append_value(parent.0).expect(WIDTH),
            None => self.parent_span_id.append_null(),
        }
        self.trace_state.append_value(span.trace_state);
        self.flags.append_value(span.flags);
        self.name.append_value(span.name);
        self.kind.append_value(kind_text(span.kind));
        self.start_time
            .append_value(span.start_time_unix_nano as i64);
        let duration = span
            .end_time_unix_nano
            .wrapping_sub(span.start_time_unix_nano);
        self.duration_ns.append_value(duration as i64);
        self.status_code.append_value(status_text(span.status_code));
        self.status_message.append_value(span.status_message);
        self.letters.clear();
        self.attributes
            .push(&span.arena[span.attributes.clone()], &mut self.letters);
        self.attribute_types.append_value(&self.letters);
        self.dropped_attributes_count
            .append_value(span.dropped_attributes_count);
        self.events.push(span.events, span.arena);
        self.dropped_events_count
            .append_value(span.dropped_events_count);
        self.links.push(span.links, span.arena);
        self.dropped_links_count
            .append_value(span.dropped_links_count);
        self.sample_weight.append_value(sample_weight);
        self.view_bytes += span.trace_state.len()
            + span.name.len()
            + span.status_message.len()
            + self.letters.len();
    }

    fn text_bytes(&self) -> usize {
        self.view_bytes + self.attributes.bytes() + self.events.bytes() + self.links.bytes()
    }

    fn finish(mut self, ingested_at: TimestampNanosecondArray) -> Vec<ArrayRef> {
        vec![
            Arc::new(self.trace_id.finish()),
            Arc::new(self.span_id.finish()),
            Arc::new(self.parent_span_id.finish()),
            Arc::new(self.trace_state.finish()),
            Arc::new(self.flags.finish()),
            Arc::new(self.name.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.start_time.finish()),
            Arc::new(self.duration_ns.finish()),
            Arc::new(self.status_code.finish()),
            Arc::new(self.status_message.finish()),
            Arc::new(self.attributes.finish()),
            Arc::new(self.attribute_types.finish()),
            Arc::new(self.dropped_attributes_count.finish()),
            Arc::new(self.events.finish()),
            Arc::new(self.dropped_events_count.finish()),
            Arc::new(self.links.finish()),
            Arc::new(self.dropped_links_count.finish()),
            Arc::new(self.sample_weight.finish()),
            Arc::new(ingested_at),
        ]
    }
}

/// The columns that spans share, one row for each different content.
#[derive(Debug)]
struct GroupsBuilder {
    seen: HashMap<Arc<[u8]>, u32>,
    keys: Vec<Arc<[u8]>>,
    /// Key of the group at hand.
    key: Vec<u8>,
    service_name: StringViewBuilder,
    resource: AttributeColumns,
    scope_name: StringViewBuilder,
    scope_version: StringViewBuilder,
    scope: AttributeColumns,
}

impl GroupsBuilder {
    fn new() -> Self {
        Self {
            seen: HashMap::new(),
            keys: Vec::new(),
            key: Vec::new(),
            service_name: StringViewBuilder::with_capacity(0),
            resource: AttributeColumns::new(),
            scope_name: StringViewBuilder::with_capacity(0),
            scope_version: StringViewBuilder::with_capacity(0),
            scope: AttributeColumns::new(),
        }
    }

    fn push(&mut self, group: &GroupFields<'_>) -> Group {
        self.key.clear();
        write_key(&mut self.key, group);
        if let Some(known) = self.seen.get(self.key.as_slice()) {
            return Group(*known);
        }
        let key: Arc<[u8]> = self.key.as_slice().into();
        let number = self.keys.len() as u32;
        self.seen.insert(Arc::clone(&key), number);
        self.keys.push(key);
        self.append(group);
        Group(number)
    }

    fn append(&mut self, group: &GroupFields<'_>) {
        self.service_name.append_value(group.service_name());
        let dropped = group.resource_dropped_attributes_count;
        self.resource.push(
            group.resource_attributes,
            dropped,
            group.resource_schema_url,
        );
        self.scope_name.append_value(group.scope_name);
        self.scope_version.append_value(group.scope_version);
        let dropped = group.scope_dropped_attributes_count;
        self.scope
            .push(group.scope_attributes, dropped, group.scope_schema_url);
    }

    fn finish(mut self) -> (Vec<ArrayRef>, GroupKeys) {
        let mut columns: Vec<ArrayRef> = vec![Arc::new(self.service_name.finish())];
        columns.extend(self.resource.finish());
        columns.push(Arc::new(self.scope_name.finish()));
        columns.push(Arc::new(self.scope_version.finish()));
        columns.extend(self.scope.finish());
        (columns, self.keys.into())
    }
}

/// What resource and scope have in common.
#[derive(Debug)]
struct AttributeColumns {
    attributes: AttributesBuilder,
    types: StringViewBuilder,
    dropped: UInt32Builder,
    schema_url: StringViewBuilder,
    /// Letters of the list at hand.
    letters: String,
}

impl AttributeColumns {
    fn new() -> Self {
        Self {
            attributes: AttributesBuilder::new(),
            types: StringViewBuilder::with_capacity(0),
            dropped: UInt32Builder::with_capacity(0),
            schema_url: StringViewBuilder::with_capacity(0),
            letters: String::new(),
        }
    }

    fn push(&mut self, attributes: &[AttributeRef<'_>], dropped: u32, schema_url: &str) {
        self.letters.clear();
        self.attributes.push(attributes, &mut self.letters);
        self.types.append_value(&self.letters);
        self.dropped.append_value(dropped);
        self.schema_url.append_value(schema_url);
    }

    fn finish(&mut self) -> [ArrayRef; 4] {
        [
            Arc::new(self.attributes.finish()),
            Arc::new(self.types.finish()),
            Arc::new(self.dropped.finish()),
            Arc::new(self.schema_url.finish()),
        ]
    }
}

/// Writes the content of `group` so that different groups have different keys: every text after its length.
fn write_key(key: &mut Vec<u8>, group: &GroupFields<'_>) {
    for text in [
        group.resource_schema_url,
        group.scope_name,
        group.scope_version,
        group.scope_schema_url,
    ] {
        write_bytes(key, text.as_bytes());
    }
    key.extend(group.resource_dropped_attributes_count.to_le_bytes());
    key.extend(group.scope_dropped_attributes_count.to_le_bytes());
    for attributes in [group.resource_attributes, group.scope_attributes] {
        key.extend((attributes.len() as u64).to_le_bytes());
        for attribute in attributes {
            write_bytes(key, attribute.key.as_bytes());
            write_value(key, &attribute.value);
        }
    }
}

fn write_bytes(key: &mut Vec<u8>, bytes: &[u8]) {
    key.extend((bytes.len() as u64).to_le_bytes());
    key.extend(bytes);
}

fn write_value(key: &mut Vec<u8>, value: &ValueRef<'_>) {
    key.push(value.attribute_type() as u8);
    match value {
        ValueRef::Empty => {}
        ValueRef::String(text) => write_bytes(key, text.as_bytes()),
        ValueRef::Bool(value) => key.push(u8::from(*value)),
        ValueRef::Int(value) => key.extend(value.to_le_bytes()),
        ValueRef::Double(value) => key.extend(value.to_bits().to_le_bytes()),
        ValueRef::Bytes(bytes) => write_bytes(key, bytes),
        ValueRef::Nested(value) => write_bytes(key, value.to_text().as_bytes()),
    }
}
