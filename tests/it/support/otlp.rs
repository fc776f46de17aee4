//! OTLP protobuf, decoded by `opentelemetry-proto` and prost, as comparable [`Span`]s.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1 as wire;
use prost::Message;

use super::span::{Attributes, Event, Link, Resource, Scope, Span, Value};

/// Spans of one encoded request, invalid ones included.
pub(crate) fn decode(body: &[u8]) -> Result<Vec<Span>, prost::DecodeError> {
    ExportTraceServiceRequest::decode(body).map(|request| spans(&request))
}

/// Spans of one request, invalid ones included.
pub(crate) fn spans(request: &ExportTraceServiceRequest) -> Vec<Span> {
    let mut all = Vec::new();
    for group in &request.resource_spans {
        let resource = resource(group);
        for part in &group.scope_spans {
            let scope = scope(part);
            all.extend(
                part.spans
                    .iter()
                    .map(|span| convert(span, &resource, &scope)),
            );
        }
    }
    all
}

fn resource(group: &wire::ResourceSpans) -> Resource {
    let resource = group.resource.clone().unwrap_or_default();
    assert!(
        resource.entity_refs.is_empty(),
        "entity references are not compared"
    );
    Resource {
        attributes: attributes(&resource.attributes),
        dropped_attributes: resource.dropped_attributes_count,
        schema_url: group.schema_url.clone(),
    }
}

fn scope(part: &wire::ScopeSpans) -> Scope {
    let scope = part.scope.clone().unwrap_or_default();
    Scope {
        name: scope.name,
        version: scope.version,
        attributes: attributes(&scope.attributes),
        dropped_attributes: scope.dropped_attributes_count,
        schema_url: part.schema_url.clone(),
    }
}

fn convert(span: &wire::Span, resource: &Resource, scope: &Scope) -> Span {
    let status = span.status.clone().unwrap_or_default();
    let parent_is_zero = span.parent_span_id == [0; 8];
    Span {
        trace_id: span.trace_id.clone(),
        span_id: span.span_id.clone(),
        parent_span_id: if parent_is_zero {
            Vec::new()
        } else {
            span.parent_span_id.clone()
        },
        trace_state: span.trace_state.clone(),
        flags: span.flags,
        name: span.name.clone(),
        kind: span.kind,
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano,
        attributes: attributes(&span.attributes),
        dropped_attributes: span.dropped_attributes_count,
        events: span.events.iter().map(event).collect(),
        dropped_events: span.dropped_events_count,
        links: span.links.iter().map(link).collect(),
        dropped_links: span.dropped_links_count,
        status_code: status.code,
        status_message: status.message,
        resource: resource.clone(),
        scope: scope.clone(),
    }
}

fn event(event: &wire::span::Event) -> Event {
    Event {
        time: event.time_unix_nano,
        name: event.name.clone(),
        attributes: attributes(&event.attributes),
        dropped_attributes: event.dropped_attributes_count,
    }
}

fn link(link: &wire::span::Link) -> Link {
    Link {
        trace_id: link.trace_id.clone(),
        span_id: link.span_id.clone(),
        trace_state: link.trace_state.clone(),
        attributes: attributes(&link.attributes),
        dropped_attributes: link.dropped_attributes_count,
        flags: link.flags,
    }
}

fn attributes(list: &[KeyValue]) -> Attributes {
    list.iter()
        .map(|entry| (entry.key.clone(), value(entry.value.as_ref())))
        .collect()
}

fn value(any: Option<&AnyValue>) -> Value {
    use any_value::Value as Wire;
    match any.and_then(|any| any.value.as_ref()) {
        None => Value::Empty,
        Some(Wire::StringValue(text)) => Value::string(text),
        Some(Wire::BoolValue(truth)) => Value::Bool(*truth),
        Some(Wire::IntValue(number)) => Value::Int(*number),
        Some(Wire::DoubleValue(number)) => Value::double(*number),
        Some(Wire::BytesValue(bytes)) => Value::Bytes(bytes.clone()),
        Some(Wire::ArrayValue(list)) => {
            Value::Array(list.values.iter().map(|item| value(Some(item))).collect())
        }
        Some(Wire::KvlistValue(list)) => Value::Map(attributes(&list.values)),
        Some(Wire::StringValueStrindex(_)) => {
            panic!("string indices belong to profiles, not to spans")
        }
    }
}
