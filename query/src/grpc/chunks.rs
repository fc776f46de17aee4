//! Traces as OTLP protobuf, cut into chunks of about [`CHUNK_BYTES`].
//!
//! A chunk is of one trace, never empty, and whole in itself: it repeats the resource and the scope of its spans. Chunks of a
//! trace follow each other. A single span larger than a chunk is a chunk of its own.

use clew_storage::attributes::AttributeValue;
use clew_storage::span;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use prost::Message;

use crate::rows::{Attributes, EventRow, LinkRow, SpanRow, SpanRows};
use crate::trace::group::{Groups, ResourceKey, ScopeKey};

/// Bytes after which a chunk is sent. Clients of gRPC refuse messages over 4 MiB unless told otherwise.
const CHUNK_BYTES: usize = 1 << 20;

/// Gives the spans of one trace to `send`, chunk by chunk.
///
/// # Errors
/// Those of `send`, which end it.
pub(super) fn each<E>(
    spans: &SpanRows,
    send: impl FnMut(TracesData) -> Result<(), E>,
) -> Result<(), E> {
    let mut chunks = Chunks {
        chunk: TracesData::default(),
        bytes: 0,
        send,
    };
    let resources = Groups::by(spans, 0..spans.len() as u32, ResourceKey::of);
    for rows in &resources.rows {
        let mut in_resource = None;
        let scopes = Groups::by(spans, rows.iter().copied(), ScopeKey::of);
        for rows in &scopes.rows {
            let mut in_scope = None;
            for row in rows {
                chunks.push(spans.span(*row as usize), &mut in_resource, &mut in_scope)?;
            }
        }
    }
    chunks.flush()
}

struct Chunks<F> {
    chunk: TracesData,
    bytes: usize,
    send: F,
}

impl<E, F: FnMut(TracesData) -> Result<(), E>> Chunks<F> {
    /// Adds a span. The places of its resource and scope in the chunk are known unless they begin with it or the chunk does.
    fn push(
        &mut self,
        row: SpanRow<'_>,
        resource: &mut Option<usize>,
        scope: &mut Option<usize>,
    ) -> Result<(), E> {
        let span = span(row);
        let bytes = span.encoded_len();
        if self.bytes > 0 && self.bytes + bytes > CHUNK_BYTES {
            self.flush()?;
            (*resource, *scope) = (None, None);
        }
        let resources = &mut self.chunk.resource_spans;
        let at = *resource.get_or_insert_with(|| {
            resources.push(resource_spans(row));
            self.bytes += resources.last().map_or(0, Message::encoded_len);
            resources.len() - 1
        });
        let scopes = &mut resources[at].scope_spans;
        let at = *scope.get_or_insert_with(|| {
            scopes.push(scope_spans(row));
            self.bytes += scopes.last().map_or(0, Message::encoded_len);
            scopes.len() - 1
        });
        scopes[at].spans.push(span);
        self.bytes += bytes;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), E> {
        self.bytes = 0;
        let chunk = std::mem::take(&mut self.chunk);
        if chunk.resource_spans.is_empty() {
            return Ok(());
        }
        (self.send)(chunk)
    }
}

fn resource_spans(row: SpanRow<'_>) -> ResourceSpans {
    ResourceSpans {
        resource: Some(Resource {
            attributes: pairs(row.resource_attributes()),
            dropped_attributes_count: row.resource_dropped_attributes_count(),
            ..Resource::default()
        }),
        schema_url: row.resource_schema_url().to_owned(),
        ..ResourceSpans::default()
    }
}

fn scope_spans(row: SpanRow<'_>) -> ScopeSpans {
    ScopeSpans {
        scope: Some(InstrumentationScope {
            name: row.scope_name().to_owned(),
            version: row.scope_version().to_owned(),
            attributes: pairs(row.scope_attributes()),
            dropped_attributes_count: row.scope_dropped_attributes_count(),
        }),
        schema_url: row.scope_schema_url().to_owned(),
        ..ScopeSpans::default()
    }
}

fn span(row: SpanRow<'_>) -> Span {
    Span {
        trace_id: row.trace_id().to_vec(),
        span_id: row.span_id().to_vec(),
        parent_span_id: row.parent_span_id().map(<[u8]>::to_vec).unwrap_or_default(),
        trace_state: row.trace_state().to_owned(),
        flags: row.flags(),
        name: row.name().to_owned(),
        kind: span::kind_number(row.kind()).unwrap_or(0),
        start_time_unix_nano: row.start_unix_nano(),
        end_time_unix_nano: row.end_time() as u64,
        attributes: pairs(row.attributes()),
        dropped_attributes_count: row.dropped_attributes_count(),
        events: row.events().map(event).collect(),
        dropped_events_count: row.dropped_events_count(),
        links: row.links().map(link).collect(),
        dropped_links_count: row.dropped_links_count(),
        status: Some(Status {
            message: row.status_message().to_owned(),
            code: span::status_number(row.status_code()).unwrap_or(0),
        }),
    }
}

fn event(event: EventRow<'_>) -> Event {
    Event {
        time_unix_nano: event.time() as u64,
        name: event.name().to_owned(),
        attributes: pairs(event.attributes()),
        dropped_attributes_count: event.dropped_attributes_count(),
    }
}

fn link(link: LinkRow<'_>) -> Link {
    Link {
        trace_id: link.trace_id().to_vec(),
        span_id: link.span_id().to_vec(),
        trace_state: link.trace_state().to_owned(),
        attributes: pairs(link.attributes()),
        dropped_attributes_count: link.dropped_attributes_count(),
        flags: link.flags(),
    }
}

fn pairs(attributes: Attributes<'_>) -> Vec<KeyValue> {
    let pair = |attribute: crate::rows::Attribute<'_>| KeyValue {
        key: attribute.key.to_owned(),
        value: Some(any(attribute.value())),
        ..KeyValue::default()
    };
    attributes.map(pair).collect()
}

fn any(value: AttributeValue) -> AnyValue {
    use any_value::Value;
    let value = match value {
        AttributeValue::Empty => None,
        AttributeValue::String(text) => Some(Value::StringValue(text)),
        AttributeValue::Bool(value) => Some(Value::BoolValue(value)),
        AttributeValue::Int(value) => Some(Value::IntValue(value)),
        AttributeValue::Double(value) => Some(Value::DoubleValue(value)),
        AttributeValue::Bytes(bytes) => Some(Value::BytesValue(bytes)),
        AttributeValue::Array(values) => Some(Value::ArrayValue(ArrayValue {
            values: values.into_iter().map(any).collect(),
        })),
        AttributeValue::Map(entries) => Some(Value::KvlistValue(KeyValueList {
            values: entries
                .into_iter()
                .map(|(key, value)| KeyValue {
                    key,
                    value: Some(any(value)),
                    ..KeyValue::default()
                })
                .collect(),
        })),
    };
    AnyValue { value }
}
