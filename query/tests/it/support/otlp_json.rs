//! A small reader of OTLP JSON, enough for the fixtures: 64-bit numbers as text or number, hex ids.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clew_storage::attributes::AttributeValue;
use clew_storage::{Admission, DecodeError, Decoder, PayloadKind, SpanBatch};
use serde_json::Value;

use super::spans::{Attributes, TestEvent, TestLink, TestSpan, batch_at};

/// Kind of the payloads.
pub(crate) const KIND: PayloadKind = PayloadKind(77);

/// Decodes OTLP JSON.
pub(crate) struct OtlpJson;

impl Decoder for OtlpJson {
    fn decode(
        &self,
        kind: PayloadKind,
        payload: &Bytes,
        received_at_unix_nano: u64,
        _admission: &Admission,
    ) -> Result<SpanBatch, DecodeError> {
        match serde_json::from_slice(payload) {
            Ok(value) => Ok(batch_at(&read(&value), received_at_unix_nano)),
            Err(error) => Err(DecodeError {
                kind,
                message: error.to_string(),
            }),
        }
    }
}

/// The spans of a `TracesData`.
pub(crate) fn read(value: &Value) -> Vec<TestSpan> {
    let mut spans = Vec::new();
    for resource_spans in items(&value["resourceSpans"]) {
        for scope_spans in items(&resource_spans["scopeSpans"]) {
            let scope = &scope_spans["scope"];
            for span in items(&scope_spans["spans"]) {
                spans.push(TestSpan {
                    resource: attributes(&resource_spans["resource"]["attributes"]),
                    resource_schema_url: text(&resource_spans["schemaUrl"]),
                    scope_name: text(&scope["name"]),
                    scope_version: text(&scope["version"]),
                    scope: attributes(&scope["attributes"]),
                    scope_schema_url: text(&scope_spans["schemaUrl"]),
                    ..own(span)
                });
            }
        }
    }
    spans
}

fn own(span: &Value) -> TestSpan {
    TestSpan {
        trace_id: u128::from_str_radix(&text(&span["traceId"]), 16).unwrap(),
        span_id: u64::from_str_radix(&text(&span["spanId"]), 16).unwrap(),
        parent: u64::from_str_radix(&text(&span["parentSpanId"]), 16).ok(),
        trace_state: text(&span["traceState"]),
        flags: span["flags"].as_u64().unwrap_or(0) as u32,
        name: text(&span["name"]),
        kind: span["kind"].as_i64().unwrap_or(0) as i32,
        start: number(&span["startTimeUnixNano"]),
        end: number(&span["endTimeUnixNano"]),
        status: span["status"]["code"].as_i64().unwrap_or(0) as i32,
        status_message: text(&span["status"]["message"]),
        attributes: attributes(&span["attributes"]),
        events: items(&span["events"]).map(event).collect(),
        links: items(&span["links"]).map(link).collect(),
        ..TestSpan::default()
    }
}

fn event(event: &Value) -> TestEvent {
    TestEvent {
        time: number(&event["timeUnixNano"]),
        name: text(&event["name"]),
        attributes: attributes(&event["attributes"]),
    }
}

fn link(link: &Value) -> TestLink {
    TestLink {
        trace_id: hex::decode(text(&link["traceId"])).unwrap(),
        span_id: hex::decode(text(&link["spanId"])).unwrap(),
        trace_state: text(&link["traceState"]),
        attributes: attributes(&link["attributes"]),
        flags: 0,
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .or_else(|| value.as_str()?.parse().ok())
        .unwrap_or(0)
}

fn attributes(value: &Value) -> Attributes {
    items(value)
        .map(|entry| (text(&entry["key"]), any_value(&entry["value"])))
        .collect()
}

fn any_value(value: &Value) -> AttributeValue {
    let Some((kind, inner)) = value.as_object().and_then(|fields| fields.iter().next()) else {
        return AttributeValue::Empty;
    };
    match kind.as_str() {
        "stringValue" => AttributeValue::String(text(inner)),
        "boolValue" => AttributeValue::Bool(inner.as_bool().unwrap()),
        "intValue" => AttributeValue::Int(
            inner
                .as_i64()
                .or_else(|| inner.as_str()?.parse().ok())
                .unwrap(),
        ),
        "doubleValue" => AttributeValue::Double(inner.as_f64().unwrap()),
        "bytesValue" => AttributeValue::Bytes(STANDARD.decode(text(inner)).unwrap()),
        "arrayValue" => AttributeValue::Array(items(&inner["values"]).map(any_value).collect()),
        "kvlistValue" => AttributeValue::Map(attributes(&inner["values"])),
        other => panic!("{other}"),
    }
}
