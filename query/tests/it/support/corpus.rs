//! The recorded streams of `testdata/otlp` and bodies of `testdata/captures`, read by prost: another reader than the one that stores them.

use std::path::PathBuf;

use clew_storage::attributes::AttributeValue;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{Span, span};
use prost::Message;

use super::spans::{Attributes, TestEvent, TestLink, TestSpan};

#[path = "../../../../tests/it/support/tar.rs"]
mod tar;

/// The first spans of the stream `name`, at least `count` if it has so many.
pub(crate) fn spans(name: &str, count: usize) -> Vec<TestSpan> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(format!("../testdata/otlp/{name}.cut.otlp.zst"));
    let bytes = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
    let mut rest = bytes.as_slice();
    let mut spans = Vec::new();
    while !rest.is_empty() && spans.len() < count {
        let request = ExportTraceServiceRequest::decode_length_delimited(&mut rest).unwrap();
        spans.extend(read(request));
    }
    spans
}

/// The spans of each request of the recording `name` in `testdata/captures`.
pub(crate) fn capture(name: &str) -> Vec<Vec<TestSpan>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(format!("../testdata/captures/{name}.tar.zst"));
    let bodies = tar::read(&path).into_iter();
    let bodies = bodies.filter(|entry| entry.name() != "index.jsonl");
    bodies
        .map(|entry| read(ExportTraceServiceRequest::decode(entry.bytes.as_slice()).unwrap()))
        .collect()
}

pub(crate) fn read(request: ExportTraceServiceRequest) -> Vec<TestSpan> {
    let mut spans = Vec::new();
    for resource_spans in request.resource_spans {
        let resource = resource_spans.resource.unwrap_or_default();
        for scope_spans in resource_spans.scope_spans {
            let scope = scope_spans.scope.unwrap_or_default();
            for span in scope_spans.spans {
                spans.push(TestSpan {
                    resource: attributes(&resource.attributes),
                    resource_schema_url: resource_spans.schema_url.clone(),
                    scope_name: scope.name.clone(),
                    scope_version: scope.version.clone(),
                    scope: attributes(&scope.attributes),
                    scope_schema_url: scope_spans.schema_url.clone(),
                    ..own(span)
                });
            }
        }
    }
    spans
}

fn own(span: Span) -> TestSpan {
    let status = span.status.unwrap_or_default();
    TestSpan {
        trace_id: u128::from_be_bytes(span.trace_id.try_into().unwrap()),
        span_id: u64::from_be_bytes(span.span_id.try_into().unwrap()),
        parent: span.parent_span_id.try_into().ok().map(u64::from_be_bytes),
        trace_state: span.trace_state,
        flags: span.flags,
        name: span.name,
        kind: span.kind,
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano,
        status: status.code,
        status_message: status.message,
        attributes: attributes(&span.attributes),
        events: span.events.iter().map(event).collect(),
        links: span.links.iter().map(link).collect(),
        ..TestSpan::default()
    }
}

fn event(event: &span::Event) -> TestEvent {
    TestEvent {
        time: event.time_unix_nano,
        name: event.name.clone(),
        attributes: attributes(&event.attributes),
    }
}

fn link(link: &span::Link) -> TestLink {
    TestLink {
        trace_id: link.trace_id.clone(),
        span_id: link.span_id.clone(),
        trace_state: link.trace_state.clone(),
        attributes: attributes(&link.attributes),
        flags: link.flags,
    }
}

fn attributes(pairs: &[KeyValue]) -> Attributes {
    let pair = |pair: &KeyValue| (pair.key.clone(), value(pair.value.as_ref()));
    pairs.iter().map(pair).collect()
}

fn value(any: Option<&AnyValue>) -> AttributeValue {
    match any.and_then(|any| any.value.as_ref()) {
        Some(Value::StringValue(text)) => AttributeValue::String(text.clone()),
        Some(Value::BoolValue(value)) => AttributeValue::Bool(*value),
        Some(Value::IntValue(value)) => AttributeValue::Int(*value),
        Some(Value::DoubleValue(value)) => AttributeValue::Double(*value),
        Some(Value::BytesValue(bytes)) => AttributeValue::Bytes(bytes.clone()),
        Some(Value::KvlistValue(list)) => AttributeValue::Map(attributes(&list.values)),
        None => AttributeValue::Empty,
        Some(Value::ArrayValue(array)) => {
            AttributeValue::Array(array.values.iter().map(|item| value(Some(item))).collect())
        }
        Some(other) => panic!("no such value in these streams: {other:?}"),
    }
}
