//! Shows what the wire decoder hands out as prost's messages, so that the two can be compared.

use clew_storage::attributes::{AttributeRef, AttributeValue, ValueRef};
use clew_storage::span::{AttributeRange, GroupFields, SpanFields};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

use super::Visitor;

/// Collects what it is given as a request with one `ScopeSpans` in each `ResourceSpans`, without those that have no span.
#[derive(Default)]
pub(crate) struct Collect {
    pub(crate) request: ExportTraceServiceRequest,
    group_open: bool,
}

impl Visitor for Collect {
    fn begin_group(&mut self) {
        self.group_open = false;
    }

    fn span(&mut self, group: &GroupFields<'_>, span: &SpanFields<'_>) {
        let groups = &mut self.request.resource_spans;
        if !std::mem::replace(&mut self.group_open, true) {
            groups.push(resource_spans(group));
        }
        groups.last_mut().unwrap().scope_spans[0]
            .spans
            .push(to_span(span));
    }
}

/// `request` in the form in which [`Collect`] has it: without what is not stored and without invalid spans.
pub(crate) fn flatten(request: ExportTraceServiceRequest) -> ExportTraceServiceRequest {
    let mut flat = ExportTraceServiceRequest::default();
    for group in request.resource_spans {
        let mut resource = group.resource.unwrap_or_default();
        resource.entity_refs.clear();
        resource.attributes.iter_mut().for_each(normalise);
        for scope_spans in group.scope_spans {
            let mut scope = scope_spans.scope.unwrap_or_default();
            scope.attributes.iter_mut().for_each(normalise);
            let spans: Vec<_> = scope_spans
                .spans
                .into_iter()
                .filter_map(flatten_span)
                .collect();
            if spans.is_empty() {
                continue;
            }
            let schema_url = scope_spans.schema_url;
            flat.resource_spans.push(ResourceSpans {
                resource: Some(resource.clone()),
                scope_spans: vec![ScopeSpans {
                    scope: Some(scope),
                    spans,
                    schema_url,
                }],
                schema_url: group.schema_url.clone(),
            });
        }
    }
    flat
}

fn flatten_span(mut span: Span) -> Option<Span> {
    let valid = |id: &[u8], length: usize| id.len() == length && id.iter().any(|byte| *byte != 0);
    let parent = &mut span.parent_span_id;
    if parent.iter().all(|byte| *byte == 0) && matches!(parent.len(), 0 | 8) {
        parent.clear();
    }
    let parent_valid = parent.is_empty() || valid(parent, 8);
    if !valid(&span.trace_id, 16) || !valid(&span.span_id, 8) || !parent_valid {
        return None;
    }
    span.status.get_or_insert_default();
    let of_events = span
        .events
        .iter_mut()
        .flat_map(|event| &mut event.attributes);
    let of_links = span.links.iter_mut().flat_map(|link| &mut link.attributes);
    span.attributes
        .iter_mut()
        .chain(of_events)
        .chain(of_links)
        .for_each(normalise);
    Some(span)
}

/// Takes away what only profiles use, and the difference between no value and an empty one.
fn normalise(attribute: &mut KeyValue) {
    attribute.key_strindex = 0;
    normalise_value(attribute.value.get_or_insert_default());
}

fn normalise_value(value: &mut AnyValue) {
    match &mut value.value {
        Some(Value::StringValueStrindex(_)) => value.value = None,
        Some(Value::ArrayValue(array)) => array.values.iter_mut().for_each(normalise_value),
        Some(Value::KvlistValue(list)) => list.values.iter_mut().for_each(normalise),
        _ => {}
    }
}

fn resource_spans(group: &GroupFields<'_>) -> ResourceSpans {
    let resource = Resource {
        attributes: attributes(group.resource_attributes),
        dropped_attributes_count: group.resource_dropped_attributes_count,
        ..Resource::default()
    };
    let scope = InstrumentationScope {
        name: group.scope_name.into(),
        version: group.scope_version.into(),
        attributes: attributes(group.scope_attributes),
        dropped_attributes_count: group.scope_dropped_attributes_count,
    };
    let scope_spans = ScopeSpans {
        scope: Some(scope),
        spans: Vec::new(),
        schema_url: group.scope_schema_url.into(),
    };
    ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scope_spans],
        schema_url: group.resource_schema_url.into(),
    }
}

fn to_span(span: &SpanFields<'_>) -> Span {
    let range = |range: &AttributeRange| attributes(&span.arena[range.clone()]);
    Span {
        trace_id: span.trace_id.0.to_vec(),
        span_id: span.span_id.0.to_vec(),
        parent_span_id: span
            .parent_span_id
            .map(|id| id.0.to_vec())
            .unwrap_or_default(),
        trace_state: span.trace_state.into(),
        flags: span.flags,
        name: span.name.into(),
        kind: span.kind,
        start_time_unix_nano: span.start_time_unix_nano,
        end_time_unix_nano: span.end_time_unix_nano,
        attributes: range(&span.attributes),
        dropped_attributes_count: span.dropped_attributes_count,
        events: span
            .events
            .iter()
            .map(|event| to_event(event, range(&event.attributes)))
            .collect(),
        dropped_events_count: span.dropped_events_count,
        links: span
            .links
            .iter()
            .map(|link| to_link(link, range(&link.attributes)))
            .collect(),
        dropped_links_count: span.dropped_links_count,
        status: Some(Status {
            code: span.status_code,
            message: span.status_message.into(),
        }),
    }
}

fn to_event(event: &clew_storage::span::EventFields<'_>, attributes: Vec<KeyValue>) -> Event {
    Event {
        time_unix_nano: event.time_unix_nano,
        name: event.name.into(),
        attributes,
        dropped_attributes_count: event.dropped_attributes_count,
    }
}

fn to_link(link: &clew_storage::span::LinkFields<'_>, attributes: Vec<KeyValue>) -> Link {
    Link {
        trace_id: link.trace_id.to_vec(),
        span_id: link.span_id.to_vec(),
        trace_state: link.trace_state.into(),
        attributes,
        dropped_attributes_count: link.dropped_attributes_count,
        flags: link.flags,
    }
}

fn attributes(attributes: &[AttributeRef<'_>]) -> Vec<KeyValue> {
    attributes
        .iter()
        .map(|a| key_value(a.key, borrowed_value(&a.value)))
        .collect()
}

fn key_value(key: &str, value: Option<Value>) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value }),
        ..KeyValue::default()
    }
}

fn borrowed_value(value: &ValueRef<'_>) -> Option<Value> {
    Some(match value {
        ValueRef::Empty => return None,
        ValueRef::String(text) => Value::StringValue((*text).into()),
        ValueRef::Bool(value) => Value::BoolValue(*value),
        ValueRef::Int(value) => Value::IntValue(*value),
        ValueRef::Double(value) => Value::DoubleValue(*value),
        ValueRef::Bytes(bytes) => Value::BytesValue(bytes.to_vec()),
        ValueRef::Nested(value) => return owned_value(value),
    })
}

fn owned_value(value: &AttributeValue) -> Option<Value> {
    Some(match value {
        AttributeValue::Empty => return None,
        AttributeValue::String(text) => Value::StringValue(text.clone()),
        AttributeValue::Bool(value) => Value::BoolValue(*value),
        AttributeValue::Int(value) => Value::IntValue(*value),
        AttributeValue::Double(value) => Value::DoubleValue(*value),
        AttributeValue::Bytes(bytes) => Value::BytesValue(bytes.clone()),
        AttributeValue::Array(values) => {
            let values = values.iter().map(|value| AnyValue {
                value: owned_value(value),
            });
            Value::ArrayValue(ArrayValue {
                values: values.collect(),
            })
        }
        AttributeValue::Map(entries) => {
            let values = entries
                .iter()
                .map(|(key, value)| key_value(key, owned_value(value)));
            Value::KvlistValue(KeyValueList {
                values: values.collect(),
            })
        }
    })
}
