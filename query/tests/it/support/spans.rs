//! Spans that own their content, written down briefly.

use clew_storage::attributes::{AttributeRef, AttributeValue, ValueRef};
use clew_storage::span::{EventFields, GroupFields, LinkFields, SpanFields};
use clew_storage::{SpanBatch, SpanBatchBuilder, SpanId, TraceId};

/// Attributes of some owner.
pub(crate) type Attributes = Vec<(String, AttributeValue)>;

/// A span with its resource and scope.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct TestSpan {
    pub(crate) resource: Attributes,
    pub(crate) resource_schema_url: String,
    pub(crate) scope_name: String,
    pub(crate) scope_version: String,
    pub(crate) scope: Attributes,
    pub(crate) scope_schema_url: String,
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) trace_state: String,
    pub(crate) flags: u32,
    pub(crate) name: String,
    pub(crate) kind: i32,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) status: i32,
    pub(crate) status_message: String,
    pub(crate) attributes: Attributes,
    pub(crate) events: Vec<TestEvent>,
    pub(crate) links: Vec<TestLink>,
    pub(crate) dropped: [u32; 5],
    pub(crate) weight: Option<f64>,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct TestEvent {
    pub(crate) time: u64,
    pub(crate) name: String,
    pub(crate) attributes: Attributes,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct TestLink {
    pub(crate) trace_id: Vec<u8>,
    pub(crate) span_id: Vec<u8>,
    pub(crate) trace_state: String,
    pub(crate) attributes: Attributes,
    pub(crate) flags: u32,
}

/// A span of `service`: ids, name, and times in ns.
pub(crate) fn span(
    service: &str,
    trace_id: u128,
    span_id: u64,
    name: &str,
    start: u64,
    length: u64,
) -> TestSpan {
    TestSpan {
        resource: vec![text("service.name", service)],
        trace_id,
        span_id,
        name: name.to_owned(),
        start,
        end: start + length,
        ..TestSpan::default()
    }
}

/// An attribute of text.
pub(crate) fn text(key: &str, value: &str) -> (String, AttributeValue) {
    (key.to_owned(), AttributeValue::String(value.to_owned()))
}

/// An attribute of a whole number.
pub(crate) fn int(key: &str, value: i64) -> (String, AttributeValue) {
    (key.to_owned(), AttributeValue::Int(value))
}

impl TestSpan {
    pub(crate) fn parent(mut self, id: u64) -> Self {
        self.parent = Some(id);
        self
    }

    /// OTLP number: 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub(crate) fn kind(mut self, kind: i32) -> Self {
        self.kind = kind;
        self
    }

    pub(crate) fn error(mut self) -> Self {
        self.status = 2;
        self
    }

    pub(crate) fn with(mut self, attribute: (String, AttributeValue)) -> Self {
        self.attributes.push(attribute);
        self
    }

    pub(crate) fn weight(mut self, weight: f64) -> Self {
        self.weight = Some(weight);
        self
    }

    pub(crate) fn event(mut self, time: u64, name: &str, attributes: Attributes) -> Self {
        self.events.push(TestEvent {
            time,
            name: name.to_owned(),
            attributes,
        });
        self
    }

    /// The text of the resource attribute `service.name`.
    pub(crate) fn service(&self) -> &str {
        let name = self.resource.iter().find_map(|(key, value)| match value {
            AttributeValue::String(text) if key == "service.name" && !text.is_empty() => {
                Some(text.as_str())
            }
            _ => None,
        });
        name.unwrap_or("unknown_service")
    }
}

/// A batch of `spans`, received at `ingested_at` ns.
pub(crate) fn batch_at(spans: &[TestSpan], ingested_at: u64) -> SpanBatch {
    let mut builder = SpanBatchBuilder::new(ingested_at);
    for span in spans {
        push(&mut builder, span);
    }
    builder.finish()
}

/// A batch of `spans`.
pub(crate) fn batch(spans: &[TestSpan]) -> SpanBatch {
    batch_at(spans, 1_000)
}

fn push(builder: &mut SpanBatchBuilder, span: &TestSpan) {
    let (resource, scope) = (borrow(&span.resource), borrow(&span.scope));
    let group = builder.push_group(&GroupFields {
        resource_attributes: &resource,
        resource_dropped_attributes_count: span.dropped[3],
        resource_schema_url: &span.resource_schema_url,
        scope_name: &span.scope_name,
        scope_version: &span.scope_version,
        scope_attributes: &scope,
        scope_dropped_attributes_count: span.dropped[4],
        scope_schema_url: &span.scope_schema_url,
    });
    let mut arena = borrow(&span.attributes);
    let own = 0..arena.len();
    let mut events = Vec::new();
    for event in &span.events {
        let first = arena.len();
        arena.extend(borrow(&event.attributes));
        events.push(EventFields {
            time_unix_nano: event.time,
            name: &event.name,
            attributes: first..arena.len(),
            dropped_attributes_count: 0,
        });
    }
    let mut links = Vec::new();
    for link in &span.links {
        let first = arena.len();
        arena.extend(borrow(&link.attributes));
        links.push(LinkFields {
            trace_id: &link.trace_id,
            span_id: &link.span_id,
            trace_state: &link.trace_state,
            attributes: first..arena.len(),
            dropped_attributes_count: 0,
            flags: link.flags,
        });
    }
    let fields = SpanFields {
        trace_id: TraceId(span.trace_id.to_be_bytes()),
        span_id: SpanId(span.span_id.to_be_bytes()),
        parent_span_id: span.parent.map(|id| SpanId(id.to_be_bytes())),
        trace_state: &span.trace_state,
        flags: span.flags,
        name: &span.name,
        kind: span.kind,
        start_time_unix_nano: span.start,
        end_time_unix_nano: span.end,
        status_code: span.status,
        status_message: &span.status_message,
        arena: &arena,
        attributes: own,
        dropped_attributes_count: span.dropped[0],
        events: &events,
        dropped_events_count: span.dropped[1],
        links: &links,
        dropped_links_count: span.dropped[2],
    };
    builder.push_span(group, &fields, span.weight.unwrap_or(1.0));
}

fn borrow(attributes: &Attributes) -> Vec<AttributeRef<'_>> {
    attributes
        .iter()
        .map(|(key, value)| AttributeRef {
            key,
            value: borrow_value(value),
        })
        .collect()
}

fn borrow_value(value: &AttributeValue) -> ValueRef<'_> {
    match value {
        AttributeValue::Empty => ValueRef::Empty,
        AttributeValue::String(text) => ValueRef::String(text),
        AttributeValue::Bool(value) => ValueRef::Bool(*value),
        AttributeValue::Int(value) => ValueRef::Int(*value),
        AttributeValue::Double(value) => ValueRef::Double(*value),
        AttributeValue::Bytes(bytes) => ValueRef::Bytes(bytes),
        nested => ValueRef::Nested(nested.clone()),
    }
}
